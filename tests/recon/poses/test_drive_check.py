from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_drive import T_CAMERA_LIDAR, MadeStreet, street
from memory_drive import MemoryDrive, between_walls, memory_drive, noisy
from scipy.spatial.transform import Rotation

from recon.errors import CaptureError
from recon.geometry.transforms import invert, rigid
from recon.poses.drive_check import check_drive_poses

Build = Callable[[np.ndarray, np.ndarray], MemoryDrive]


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    """The body is the camera."""
    return street(20, columns=480)


@pytest.fixture
def build(made: MadeStreet, tmp_path: Path) -> Build:
    """The street's drive with these T_world_body and T_body_lidar."""
    return lambda T, L: memory_drive(tmp_path, noisy(made.sweeps), T_world_body=T, T_body_lidar=L)


def test_right_poses_pass(made: MadeStreet, build: Build) -> None:
    assert check_drive_poses(build(made.T_world_camera, T_CAMERA_LIDAR)) == ()


# Far from the world's origin and turned there, as in UTM; inverted, such poses jump by hundreds of metres.
FAR = rigid(Rotation.from_rotvec([0, 0, 2.0]).as_matrix(), np.array([4e5, 5e6, 100]))


@pytest.mark.parametrize("T_far_world", [np.eye(4), FAR], ids=["near", "far"])
def test_inverted_poses_are_named(T_far_world: np.ndarray, made: MadeStreet, build: Build) -> None:
    right = T_far_world @ made.T_world_camera
    assert check_drive_poses(build(right, T_CAMERA_LIDAR)) == ()
    with pytest.raises(CaptureError, match=r"cm apart by the poses, and \d cm were it not that the poses map"):
        check_drive_poses(build(invert(right), T_CAMERA_LIDAR))


@pytest.mark.parametrize(
    ("T_of", "T_body_lidar", "what"),
    [
        (
            T_CAMERA_LIDAR,
            invert(T_CAMERA_LIDAR),
            "LiDAR's place on the vehicle is given the other way round; invert it",
        ),
        (np.eye(4), T_CAMERA_LIDAR, "poses are those of the LiDAR itself"),
        (T_CAMERA_LIDAR, np.eye(4), "poses are those of a camera; give the LiDAR's place in its axes"),
    ],
    ids=["inverted", "not wanted", "missing"],
)
def test_a_wrong_place_of_the_lidar_is_named(
    T_of: np.ndarray, T_body_lidar: np.ndarray, what: str, made: MadeStreet, build: Build
) -> None:
    with pytest.raises(CaptureError, match=what):
        check_drive_poses(build(made.T_world_lidar @ invert(T_of), T_body_lidar))


def test_inverted_poses_of_the_lidar_or_beside_an_inverted_place_are_named(made: MadeStreet, build: Build) -> None:
    with pytest.raises(CaptureError, match="the poses map the world to the LiDAR itself; invert them"):
        check_drive_poses(build(invert(made.T_world_lidar), T_CAMERA_LIDAR))
    with pytest.raises(
        CaptureError, match="that poses and the LiDAR's place are given the other way round; invert both"
    ):
        check_drive_poses(build(invert(made.T_world_camera), invert(T_CAMERA_LIDAR)))


@pytest.mark.parametrize(("scale", "metres"), [(1.05, 0.16), (0.9, 0.40), (1.2, 0.64)])
def test_poses_that_do_not_fit_the_sweeps_are_noted(
    scale: float, metres: float, made: MadeStreet, build: Build
) -> None:
    """By the sweeps, a step has 0.80 m, and four or, with steps of 0.72 m, five are the first 3 m."""
    T = made.T_world_camera.copy()
    T[:, :3, 3] *= scale
    (problem,) = check_drive_poses(build(T, T_CAMERA_LIDAR))
    assert (problem.effect, problem.count) == ("noted", 3)
    assert problem.what.endswith("try --poses lidar")
    assert float(problem.what.split(" m and")[0].split()[-1]) == pytest.approx(metres, abs=0.02)
    assert problem.example.startswith("sweeps 0 and ")


def test_a_turn_that_the_sweeps_do_not_show_is_noted(made: MadeStreet, build: Build) -> None:
    turning = Rotation.from_rotvec(np.outer(np.arange(20) * np.deg2rad(0.18), [0, 0, 1])).as_matrix()
    T_world_lidar = made.T_world_lidar.copy()
    T_world_lidar[:, :3, :3] = T_world_lidar[:, :3, :3] @ turning
    (problem,) = check_drive_poses(build(T_world_lidar @ invert(T_CAMERA_LIDAR), T_CAMERA_LIDAR))
    assert " 0.7 degrees" in problem.what  # over the four steps that are 3 m


def test_a_hundredth_of_the_distance_is_no_disagreement(made: MadeStreet, build: Build) -> None:
    T = made.T_world_camera.copy()
    T[:, :3, 3] *= 1.01
    assert check_drive_poses(build(T, T_CAMERA_LIDAR)) == ()


def test_no_verdict_without_poses_motion_or_enough_sweeps(made: MadeStreet, tmp_path: Path) -> None:
    standing = np.tile(np.eye(4), (8, 1, 1))
    few = made.T_world_lidar[:4]  # 2.4 m
    assert check_drive_poses(memory_drive(tmp_path, made.sweeps[:8])) == ()
    assert check_drive_poses(memory_drive(tmp_path, [made.sweeps[0]] * 8, T_world_body=standing)) == ()
    assert check_drive_poses(memory_drive(tmp_path, made.sweeps[:4], T_world_body=invert(few))) == ()
    assert check_drive_poses(memory_drive(tmp_path, made.sweeps[:1], T_world_body=few[:1])) == ()


def test_no_verdict_from_sweeps_that_are_empty_or_cannot_be_read(made: MadeStreet, tmp_path: Path) -> None:
    inverted = invert(made.T_world_lidar)
    empty = np.zeros((0, 3), np.float32)
    assert check_drive_poses(memory_drive(tmp_path, [None] * 20, T_world_body=inverted)) == ()
    assert check_drive_poses(memory_drive(tmp_path, [empty] * 20, T_world_body=inverted)) == ()


def test_no_verdict_between_bare_walls(tmp_path: Path) -> None:
    T = np.tile(np.eye(4), (12, 1, 1))
    T[:, 0, 3], T[:, 2, 3] = np.arange(12), 1.7
    sweeps = between_walls(T, np.zeros((0, 2)))
    for poses in (T, invert(T)):
        assert check_drive_poses(memory_drive(tmp_path, sweeps, T_world_body=poses)) == ()
