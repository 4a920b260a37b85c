"""What a vehicle's LiDAR tells a camera: the depth map for a prompt, and the pixels of what moves."""

import cv2
import numpy as np
from jaxtyping import Bool, Float

from recon.captures.base import LidarSweep, MovingBox, SensorDepth
from recon.geometry.camera import Camera
from recon.geometry.transforms import apply
from recon.prompts.completion import complete, straightened
from recon.prompts.lidar_projection import MIN_DEPTH, covered, nearest_points, spacing_px, visible_points

PROMPT_ROWS = 192  # the paper's; a LiDAR of 64 beams nearly fills them
MEASURED, COMPLETED = 2, 1  # levels of confidence
SUBPIXEL_BITS = 4  # of the corners of filled hulls
FAR_PX = 1e6  # corners farther out are drawn there


def sensor_depth(sweep: LidarSweep, max_depth: float) -> SensorDepth:
    """``lidar_depth`` on the prompt's own grid: 192 rows, and columns by the picture's aspect."""
    width = max(1, round(sweep.camera.width * PROMPT_ROWS / sweep.camera.height))
    return lidar_depth(sweep.points, sweep.camera.resized(width, PROMPT_ROWS), max_depth)


def lidar_depth(points: Float[np.ndarray, "n 3"], camera: Camera, max_depth: float) -> SensorDepth:
    """The depth of all that a LiDAR reaches in a camera's picture.

    Args:
        points: in the camera's axes, finite.
        max_depth: metres along the optical axis; what is beyond stays unknown.

    Returns:
        On the camera's grid. Confidence is 2 where a return fell into the pixel, 1 where it was completed from the
        four nearest on the same surface and straightened. Depth is 0 outside what the LiDAR covers, as in the sky.
    """
    nearest = nearest_points(points, camera)
    spacing = spacing_px(nearest > 0)
    seen = visible_points(nearest, spacing, camera)
    measured = seen > 0
    depth = straightened(complete(seen, measured, covered(measured, spacing), one_surface=True), measured)
    depth[depth > max_depth] = 0
    confidence = np.where(measured, MEASURED, COMPLETED) * (depth > 0)
    return SensorDepth(depth, confidence.astype(np.uint8), camera)


def moving_pixels(sweep: LidarSweep, camera: Camera) -> Bool[np.ndarray, "h w"]:
    """Pixels that a box of the sweep's moving objects covers; ``camera`` is the sweep's, of any size."""
    covers = np.zeros((camera.height, camera.width), np.uint8)
    for box in sweep.moving:
        corners = _corners_in_front(box)
        if len(corners):
            pixels = (corners @ camera.K.T)[:, :2] / corners[:, 2:]
            fixed_point = np.rint(np.clip(pixels, -FAR_PX, FAR_PX) * 2**SUBPIXEL_BITS).astype(np.int32)
            cv2.fillConvexPoly(covers, cv2.convexHull(fixed_point), 1, shift=SUBPIXEL_BITS)
    return covers.astype(bool)


def _corners_in_front(box: MovingBox) -> Float[np.ndarray, "n 3"]:
    """Corners of the part of a box that lies farther than ``MIN_DEPTH`` along the optical axis."""
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = apply(box.T_camera_box, signs * box.size / 2)
    first, second = np.nonzero(np.triu((signs[:, None] != signs).sum(2) == 1))  # the twelve edges
    before, after = corners[first, 2] - MIN_DEPTH, corners[second, 2] - MIN_DEPTH
    cut = before * after < 0
    share = (before[cut] / (before[cut] - after[cut]))[:, None]
    crossings = corners[first[cut]] + share * (corners[second[cut]] - corners[first[cut]])
    return np.concatenate([corners[corners[:, 2] >= MIN_DEPTH], crossings])
