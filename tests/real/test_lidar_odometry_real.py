"""Odometry and the check of poses on real drives."""

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from recon.captures.drive import Drive
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import invert, rotation_angle
from recon.poses.drive_check import check_drive_poses
from recon.poses.lidar_odometry import lidar_trajectory

needs_small_gicp = pytest.mark.skipif(find_spec("small_gicp") is None, reason="LiDAR odometry needs the extra drives")


def opened(folder: Path) -> Drive:
    if not folder.is_dir():
        pytest.skip(f"no drive at {folder}")
    drive = open_capture(folder)
    assert isinstance(drive, Drive)
    assert drive.trajectory is not None
    return drive


@pytest.fixture
def kitti_04(real_data: Path) -> Iterator[Drive]:
    """Five sweeps over 5.3 m."""
    with opened(real_data / "drives" / "kitti_odometry_04") as drive:
        yield drive


@pytest.fixture
def kitti_raw(real_data: Path) -> Iterator[Drive]:
    """Two sweeps as measured, 0.9 m apart."""
    with opened(real_data / "drives" / "kitti_raw_0002") as drive:
        yield drive


def odometry_error(drive: Drive) -> tuple[float, float]:
    """Metres and degrees to the poses of the drive, at most."""
    assert drive.trajectory is not None
    found, problems = lidar_trajectory(drive, lambda stage, done, total: None)
    assert problems == ()
    times = drive.lidar.timestamp
    given, own = (trajectory.at(times) @ drive.lidar.T_body_lidar for trajectory in (drive.trajectory, found))
    change = invert(invert(given[0]) @ given) @ invert(own[0]) @ own
    return float(np.linalg.norm(change[:, :3, 3], axis=1).max()), float(
        np.rad2deg(rotation_angle(change[:, :3, :3])).max()
    )


@needs_small_gicp
def test_odometry_agrees_with_the_poses_of_kitti(kitti_04: Drive) -> None:
    metres, degrees = odometry_error(kitti_04)
    assert metres < 0.05
    assert degrees < 0.1


@needs_small_gicp
def test_odometry_of_sweeps_as_measured_agrees_with_the_inertial_sensor(kitti_raw: Drive) -> None:
    metres, degrees = odometry_error(kitti_raw)
    assert metres < 0.04
    assert degrees < 0.15


def with_poses(drive: Drive, T_world_body: np.ndarray) -> Drive:
    assert drive.trajectory is not None
    return drive.select(trajectory=Trajectory(drive.trajectory.timestamp, T_world_body))


def test_the_poses_of_kitti_pass(kitti_04: Drive) -> None:
    assert check_drive_poses(kitti_04) == ()


def test_inverted_poses_are_refused(kitti_04: Drive) -> None:
    assert kitti_04.trajectory is not None
    with pytest.raises(CaptureError, match="the poses map the world to the vehicle; invert them"):
        check_drive_poses(with_poses(kitti_04, invert(kitti_04.trajectory.T_world_body)))


@pytest.mark.parametrize(
    ("missing", "what"), [(False, "given the other way round; invert it"), (True, "poses are those of a camera")]
)
def test_a_wrong_place_of_the_lidar_is_named(missing: bool, what: str, kitti_04: Drive) -> None:
    wrong = kitti_04.select()
    Tr = kitti_04.lidar.T_body_lidar
    wrong.lidar = replace(kitti_04.lidar, T_body_lidar=np.eye(4) if missing else invert(Tr))
    with pytest.raises(CaptureError, match=re.escape(what)):
        check_drive_poses(wrong)


def test_poses_five_percent_too_long_are_noted(kitti_04: Drive) -> None:
    assert kitti_04.trajectory is not None
    T = kitti_04.trajectory.T_world_body.copy()
    T[:, :3, 3] *= 1.05
    (problem,) = check_drive_poses(with_poses(kitti_04, T))
    assert problem.what.startswith("poses and sweeps disagree by 0.2")


def test_two_sweeps_near_each_other_give_no_verdict(kitti_raw: Drive) -> None:
    assert check_drive_poses(kitti_raw) == ()
