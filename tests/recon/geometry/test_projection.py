import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.geometry.camera import Camera
from recon.geometry.projection import backproject, project, rays

CAMERA = Camera.from_focal(8, 6, 7.0, 7.5, 3.2, 2.6)
FLOAT32_PX = 1e-4  # rounding of float32 points, in pixels of small pictures
depths = arrays(np.float32, (6, 8), elements=st.floats(0.125, 20, width=32))


@given(depths)
def test_projecting_back_projected_pixels_gives_the_pixels(depth: np.ndarray) -> None:
    pixels, z = project(backproject(depth, CAMERA), CAMERA)
    v, u = np.mgrid[:6, :8]
    np.testing.assert_allclose(pixels, np.stack([u, v], -1), atol=FLOAT32_PX)
    np.testing.assert_array_equal(z, depth)


@given(arrays(np.float64, (5, 3), elements=st.floats(-3, 3)), st.integers(1, 30), st.integers(1, 30))
def test_a_point_projects_to_the_same_place_of_a_resized_picture(points: np.ndarray, width: int, height: int) -> None:
    points = points + np.array([0, 0, 4])
    small, _ = project(points, CAMERA)
    large, _ = project(points, CAMERA.resized(width, height))
    np.testing.assert_allclose((small + 0.5) * [width / 8, height / 6], large + 0.5, atol=1e-9)


def test_unknown_depth_lands_on_the_origin() -> None:
    np.testing.assert_array_equal(backproject(np.zeros((6, 8), np.float32), CAMERA), 0)


def test_points_that_are_not_in_front_have_no_pixel() -> None:
    pixels, z = project(np.array([[1.0, 1, 0], [1, 1, -2], [0, 0, 1]]), CAMERA)
    assert np.isnan(pixels[:2]).all()
    np.testing.assert_allclose(pixels[2], [3.2, 2.6])
    np.testing.assert_array_equal(z, [0, -2, 1])


def test_depth_is_along_the_axis_and_not_along_the_ray() -> None:
    points = backproject(np.full((6, 8), 2, np.float32), CAMERA)
    np.testing.assert_array_equal(points[..., 2], 2)
    assert rays(CAMERA).dtype == points.dtype == np.float32
