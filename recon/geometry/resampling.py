"""Images and depth maps on other pixel grids; unknown depth is never mixed into known depth."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8


def resize_image(image: UInt8[np.ndarray, "h w 3"], width: int, height: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Averages areas when shrinking, interpolates cubically when enlarging."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def resize_nearest(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """The value of the pixel whose centre is nearest, for depth with gaps, masks and labels."""
    if values.shape[:2] == (height, width):
        return values
    interpolation = cv2.INTER_NEAREST_EXACT  # INTER_NEAREST rounds down and shifts by half a pixel
    if values.dtype == np.bool_:
        return cv2.resize(values.view(np.uint8), (width, height), interpolation=interpolation).view(np.bool_)
    return cv2.resize(values, (width, height), interpolation=interpolation)


def resize_depth(depth: Float[np.ndarray, "h w"], width: int, height: int) -> Float[np.ndarray, "h2 w2"]:
    """Bilinear among known pixels only; 0 where the nearest pixel is unknown."""
    if depth.shape == (height, width):
        return depth
    known = depth > 0
    if known.all():
        return cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR)
    weight = cv2.resize(known.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    total = cv2.resize(np.where(known, depth, 0).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    keep = resize_nearest(known, width, height) & (weight > 0)
    return np.divide(total, weight, out=np.zeros_like(total), where=keep)
