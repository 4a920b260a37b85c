import numpy as np
import pytest

from recon.captures.stills import intrinsics_of_pictures
from recon.errors import CaptureError
from recon.geometry.camera import Camera

STATED, PICTURES = (1920, 1440), (1440, 1080)


@pytest.mark.parametrize("size", [STATED, PICTURES])
def test_intrinsics_are_for_the_size_whose_centre_theirs_is_nearest_to(size: tuple[int, int]) -> None:
    width, height = size
    camera = Camera.from_focal(width, height, 0.8 * width, 0.8 * width, width / 2 + 3, height / 2 - 4)
    expected = camera.resized(*PICTURES)
    row = np.array([[camera.fx, camera.fy, camera.cx, camera.cy]])
    found = intrinsics_of_pictures(row, STATED, PICTURES, "scan")
    np.testing.assert_allclose(found, [[expected.fx, expected.fy, expected.cx, expected.cy]])


def test_intrinsics_that_fit_neither_size_are_refused() -> None:
    with pytest.raises(CaptureError, match="do not fit pictures of 1440x1080"):
        intrinsics_of_pictures(np.array([[500.0, 500.0, 320.0, 240.0]]), STATED, PICTURES, "scan")
