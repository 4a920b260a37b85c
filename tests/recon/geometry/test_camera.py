import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.geometry.camera import Camera

sides = st.integers(1, 4000)
cameras = st.builds(
    Camera.from_focal,
    sides,
    sides,
    st.floats(10, 5000),
    st.floats(10, 5000),
    st.floats(-50, 4000),
    st.floats(-50, 4000),
)


def corners_px(camera: Camera) -> np.ndarray:
    """Tangents of the view's left, right, top and bottom edge, which lie half a pixel outside the outer centres."""
    return np.array(
        [
            (-0.5 - camera.cx) / camera.fx,
            (camera.width - 0.5 - camera.cx) / camera.fx,
            (-0.5 - camera.cy) / camera.fy,
            (camera.height - 0.5 - camera.cy) / camera.fy,
        ]
    )


@given(cameras, sides, sides)
def test_a_resized_camera_sees_exactly_the_same_view(camera: Camera, width: int, height: int) -> None:
    resized = camera.resized(width, height)
    assert (resized.width, resized.height) == (width, height)
    np.testing.assert_allclose(corners_px(resized), corners_px(camera), rtol=1e-9, atol=1e-9)


@given(cameras, sides, sides)
def test_resizing_there_and_back_changes_nothing(camera: Camera, width: int, height: int) -> None:
    back = camera.resized(width, height).resized(camera.width, camera.height)
    np.testing.assert_allclose(back.K, camera.K, rtol=1e-9, atol=1e-6)


def test_halving_a_picture_moves_the_principal_point_by_a_quarter_pixel() -> None:
    half = Camera.from_focal(640, 480, 500.0, 500.0, 319.5, 239.5).resized(320, 240)
    assert (half.cx, half.cy) == (159.5, 119.5)  # the middle stays the middle
    assert Camera.from_focal(640, 480, 500.0, 500.0, 300.0, 200.0).resized(320, 240).cx == 149.75


def test_cropping_moves_the_principal_point_only() -> None:
    cropped = Camera.from_focal(640, 480, 500.0, 510.0, 320.0, 240.0).cropped(100, 50, 200, 150)
    assert (cropped.width, cropped.height, cropped.fx, cropped.fy) == (200, 150, 500, 510)
    assert (cropped.cx, cropped.cy) == (220, 190)


@pytest.mark.parametrize(
    ("width", "height", "fx", "cx"),
    [(0, 1, 1.0, 0.0), (1, -1, 1.0, 0.0), (1, 1, 0.0, 0.0), (1, 1, np.nan, 0.0), (1, 1, 1.0, np.inf)],
)
def test_a_camera_that_cannot_be_is_refused(width: int, height: int, fx: float, cx: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Camera.from_focal(width, height, fx, 1.0, cx, 0.0)


def test_skew_is_refused_because_it_would_be_ignored() -> None:
    with pytest.raises(ValueError, match="skew"):
        Camera(4, 3, np.array([[1.0, 0.1, 0], [0, 1, 0], [0, 0, 1]]))
