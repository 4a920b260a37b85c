"""Pictures of real lenses as a pinhole camera would have taken them."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from recon.geometry.camera import Camera

Image = UInt8[np.ndarray, "H W 3"]
MODELS = {"opencv": (4, 5, 8), "fisheye": (4,)}  # and how many coefficients each has


def undistortion(
    camera: Camera, model: str, coefficients: Float[np.ndarray, " k"]
) -> tuple[Camera, Callable[[Image], Image]]:
    """The pinhole camera of the same size that shows only what the lens saw, and what makes its pictures.

    Args:
        camera: its matrix, before distortion.
        model: "opencv" (k1 k2 p1 p2, k3, k4 k5 k6) or "fisheye" (k1 k2 k3 k4, Kannala and Brandt 2006).
    """
    if model not in MODELS or len(coefficients) not in MODELS[model]:
        raise ValueError(f"{len(coefficients)} coefficients of model {model!r}; known are {MODELS}")
    size = (camera.width, camera.height)
    if model == "fisheye":
        K = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(camera.K, coefficients, size, np.eye(3), balance=0.0)
        across, down = cv2.fisheye.initUndistortRectifyMap(camera.K, coefficients, np.eye(3), K, size, cv2.CV_32FC1)
    else:
        K, _ = cv2.getOptimalNewCameraMatrix(camera.K, coefficients, size, 0)  # no black rim
        across, down = cv2.initUndistortRectifyMap(camera.K, coefficients, None, K, size, cv2.CV_32FC1)

    def undistort(image: Image) -> Image:
        straight: Image = cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return straight

    pinhole = Camera.from_focal(*size, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    return pinhole, undistort
