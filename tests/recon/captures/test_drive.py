from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
from made_drive import CAMERA, LIDAR_HEIGHT, MadeStreet, lidar_poses, street

from recon.captures.archive import open_files
from recon.captures.base import LidarSweep
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep, Track
from recon.errors import CaptureError, UsageError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import apply, invert, rigid


class MemoryDrive(Drive):
    format = "memory"


def cameras(made: MadeStreet, late: float = 0.0) -> list[DriveCamera]:
    """The street's own camera, and another that looks back and is a little later."""
    n = len(made.timestamp)
    T_lidar_camera = invert(made.T_camera_lidar)
    turned = T_lidar_camera @ np.diag([-1.0, 1, -1, 1])
    return [
        DriveCamera("front", CAMERA, T_lidar_camera, np.arange(n), made.timestamp + late, lambda k: made.images[k]),
        DriveCamera("rear", CAMERA, turned, np.arange(n), made.timestamp + late + 0.01, lambda k: made.images[k]),
    ]


def lidar(made: MadeStreet, with_seconds: bool = False) -> Lidar:
    def read(number: int) -> RawSweep:
        return RawSweep(made.sweeps[number], made.seconds[number] if with_seconds else None)

    return Lidar(np.eye(4), made.timestamp, read)


def drive(made: MadeStreet, folder: Path, late: float = 0.0, **changes: object) -> MemoryDrive:
    times = np.arange(-1, len(made.timestamp) + 1) * 0.1
    parts = {"cameras": cameras(made, late), "lidar": lidar(made), "trajectory": Trajectory(times, lidar_poses(times))}
    return MemoryDrive(open_files(folder), **(parts | changes))


def sensor(capture: Drive, row: int) -> LidarSweep:
    (frame,) = capture.frames([row])
    found = frame.sensor()
    assert isinstance(found, LidarSweep)
    return found


def off_surface(made: MadeStreet, points: np.ndarray) -> np.ndarray:
    """Distance of world points from what stands in the street, metres."""
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(made.mesh.vertices.astype(np.float32), made.mesh.triangles.astype(np.uint32))
    return scene.compute_distance(points.astype(np.float32)).numpy()


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(4)


def test_rows_are_pictures_in_order_of_time_with_the_name_of_their_camera(made: MadeStreet, tmp_path: Path) -> None:
    capture = drive(made, tmp_path)
    assert capture.table.camera_name == ("front", "rear") * 4
    assert capture.table.index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert (np.diff(capture.table.timestamp) > 0).all()
    assert capture.table.on_vehicle
    assert [frame.camera_name for frame in capture.frames([2, 3])] == ["front", "rear"]


def test_cameras_are_selected_by_name(made: MadeStreet, tmp_path: Path) -> None:
    capture = drive(made, tmp_path)
    rear = capture.select(["rear"])
    assert (set(rear.table.camera_name), len(rear), len(capture)) == ({"rear"}, 4, 8)
    assert rear.cameras == capture.cameras == ("front", "rear")
    assert rear.select().cameras == rear.cameras


@pytest.mark.parametrize(("names", "words"), [(["front", "left"], "camera is left;"), ([], "camera is none;")])
def test_a_camera_that_is_not_there_is_one_sentence(
    made: MadeStreet, tmp_path: Path, names: Sequence[str], words: str
) -> None:
    with pytest.raises(UsageError, match=f"{words}.*has front, rear"):
        drive(made, tmp_path).select(names)


def test_a_drive_without_pictures_is_refused(made: MadeStreet, tmp_path: Path) -> None:
    none = replace(cameras(made)[0], index=np.zeros(0, np.int64), timestamp=np.zeros(0))
    with pytest.raises(CaptureError, match="no usable pictures"):
        drive(made, tmp_path, cameras=[none])
    assert drive(made, tmp_path, cameras=[none, cameras(made)[1]]).cameras == ("rear",)


def test_points_are_moved_from_the_time_of_the_sweep_to_that_of_the_picture(made: MadeStreet, tmp_path: Path) -> None:
    capture = drive(made, tmp_path, late=0.03)  # in which the vehicle drives 24 cm
    for row in (0, 3):
        world = apply(capture.table.T_world_camera[row], sensor(capture, row).points.astype(np.float64))
        assert off_surface(made, world).max() < 1e-3
    T_world_camera = lidar_poses(np.array([0.03]))[0] @ invert(made.T_camera_lidar)
    np.testing.assert_allclose(capture.table.T_world_camera[0], T_world_camera, atol=1e-3)


def test_without_poses_points_stay_as_they_were_measured(made: MadeStreet, tmp_path: Path) -> None:
    capture = drive(made, tmp_path, late=0.03, trajectory=None)
    assert np.isnan(capture.table.T_world_camera).all()
    np.testing.assert_array_equal(sensor(capture, 0).points, apply(made.T_camera_lidar, made.sweeps[0]))


