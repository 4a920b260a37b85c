import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from box_room import BoxRoom

from recon.captures.base import FrameTable, SensorDepth
from recon.captures.pose_check import require_fitting_poses
from recon.errors import CaptureError
from recon.geometry.transforms import OPENGL_FROM_OPENCV, invert

MIRROR = np.diag([-1.0, 1, 1, 1])


def with_poses(room: BoxRoom, T_world_camera: np.ndarray) -> FrameTable:
    return dataclasses.replace(room.table, T_world_camera=T_world_camera)


def scaled(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda T: T * np.where(np.arange(4) < 3, 1, [[factor]] * 3 + [[1]])


def test_a_rooms_own_poses_pass() -> None:
    room = BoxRoom()
    require_fitting_poses(room, room.table)


@pytest.mark.parametrize(
    ("misread", "what"),
    [
        (lambda T: T @ OPENGL_FROM_OPENCV, "camera axes y and z point the other way"),
        (invert, "map the world to the camera"),
        (lambda T: invert(T @ OPENGL_FROM_OPENCV) @ OPENGL_FROM_OPENCV, "to a camera whose axes y and z"),
        (lambda T: MIRROR @ T @ MIRROR, "swap left and right"),
        (scaled(10.0), "differ in unit by a factor of 10"),
        (scaled(1 / 0.3048), "differ in unit by a factor of 3.281"),
    ],
)
def test_poses_that_mean_something_else_are_refused_with_what_they_seem_to_mean(
    misread: Callable[[np.ndarray], np.ndarray], what: str
) -> None:
    room = BoxRoom(60)
    with pytest.raises(CaptureError, match=rf"box: surfaces seen from two places lie \d+ mm apart.*{what}"):
        require_fitting_poses(room, with_poses(room, misread(room.table.T_world_camera)))


def test_millimetres_for_metres_are_refused_as_a_camera_too_fast_for_a_hand() -> None:
    room = BoxRoom()
    with pytest.raises(CaptureError, match="24 of 24 poses cannot be trusted, mostly as tracking jumped.*metres"):
        require_fitting_poses(room, with_poses(room, scaled(1000.0)(room.table.T_world_camera)))


def test_poses_of_other_frames_are_refused() -> None:
    room = BoxRoom(60)
    T = room.table.T_world_camera[np.random.default_rng(0).permutation(60)]
    table = dataclasses.replace(with_poses(room, T), timestamp=np.arange(60) * 100.0)  # slow enough for a hand
    with pytest.raises(CaptureError, match="surfaces seen from two places lie .* cm apart by the poses"):
        require_fitting_poses(room, table)


def test_a_camera_that_stood_still_for_most_of_the_recording_is_refused() -> None:
    room = BoxRoom()
    T = room.table.T_world_camera.copy()
    T[4:] = T[4]
    with pytest.raises(CaptureError, match="19 of 24 poses cannot be trusted, mostly as pose frozen"):
        require_fitting_poses(room, with_poses(room, T))


def test_views_without_sure_depth_or_overlap_are_no_reason_to_refuse() -> None:
    class Unsure(BoxRoom):
        def frames(self, rows, with_images=True):
            for frame in super().frames(rows, with_images):
                yield dataclasses.replace(frame, sensor=lambda frame=frame: self._unsure(frame.sensor()))

        def _unsure(self, sensor: SensorDepth) -> SensorDepth:
            return dataclasses.replace(sensor, confidence=np.zeros_like(sensor.confidence))

    room = Unsure()
    require_fitting_poses(room, with_poses(room, invert(room.table.T_world_camera)))
    few = BoxRoom(60)
    few.table.has_depth[2:] = False
    require_fitting_poses(few, few.table)


def test_damaged_depth_is_left_to_the_run() -> None:
    class Damaged(BoxRoom):
        def frames(self, rows, with_images=True):
            for frame in super().frames(rows, with_images):
                yield dataclasses.replace(frame, sensor=self._fail)

        def _fail(self) -> SensorDepth:
            raise CaptureError("depth unreadable")

    room = Damaged()
    require_fitting_poses(room, room.table)
