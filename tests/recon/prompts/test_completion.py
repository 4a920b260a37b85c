import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.prompts.completion import fill_from_nearest

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
