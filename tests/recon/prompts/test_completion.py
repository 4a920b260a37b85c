import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.prompts.completion import WIDEST_RING_PX, complete, fill_from_nearest, straightened

shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))


def within_any_choice_of_neighbours(depth: np.ndarray, valid: np.ndarray, row: int, column: int, k: int) -> tuple:
    """Least and greatest weighted mean over all ways to break ties among equally near pixels."""
    known = np.argwhere(valid)
    distance = np.hypot(*(known - (row, column)).T)
    k = min(k, len(known))
    limit = np.sort(distance)[k - 1]
    sure, tied = distance < limit - 1e-9, np.abs(distance - limit) <= 1e-9
    values = depth[valid].astype(np.float64)
    total, weight = (values[sure] / distance[sure]).sum(), (1 / distance[sure]).sum()
    left = k - int(sure.sum())
    ranked = np.sort(values[tied])
    bounds = [(total + part.sum() / limit) / (weight + left / limit) for part in (ranked[:left], ranked[-left:])]
    return bounds[0], bounds[1]


@st.composite
def gappy_maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(shapes)
    depth = draw(arrays(np.float32, shape, elements=st.floats(0.5, 8, width=32)))
    valid = draw(arrays(np.bool_, shape))
    valid[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    return depth, valid


@given(gappy_maps(), st.integers(1, 5))
def test_holes_become_the_weighted_mean_of_their_nearest_pixels(maps: tuple[np.ndarray, np.ndarray], k: int) -> None:
    depth, valid = maps
    filled = fill_from_nearest(np.where(valid, depth, np.float32(np.nan)), valid, k)
    np.testing.assert_array_equal(filled[valid], depth[valid])
    for row, column in np.argwhere(~valid):
        low, high = within_any_choice_of_neighbours(depth, valid, row, column, k)
        assert low - 1e-5 <= filled[row, column] <= high + 1e-5


def test_a_nearer_pixel_counts_more() -> None:
    depth = np.array([[1, 0, 0, 4]], np.float32)
    np.testing.assert_allclose(fill_from_nearest(depth, depth > 0), [[1, 2, 3, 4]])  # weights 1 and 1/2


def test_the_given_arrays_are_left_alone() -> None:
    depth = np.array([[1, 0], [0, 3]], np.float32)
    depth.flags.writeable = False
    assert fill_from_nearest(depth, depth > 0).dtype == np.float32
    np.testing.assert_array_equal(depth, [[1, 0], [0, 3]])


def test_nothing_known_is_refused() -> None:
    with pytest.raises(ValueError, match="no valid pixel"):
        fill_from_nearest(np.ones((2, 2), np.float32), np.zeros((2, 2), bool))


@pytest.mark.parametrize("share", [0.5, 0.05, 0.004])
def test_sparse_maps_are_filled_from_the_nearest_too(share: float) -> None:
    random = np.random.default_rng(3)
    depth = random.uniform(1, 80, (60, 90)).astype(np.float32)
    valid = random.random(depth.shape) < share
    filled = complete(depth, valid, np.ones_like(valid))
    for row, column in random.permutation(np.argwhere(~valid))[:300]:
        low, high = within_any_choice_of_neighbours(depth, valid, row, column, 4)
        assert low * (1 - 1e-5) <= filled[row, column] <= high * (1 + 1e-5)


@pytest.mark.parametrize("gap", [2, 3 * WIDEST_RING_PX])
def test_a_pixel_between_two_surfaces_belongs_to_the_nearer_pixel(gap: int) -> None:
    row = np.zeros((1, gap + 2), np.float32)
    row[0, 0], row[0, -1] = 10, 30
    filled = complete(row, row > 0, np.ones_like(row, bool), one_surface=True)
    np.testing.assert_allclose(filled[0, : gap // 2 + 1], 10)
    np.testing.assert_allclose(filled[0, gap // 2 + 1 :], 30)


@pytest.mark.parametrize(
    ("other", "expected"), [(11.15, 10 + 1.15 / 3), (11.25, 10), (8.85, 10 - 1.15 / 3), (8.75, 10)]
)
def test_one_surface_differs_by_a_tenth_and_twenty_centimetres(other: float, expected: float) -> None:
    row = np.array([[10, 0, 0, other]], np.float32)
    filled = complete(row, row > 0, np.array([[False, True, False, False]]), one_surface=True)
    np.testing.assert_allclose(filled, [[10, expected, 0, other]], rtol=1e-6)  # weights 1 and 1/2


def test_what_is_not_wanted_stays_as_it_is() -> None:
    random = np.random.default_rng(0)
    depth = random.uniform(1, 8, (20, 30)).astype(np.float32)
    valid, wanted = random.random((2, 20, 30)) < [[[0.2]], [[0.5]]]
    filled = complete(depth, valid, wanted)
    np.testing.assert_array_equal(filled[valid | ~wanted], depth[valid | ~wanted])
    assert (filled[wanted & ~valid] != depth[wanted & ~valid]).all()


def test_nothing_known_fills_nothing() -> None:
    unknown = np.zeros((3, 4), np.float32)
    np.testing.assert_array_equal(complete(unknown, unknown > 0, unknown == 0), unknown)


def test_straightening_makes_a_plane_of_the_steps_between_beams():
    rows, columns = np.mgrid[:60, :80].astype(np.float32)
    plane = 1 / (0.05 + 0.002 * rows + 0.0005 * columns)
    beams = np.zeros(plane.shape, bool)
    beams[::3] = True
    stepped = complete(plane, beams, np.ones_like(beams), one_surface=True)
    straight = straightened(stepped, beams)
    inner = np.s_[3:-3, 3:-3]  # the last rows have a beam on one side only
    before, after = (np.abs(depth / plane - 1)[inner].max() for depth in (stepped, straight))
    assert after < 0.1 * before
    np.testing.assert_array_equal(straight[beams], plane[beams])


def test_straightening_mixes_no_surfaces_and_invents_nothing():
    depth = np.full((20, 30), 5, np.float32)
    depth[:, 15:] = 9
    depth[:4] = 0
    np.testing.assert_allclose(straightened(depth, np.zeros(depth.shape, bool)), depth, rtol=1e-6)
