"""Where a LiDAR's points fall in a camera's picture, which of them the camera sees, and what they cover."""

import cv2
import numpy as np
from jaxtyping import Bool, Float

from recon.geometry.camera import Camera

MIN_DEPTH = 0.5  # metres before the camera; nearer lies nothing but the vehicle itself
NEIGHBOURHOOD = 1 / 12  # of the picture's shorter side: the square in which the density of returns is taken
# A nearer point hides those around it that lie farther by more than both.
WINDOW = 1.25  # spacings around a point
NEARER_METRES, NEARER_SHARE = 0.5, 0.1
CAMERA_HEIGHT = 1.5  # metres above the road, which rises in the picture by itself
# Gaps of the LiDAR that are narrower belong to what it reached.
GAP = 2.5  # spacings from a pixel to the nearest return; some three times the distance between two returns
LEAST_GAP_PX = 1.5
LARGEST = 1 / 16  # of the picture's shorter side: the widest window and gap
GAP_STEP = 1.3  # between one width of gaps and the next


def nearest_points(points: Float[np.ndarray, "n 3"], camera: Camera) -> Float[np.ndarray, "h w"]:
    """Z-depth, float32 metres, of the nearest point in each pixel; 0 where there is none.

    Args:
        points: in the camera's axes.
    """
    x, y, z = np.ascontiguousarray(points[points[:, 2] > MIN_DEPTH].T)
    column, row = np.rint(camera.fx * x / z + camera.cx), np.rint(camera.fy * y / z + camera.cy)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    nearest = np.full((camera.height, camera.width), np.inf, np.float32)
    np.minimum.at(nearest, (row[inside].astype(np.intp), column[inside].astype(np.intp)), z[inside].astype(np.float32))
    nearest[np.isinf(nearest)] = 0
    return nearest


def spacing_px(returned: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The radius in pixels of the disc that holds four returns, float32; infinite far from all.

    Of the returns in the surroundings of a pixel. Taken from their density, as the beams of a LiDAR
    are often farther apart than the points of one.
    """
    side = 2 * round(min(returned.shape) * NEIGHBOURHOOD / 2) + 1
    density = _mean(returned.astype(np.float32), side)
    spacing_there = np.where(returned, np.sqrt(4 / np.pi / np.maximum(density, 1 / side**2)), 0).astype(np.float32)
    spacing = np.full(returned.shape, np.inf, np.float32)
    np.divide(_mean(spacing_there, side), density, out=spacing, where=density > 0.5 / side**2)
    return spacing


def visible_points(
    depth: Float[np.ndarray, "h w"], spacing: Float[np.ndarray, "h w"], camera: Camera
) -> Float[np.ndarray, "h w"]:
    """The same without points that show through the gaps between nearer ones.

    A LiDAR beside the camera sees what the camera does not. A point goes if another within ``WINDOW``
    spacings of it is nearer by ``NEARER_METRES``, by ``NEARER_SHARE``, and by more than a level road would be,
    whose inverse depth grows by 1 / (focal length x camera height) with each row.
    """
    rows, columns = np.nonzero(depth)
    window = np.clip(WINDOW * spacing[rows, columns] + 0.5, np.sqrt(2), LARGEST * min(depth.shape))  # between centres
    widest_first = np.argsort(-window, kind="stable")
    rows, columns, window = rows[widest_first], columns[widest_first], window[widest_first]
    here = depth[rows, columns]
    reach = int(window.max(initial=0))
    padded = np.pad(depth, reach, constant_values=np.inf)
    padded[padded == 0] = np.inf
    stride = padded.shape[1]
    place = (rows + reach) * stride + columns + reach
    padded = padded.ravel()
    hidden = np.zeros(len(here), bool)
    for down in range(-reach, reach + 1):
        rise = max(down + 1, 0) / (camera.fy * CAMERA_HEIGHT)  # one more, as rows are rounded
        limit = np.minimum(here - NEARER_METRES, np.minimum((1 - NEARER_SHARE) * here, here / (1 + rise * here)))
        for right in range(-reach, reach + 1):
            concerned = np.searchsorted(-window, -np.hypot(down, right), side="right")
            hidden[:concerned] |= padded[place[:concerned] + (down * stride + right)] < limit[:concerned]
    seen = depth.copy()
    seen[rows[hidden], columns[hidden]] = 0
    return seen


def covered(returned: Bool[np.ndarray, "h w"], spacing: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The returns and the gaps between them that are not wider than ``GAP`` spacings on either side.

    A morphological closing by discs, which fills between returns and never grows over their outer edge:
    nothing is covered above the topmost beam. Discs of several sizes, each where the spacing allows it.
    """
    reach = np.minimum(GAP * spacing, LARGEST * min(returned.shape))
    to_return = _distance(~returned)
    found = returned.copy()
    radius = max(LEAST_GAP_PX, float(np.min(reach, where=returned, initial=np.inf)))
    largest = float(np.max(reach, where=returned, initial=0))
    while radius <= largest:
        found |= (reach >= radius) & (_distance(to_return <= radius) > radius)
        radius *= GAP_STEP
    return found


def _mean(values: Float[np.ndarray, "h w"], side: int) -> Float[np.ndarray, "h w"]:
    return cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)


def _distance(apart: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Pixels from each that is True to the nearest that is False."""
    return cv2.distanceTransform(apart.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
