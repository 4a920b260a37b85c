"""What a depth map of a phone is like, in numbers that need no truth; and the few that do.

Maps are (h, w) metres, positive everywhere; confidence 0, 1, 2 or None where the capture has none.
"""

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from recon.geometry.camera import Camera
from recon.geometry.projection import rays

STEP = 0.15  # log depth between both sides of an edge
STEP_REACH = 5  # pixels to each side within which it lies
LEVEL = 0.02  # log depth that each side may change over the next STEP_REACH pixels
FLAT_WINDOWS = (9, 15, 31)  # pixels
LAGS = (1, 2, 4, 8)  # pixels
LEAST_BLOB = 20  # pixels; fewer are crumbs
OVERLAP = 0.03  # log depth by which neighbouring frames may differ where they see the same


def edge_shares(depth: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "n 2"]:
    """Of the jump at each isolated depth step: the greatest shares between neighbours and across three pixels."""
    found = []
    level = np.log(depth)
    for rows in (level, level.T):
        reach = STEP_REACH
        profile = np.lib.stride_tricks.sliding_window_view(rows, 4 * reach + 1, axis=1)
        left, right = profile[..., reach], profile[..., 3 * reach]
        jump = right - left
        sides = np.maximum(np.ptp(profile[..., : reach + 1], -1), np.ptp(profile[..., 3 * reach :], -1))
        isolated = (np.abs(jump) > STEP) & (sides < LEVEL)
        middle = ndimage.maximum_filter1d(np.where(isolated, np.abs(jump), 0), 2 * reach + 1, axis=1) == np.abs(jump)
        steps = profile[isolated & middle][:, reach : 3 * reach + 1]
        total = (steps[:, -1] - steps[:, 0])[:, None]
        shares = [((steps[:, lag:] - steps[:, :-lag]) / total).max(1) for lag in (1, 3)]
        found.append(np.stack(shares, axis=1))
    return np.concatenate(found)


def flatness(
    depth: Float[np.ndarray, "h w"], confidence: UInt8[np.ndarray, "h w"] | None, window: int
) -> Float[np.ndarray, "n 5"]:
    """Per window of confident pixels: relative deviation from a plane, and correlation of it at ``LAGS``."""
    centred = (np.arange(window) - (window - 1) / 2) / window
    y, x = np.meshgrid(centred, centred, indexing="ij")
    basis, _ = np.linalg.qr(np.stack([np.ones(window**2), y.ravel(), x.ravel()], axis=1))
    sure = np.ones(depth.shape, bool) if confidence is None else confidence == 2
    step, shape = window // 2, (window, window)
    windows = np.lib.stride_tricks.sliding_window_view(1 / depth, shape)[::step, ::step].reshape(-1, window**2)
    whole = np.lib.stride_tricks.sliding_window_view(sure, shape)[::step, ::step].all(axis=(-2, -1)).ravel()
    chosen = windows[whole].astype(np.float64)
    if not len(chosen):
        return np.empty((0, 1 + len(LAGS)))
    residual = ((chosen - chosen @ basis @ basis.T) / chosen.mean(1, keepdims=True)).reshape(-1, *shape)
    power = (residual**2).mean(axis=(1, 2))
    lagged = [(residual[..., lag:] * residual[..., :-lag]).mean(axis=(1, 2)) / power for lag in LAGS]
    return np.stack([np.sqrt(power), *lagged], axis=1)


def low_confidence(confidence: UInt8[np.ndarray, "h w"]) -> tuple[Float[np.ndarray, " 3"], list[int]]:
    """Shares of the three levels, and the sizes in pixels of what has confidence 0 away from the border."""
    shares = np.array([(confidence == value).mean() for value in range(3)])
    labels, count = ndimage.label(confidence == 0)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    at_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    inner = [int(size) for label, size in enumerate(sizes) if label and label not in at_border and size >= LEAST_BLOB]
    return shares, inner


def scale_change(
    first: Float[np.ndarray, "h w"],
    second: Float[np.ndarray, "h w"],
    T_second_first: Float[np.ndarray, "4 4"],
    camera: Camera,
) -> float:
    """Median log ratio of the second frame's depth to the first's seen from there; NaN where they hardly overlap."""
    points = (rays(camera) * first[..., None]).reshape(-1, 3) @ T_second_first[:3, :3].T + T_second_first[:3, 3]
    ahead = points[points[:, 2] > 0.1]
    columns, rows = np.rint((ahead @ camera.K.T)[:, :2] / ahead[:, 2:]).astype(int).T
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    ratio = np.log(second[rows[inside], columns[inside]] / ahead[inside, 2])
    same = ratio[np.abs(ratio - np.median(ratio)) < OVERLAP] if len(ratio) else ratio
    return float(np.median(same)) if len(same) > 0.2 * first.size else float("nan")


def true_edge_shares(depth: Float[np.ndarray, "h w"], true: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "n 2"]:
    """Of the jump of the truth between two neighbouring pixels: what the map has between them and across three."""
    found = []
    for seen, exact in ((np.log(depth), np.log(true)), (np.log(depth).T, np.log(true).T)):
        jump = np.diff(exact, axis=1)[:, 1:-1]
        steep = np.abs(jump) > STEP
        between = np.diff(seen, axis=1)[:, 1:-1] / np.where(steep, jump, 1)
        across = (seen[:, 3:] - seen[:, :-3]) / np.where(steep, jump, 1)
        found.append(np.stack([between[steep], across[steep]], axis=1))
    return np.concatenate(found)
