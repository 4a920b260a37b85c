"""Which pixels of a depth map show what other views saw through: objects that have moved."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float

from recon.geometry.camera import Camera
from recon.geometry.projection import backproject, project
from recon.geometry.transforms import apply, invert

# A view passes through a place if what it measured there is so much farther. On a LiDAR's completed depth
# the ground seen at a grazing angle differs by less.
THROUGH_METRES = 0.5
THROUGH_SHARE = 0.05
NEIGHBOURHOOD_PX = 5  # all of whose measurements must lie behind: a beam that passes beside a pole says nothing
WITNESSES = 2  # other views that must agree
LEAST_PIXELS = 12  # of a spot; fewer are noise


class MeasuredView:
    """Depth that was measured from a known place, ready to be asked what it passed through."""

    def __init__(
        self, depth: Float[np.ndarray, "h w"], camera: Camera, T_world_camera: Float[np.ndarray, "4 4"]
    ) -> None:
        self.depth = depth
        self.camera = camera
        self.T_world_camera = T_world_camera
        known = np.where(depth > 0, depth, np.float32(np.inf))
        nearest = cv2.erode(known, np.ones((NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX)))  # the least of each neighbourhood
        self._nearest = np.where(depth > 0, nearest, np.float32(0))

    def passes_through(self, points_world: Float[np.ndarray, "*shape 3"]) -> Bool[np.ndarray, "*shape"]:
        """For each point whether the view measured something well behind it, and nothing near it."""
        pixels, z = project(apply(invert(self.T_world_camera), points_world), self.camera)
        limit = np.array(self._nearest.shape[::-1]) - 0.5
        inside = np.asarray(((pixels > -0.5) & (pixels < limit)).all(-1))  # False for NaN
        u, v = np.round(np.where(inside[..., None], pixels, 0)).astype(np.intp).T
        behind = self._nearest[v.T, u.T]
        through: Bool[np.ndarray, "*shape"] = inside & (behind > z + np.maximum(THROUGH_METRES, THROUGH_SHARE * z))
        return through


def moved_pixels(view: MeasuredView, others: Sequence[MeasuredView]) -> Bool[np.ndarray, "h w"]:
    """Pixels of a view whose places at least two others passed through, without specks."""
    known = view.depth > 0
    points = apply(view.T_world_camera, backproject(view.depth, view.camera)[known].astype(np.float64))
    witnesses = np.zeros(len(points), np.int64)
    for other in others:
        witnesses += other.passes_through(points)
    moved = np.zeros(view.depth.shape, np.uint8)
    moved[known] = witnesses >= min(WITNESSES, max(len(others), 1))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(moved, connectivity=8)
    large = np.asarray(stats[:, cv2.CC_STAT_AREA] >= LEAST_PIXELS)
    large[0] = False  # the background
    return cv2.dilate(large[labels].astype(np.uint8), np.ones((3, 3))).view(np.bool_)