def test_poses_can_be_replaced(made: MadeStreet, tmp_path: Path) -> None:
    capture = drive(made, tmp_path, trajectory=None)
    other = capture.select(trajectory=Trajectory(made.timestamp, made.T_world_lidar))
    np.testing.assert_allclose(other.table.T_world_camera[::2], made.T_world_camera, atol=1e-12)
    assert np.isnan(capture.table.T_world_camera).all()


def test_a_turning_sweep_is_straightened_by_the_motion_of_the_vehicle(tmp_path: Path) -> None:
    made = street(3, spinning=True)
    capture = drive(made, tmp_path, lidar=lidar(made, with_seconds=True))
    still = drive(made, tmp_path, lidar=lidar(made, with_seconds=False))
    wrong = drive(made, tmp_path, lidar=replace(lidar(made), read=lambda k: RawSweep(made.sweeps[k], -made.seconds[k])))
    straight, skewed, worse = (
        float(np.percentile(off_surface(made, apply(made.T_world_lidar[1], one.sweep(1))), 90))
        for one in (capture, still, wrong)
    )
    assert straight < 2e-3
    assert 0.02 < skewed < worse


def test_a_sweep_that_the_poses_do_not_cover_stays_as_it_was_measured(tmp_path: Path) -> None:
    made = street(3, spinning=True)
    alone = Trajectory(made.timestamp[:1], made.T_world_lidar[:1])
    capture = drive(made, tmp_path, lidar=lidar(made, with_seconds=True), trajectory=alone)
    np.testing.assert_array_equal(capture.sweep(0), made.sweeps[0])


def test_the_own_vehicle_and_returns_that_are_none_are_left_out(made: MadeStreet, tmp_path: Path) -> None:
    points = np.array([[0, 0, 0], [1.4, 0, 0], [np.nan, 5, 5], [np.inf, 0, 0], [0, 1.6, 0]], np.float32)
    capture = drive(made, tmp_path, lidar=Lidar(np.eye(4), made.timestamp, lambda k: RawSweep(points)))
    np.testing.assert_array_equal(capture.sweep(0), points[4:])
    robot = drive(made, tmp_path, lidar=Lidar(np.eye(4), made.timestamp, lambda k: RawSweep(points), min_range=0.2))
    np.testing.assert_array_equal(robot.sweep(0), points[[1, 4]])


def test_neighbouring_sweeps_are_added_where_they_are(made: MadeStreet, tmp_path: Path) -> None:
    capture = drive(made, tmp_path).select(accumulate=1)
    for row, numbers in ((0, [0, 1]), (2, [0, 1, 2]), (6, [2, 3])):
        points = sensor(capture, row).points
        assert len(points) == sum(len(made.sweeps[number]) for number in numbers)
        world = apply(capture.table.T_world_camera[row], points.astype(np.float64))
        assert off_surface(made, world).max() < 1e-3


def test_a_picture_without_a_sweep_near_in_time_has_none(made: MadeStreet, tmp_path: Path) -> None:
    sparse = Lidar(np.eye(4), made.timestamp[[0, 3]], lambda k: RawSweep(made.sweeps[3 * k]))
    capture = drive(made, tmp_path, lidar=sparse).select(["front"])
    assert capture.table.has_depth.tolist() == [True, False, False, True]
    assert [frame.sensor() is None for frame in capture.frames(range(4))] == [False, True, True, False]
    np.testing.assert_allclose(sensor(capture, 3).points, apply(made.T_camera_lidar, made.sweeps[3]), atol=1e-5)


def test_boxes_of_what_moves_hold_its_points_and_standing_ones_are_left_out(tmp_path: Path) -> None:
    made = street(4, moving=True)
    assert made.T_world_mover is not None
    parked = np.tile(rigid(np.eye(3), np.array([6.0, -4.5, 0.75])), (4, 1, 1))
    tracks = [
        Track(Trajectory(made.timestamp, made.T_world_mover), made.mover_size),
        Track(Trajectory(made.timestamp, parked), np.array([4.0, 2, 1.5])),
        Track(Trajectory(made.timestamp[:1], made.T_world_mover[:1]), made.mover_size),
    ]
    found = sensor(drive(made, tmp_path, tracks=tracks).select(["front"]), 2)
    (box,) = found.moving
    np.testing.assert_allclose(box.size, made.mover_size + 2 * (0.15 + 0.8), atol=1e-6)
    world = apply(made.T_world_lidar[2], made.sweeps[2].astype(np.float64))
    moves = off_surface(made, world) > 0.05
    inside = (np.abs(apply(invert(box.T_camera_box), found.points)) < box.size / 2).all(axis=1)
    assert moves.sum() > 20
    assert inside[moves].all()
    assert (world[inside & ~moves, 2] < LIDAR_HEIGHT).all()


def test_frames_give_no_pictures_where_none_are_wanted(made: MadeStreet, tmp_path: Path) -> None:
    (frame,) = drive(made, tmp_path).frames([0], with_images=False)
    assert frame.image() is None
    (frame,) = drive(made, tmp_path).frames([0])
    np.testing.assert_array_equal(frame.image(), made.images[0])
