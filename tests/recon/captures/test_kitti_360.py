import shutil
from pathlib import Path

import numpy as np
import pytest
from made_drive import CAMERA, MadeStreet, lidar_poses, street, write_image, write_sweep
from made_room import whats
from scipy.spatial.transform import Rotation

from recon.captures.base import LidarSweep
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.transforms import apply, invert, rigid

DRIVE = "2013_05_28_drive_0003_sync"
NUMBERS = (40, 41, 43, 44, 45)  # of the frames; poses are missing for 43
R_RECT = Rotation.from_euler("xyz", [0.2, -0.4, 0.6], degrees=True).as_matrix()
# x forward, y right, z down, from the LiDAR's x forward, y left, z up.
T_IMU_LIDAR = rigid(np.diag([1.0, -1, -1]), np.array([0.8, 0.3, -0.2]))


def row(T: np.ndarray, rows: int = 3) -> str:
    return " ".join(repr(float(value)) for value in T[:rows].ravel())


def write(made: MadeStreet, root: Path, poses: str = "poses.txt") -> Path:
    images, sweeps = root / "data_2d_raw" / DRIVE / "image_00", root / "data_3d_raw" / DRIVE / "velodyne_points"
    for number, image, sweep in zip(NUMBERS, made.images, made.sweeps, strict=True):
        write_image(images / "data_rect" / f"{number:010d}.png", image)
        write_sweep(sweeps / "data" / f"{number:010d}.bin", sweep)
    lines = {number: f"2013-05-28 08:46:0{2 + place / 10:.9f}" for place, number in enumerate(NUMBERS)}
    stamps = [lines.get(number, "") for number in range(46)]
    (images / "timestamps.txt").write_text("\n".join(stamps))
    T_world_imu = lidar_poses(made.timestamp) @ invert(T_IMU_LIDAR)
    T_imu_rectified = T_IMU_LIDAR @ invert(made.T_camera_lidar)
    (root / "data_poses" / DRIVE).mkdir(parents=True)
    sensor = T_world_imu if poses == "poses.txt" else T_world_imu @ T_imu_rectified
    text = "".join(
        f"{number} {row(T, 3 if poses == 'poses.txt' else 4)}\n"
        for number, T in zip(NUMBERS, sensor, strict=True)
        if number != 43
    )
    (root / "data_poses" / DRIVE / poses).write_text(text)
    T_cam0_lidar = rigid(R_RECT.T, np.zeros(3)) @ made.T_camera_lidar  # before it was rectified
    (root / "calibration").mkdir()
    (root / "calibration" / "calib_cam_to_pose.txt").write_text(
        f"image_00: {row(T_IMU_LIDAR @ invert(T_cam0_lidar))}\n"
    )
    (root / "calibration" / "calib_cam_to_velo.txt").write_text(row(invert(T_cam0_lidar)) + "\n")
    (root / "calibration" / "perspective.txt").write_text(
        f"calib_time: 17-Feb-2016 14:23:48\nS_rect_00: {CAMERA.width} {CAMERA.height}\n"
        f"R_rect_00: {row(R_RECT)}\nP_rect_00: {row(np.column_stack([CAMERA.K, np.zeros(3)]))}\n"
    )
    return root


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(5, spinning=True)


def test_a_drive_comes_back_as_it_was_written(made: MadeStreet, tmp_path: Path) -> None:
    with open_capture(write(made, tmp_path)) as capture:
        assert (capture.format, capture.name, capture.up) == ("KITTI-360", DRIVE, "z")
        assert capture.table.index.tolist() == list(NUMBERS)
        np.testing.assert_allclose(np.diff(capture.table.timestamp), 0.1, atol=1e-6)
        assert whats(capture) == {
            "frame without a pose of its own": (1, "noted", "frame 43"),
            "sweep missing": (1, "noted", "frame 42"),
            "picture missing": (1, "noted", "frame 42"),
        }
        posed = [0, 1, 3, 4]
        np.testing.assert_allclose(capture.table.T_world_camera[posed], made.T_world_camera[posed], atol=1e-9)
        np.testing.assert_allclose(capture.table.T_world_camera[2], made.T_world_camera[2], atol=0.01)  # in between
        (frame,) = capture.frames([1])
        np.testing.assert_array_equal(frame.image(), made.images[1])
        sweep = frame.sensor()
        assert isinstance(sweep, LidarSweep)
        ahead = np.abs(np.arctan2(made.sweeps[1][:, 1], made.sweeps[1][:, 0])) < 0.01  # measured with the picture
        np.testing.assert_allclose(sweep.points[ahead], apply(made.T_camera_lidar, made.sweeps[1])[ahead], atol=0.02)


def test_poses_of_the_rectified_camera_do_too(made: MadeStreet, tmp_path: Path) -> None:
    with open_capture(write(made, tmp_path, poses="cam0_to_world.txt")) as capture:
        np.testing.assert_allclose(capture.table.T_world_camera[[0, 4]], made.T_world_camera[[0, 4]], atol=1e-9)


def test_fisheye_pictures_are_told_and_left_out(made: MadeStreet, tmp_path: Path) -> None:
    write_image(
        write(made, tmp_path) / "data_2d_raw" / DRIVE / "image_02" / "data_rgb" / "0000000040.png", made.images[0]
    )
    with open_capture(tmp_path) as capture:
        assert whats(capture)["picture of a fisheye camera"][:2] == (1, "dropped")
        assert capture.cameras == ("front",)


def test_several_drives_and_halves_of_drives_are_one_sentence(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path)
    for kind in ("data_2d_raw", "data_3d_raw"):
        shutil.copytree(tmp_path / kind / DRIVE, tmp_path / kind / "2013_05_28_drive_0004_sync")
    with pytest.raises(CaptureError, match="2 drives inside .*drive_0003_sync, 2013_05_28_drive_0004_sync"):
        open_capture(tmp_path)
    shutil.rmtree(tmp_path / "data_2d_raw" / DRIVE)
    shutil.rmtree(tmp_path / "data_3d_raw" / "2013_05_28_drive_0004_sync")
    with pytest.raises(CaptureError, match="pictures of .*0004_sync but sweeps of .*0003_sync"):
        open_capture(tmp_path)


@pytest.mark.parametrize(
    "line", ["", "40", "inf " * 13, "40.5 " + "1 " * 12, "-1 " + "1 " * 12, "44 " + "0 " * 12, "x"]
)
def test_a_pose_line_of_no_use_costs_itself_alone(made: MadeStreet, tmp_path: Path, line: str) -> None:
    path = write(made, tmp_path) / "data_poses" / DRIVE / "poses.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([line, *lines[:2], lines[3]]))
    with open_capture(tmp_path) as capture:
        assert np.isfinite(capture.table.T_world_camera[[0, 1, 4]]).all()
        assert whats(capture)["pose that is no rigid motion"][0] == 1


@pytest.mark.parametrize("name", ["calib_cam_to_pose.txt", "calib_cam_to_velo.txt", "perspective.txt"])
def test_missing_and_empty_calibration_is_named(made: MadeStreet, tmp_path: Path, name: str) -> None:
    path = write(made, tmp_path) / "calibration" / name
    path.write_text("")
    with pytest.raises(CaptureError, match=name):
        open_capture(tmp_path)
    path.unlink()
    with pytest.raises(CaptureError, match=f"no calibration/{name}"):
        open_capture(tmp_path)
