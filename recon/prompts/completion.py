"""Filling unknown depth from the nearest known pixels."""

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

NEIGHBOURS = 4  # the paper's authors' advice for sparse prompts
SAME_SURFACE_METRES, SAME_SURFACE_SHARE = 0.2, 0.1  # by which depths of one surface may differ together
RING_AREA = 2.5  # times the area that holds the neighbours on average; what is left is rare
WIDEST_RING_PX = 16
# On KITTI, with a tenth of the returns hidden, 8 steps brought the median error from 0.62 to 0.30 %; 32 no further.
STRAIGHTENING_STEPS = 8
_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
_DIRECT_NEIGHBOURS = tuple(
    (here, there)
    for one, other in ((_FIRST, _LAST), (_LAST, _FIRST))
    for here, there in (((one, _ALL), (other, _ALL)), ((_ALL, one), (_ALL, other)))
)


def fill_from_nearest(
    depth: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], neighbours: int = NEIGHBOURS
) -> Float[np.ndarray, "h w"]:
    """Unknown pixels become the mean of their nearest known ones, weighted by 1 / pixel distance.

    Raises ``ValueError`` where nothing is known.
    """
    if valid.all():
        return depth
    if not valid.any():
        raise ValueError("fill_from_nearest was given no valid pixel")
    return complete(depth, valid, ~valid, neighbours)


def complete(
    depth: Float[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    wanted: Bool[np.ndarray, "h w"],
    neighbours: int = NEIGHBOURS,
    one_surface: bool = False,
) -> Float[np.ndarray, "h w"]:
    """The same with the unknown pixels among those wanted filled from their nearest known ones.

    Args:
        depth: metres, float32.
        valid: the known pixels.
        wanted: the pixels to fill; those that are known stay as they are.
        neighbours: how many make the mean, weighted by 1 / pixel distance.
        one_surface: leave out of the mean what differs from the nearest one's depth by more than
            ``SAME_SURFACE_METRES`` and ``SAME_SURFACE_SHARE`` of it together.
    """
    filled = depth.copy()
    unknown = wanted & ~valid
    known_count = int(np.count_nonzero(valid))
    if not known_count or not unknown.any():
        return filled
    neighbours = min(neighbours, known_count)
    share = known_count / (known_count + np.count_nonzero(unknown))
    reach = min(math.ceil(math.sqrt(RING_AREA * neighbours / share / math.pi)), WIDEST_RING_PX)
    found = _fill_by_rings(filled, valid, unknown, neighbours, one_surface, reach)
    _fill_by_tree(filled, valid, unknown & ~found, neighbours, one_surface)
    return filled


def straightened(
    depth: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], steps: int = STRAIGHTENING_STEPS
) -> Float[np.ndarray, "h w"]:
    """Completed depth without the steps that the mean of the nearest leaves between the beams of a LiDAR.

    Each pixel that is not ``valid`` becomes, ``steps`` times, the mean inverse depth of its direct neighbours on the
    same surface, which is the relaxation of Laplace's equation: planes, whose inverse depth is linear in the
    picture, come out plane. Unknown depth (0) stays unknown.
    """
    known = depth > 0
    inverse = np.divide(1, depth, out=np.zeros_like(depth), where=known)
    free = known & ~valid
    for _ in range(steps):
        total, count = np.zeros_like(inverse), np.zeros(depth.shape, np.float32)
        for here, there in _DIRECT_NEIGHBOURS:
            mine, other = inverse[here], inverse[there]
            same = (other > 0) & (np.abs(other - mine) < SAME_SURFACE_SHARE * np.maximum(other, mine))
            total[here] += other * same
            count[here] += same
        moves = free & (count > 0)
        inverse[moves] = total[moves] / count[moves]
    return np.divide(1, inverse, out=depth.copy(), where=free)


def _fill_by_rings(
    filled: Float[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    unknown: Bool[np.ndarray, "h w"],
    neighbours: int,
    one_surface: bool,
    reach: int,
) -> Bool[np.ndarray, "h w"]:
    """Fills what has all its neighbours within ``reach`` pixels, and tells which pixels these are.

    All known pixels give their depth to the pixel one offset away, one offset after the other in order
    of length, so that each unknown pixel is given its neighbours in order. A few times faster than a tree.
    """
    height, width = filled.shape
    stride = width + 2 * reach
    missing = np.pad(np.where(unknown, neighbours, 0).astype(np.int8), reach).ravel()
    first, weights, sums = (np.zeros(missing.size, np.float32) for _ in range(3))
    rows, columns = np.nonzero(valid)
    place, depth = (rows + reach) * stride + columns + reach, filled[rows, columns]
    for down, right in _offsets(reach):
        there = place + (down * stride + right)
        receives = np.flatnonzero(missing[there])
        there, given = there[receives], depth[receives]
        left = missing[there]
        nearest = np.where(left == neighbours, given, first[there])
        weight: np.float32 | Float[np.ndarray, " n"] = np.float32(1 / math.hypot(down, right))
        if one_surface:
            weight = weight * _on_surface(given, nearest)
        first[there], missing[there] = nearest, left - 1
        weights[there] += weight
        sums[there] += weight * given
    inner = np.s_[reach : reach + height, reach : reach + width]
    found = unknown & (missing.reshape(-1, stride)[inner] == 0)
    filled[found] = sums.reshape(-1, stride)[inner][found] / weights.reshape(-1, stride)[inner][found]
    return found


def _offsets(reach: int) -> list[list[int]]:
    """(rows, columns) of all pixels within a disc around (0, 0) but itself, the nearest first."""
    offsets = np.argwhere(np.ones((2 * reach + 1, 2 * reach + 1))) - reach
    length = (offsets**2).sum(1)
    order = np.argsort(length, kind="stable")
    return offsets[order[(length[order] > 0) & (length[order] <= reach**2)]].tolist()


def _fill_by_tree(
    filled: Float[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    unknown: Bool[np.ndarray, "h w"],
    neighbours: int,
    one_surface: bool,
) -> None:
    targets = np.argwhere(unknown)
    if not len(targets):
        return
    distance_px, nearest = cKDTree(np.argwhere(valid)).query(targets, k=np.arange(1, neighbours + 1), workers=-1)
    weight = 1.0 / distance_px  # distinct pixels: never below 1
    values = filled[valid][nearest]
    if one_surface:
        weight *= _on_surface(values, values[:, :1])
    filled[unknown] = (weight * values).sum(1) / weight.sum(1)


def _on_surface(depth: Float[np.ndarray, "..."], nearest: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    return np.abs(depth - nearest) <= SAME_SURFACE_METRES + SAME_SURFACE_SHARE * nearest
