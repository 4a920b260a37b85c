import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.geometry.resampling import resize_depth, resize_image, resize_nearest

small_sides = st.integers(1, 9)


def nearest_by_hand(values: np.ndarray, width: int, height: int) -> np.ndarray:
    rows = np.floor((np.arange(height) + 0.5) * values.shape[0] / height).astype(int)
    columns = np.floor((np.arange(width) + 0.5) * values.shape[1] / width).astype(int)
    return values[rows][:, columns]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize(("width", "height"), [(5, 3), (15, 9), (45, 27), (3, 1)])
def test_the_nearest_pixel_is_the_one_whose_area_holds_the_new_centre(dtype: type, width: int, height: int) -> None:
    values = np.arange(135).reshape(9, 15).astype(dtype)
    np.testing.assert_array_equal(resize_nearest(values, width, height), nearest_by_hand(values, width, height))


@given(arrays(np.bool_, st.tuples(small_sides, small_sides)), small_sides, small_sides)
def test_masks_stay_masks(mask: np.ndarray, width: int, height: int) -> None:
    resized = resize_nearest(mask, width, height)
    assert resized.dtype == np.bool_
    assert resized.shape == (height, width)
    assert set(np.unique(resized)) <= set(np.unique(mask))


@given(
    arrays(np.float32, st.tuples(small_sides, small_sides), elements=st.sampled_from([0.0, 1.0, 1.5, 4.0])),
    small_sides,
    small_sides,
)
def test_unknown_depth_is_never_mixed_into_known_depth(depth: np.ndarray, width: int, height: int) -> None:
    resized = resize_depth(depth, width, height)
    assert resized.shape == (height, width)
    known = depth[depth > 0]
    values = resized[resized > 0]
    if len(values):
        assert known.min() * (1 - 1e-6) <= values.min()  # float32 rounding of a weighted mean
        assert values.max() <= known.max() * (1 + 1e-6)
    np.testing.assert_array_equal(resized > 0, resize_nearest(depth > 0, width, height))


def test_a_slanted_plane_stays_in_its_place_when_enlarged() -> None:
    u = np.arange(8, dtype=np.float32)
    depth = np.broadcast_to(1 + 0.1 * u, (6, 8)).copy()
    enlarged = resize_depth(depth, 32, 24)
    expected = 1 + 0.1 * ((np.arange(32) + 0.5) / 4 - 0.5)
    np.testing.assert_allclose(enlarged[:, 2:-2], np.broadcast_to(expected, (24, 32))[:, 2:-2], atol=1e-6)


def test_a_picture_of_one_colour_stays_that_colour() -> None:
    image = np.full((6, 9, 3), (10, 200, 30), np.uint8)
    for size in [(3, 2), (27, 18), (9, 6), (18, 3)]:
        resized = resize_image(image, *size)
        assert resized.shape == (size[1], size[0], 3)
        np.testing.assert_array_equal(np.unique(resized.reshape(-1, 3), axis=0), [[10, 200, 30]])


def test_shrinking_a_picture_averages_areas() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0] = 100
    np.testing.assert_array_equal(resize_image(image, 1, 1), [[[50, 50, 50]]])


def test_arrays_that_may_not_be_written_can_be_resized() -> None:
    depth = np.ones((4, 4), np.float32)
    depth[0, 0] = 0
    depth.flags.writeable = False
    assert resize_depth(depth, 8, 8).max() == 1
    assert resize_nearest(depth[::2, ::2], 4, 4).max() == 1
