import sys
from pathlib import Path

import numpy as np
import pytest
from made_drive import T_CAMERA_LIDAR, MadeStreet, street
from memory_drive import between_walls, memory_drive, noisy
from scipy.spatial.transform import Rotation

from recon.captures.base import Up
from recon.captures.drive import Drive
from recon.errors import CaptureError, UsageError
from recon.geometry.trajectory import Trajectory, path_length
from recon.geometry.transforms import invert, rigid, rotation_angle
from recon.poses.lidar_odometry import lidar_trajectory

pytest.importorskip("small_gicp", reason="LiDAR odometry needs the extra: pip install -e '.[drives]'")

COLUMNS = 360


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    """At 8 m/s."""
    return street(24, columns=COLUMNS)


@pytest.fixture(scope="module")
def spun() -> MadeStreet:
    """Measured in the course of each turn, at 14 m/s."""
    return street(12, spinning=True, speed=14.0, columns=COLUMNS)


def quiet(stage: str, done: int, total: int) -> None:
    pass


def odometry(drive: Drive) -> Trajectory:
    trajectory, problems = lidar_trajectory(drive, quiet)
    assert problems == ()
    return trajectory


def errors(trajectory: Trajectory, drive: Drive, T_world_lidar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres and degrees of each sweep's pose against the truth, both from the first sweep on."""
    T = trajectory.at(drive.lidar.timestamp) @ drive.lidar.T_body_lidar
    change = invert(invert(T_world_lidar[0]) @ T_world_lidar) @ invert(T[0]) @ T
    return np.linalg.norm(change[:, :3, 3], axis=1), np.rad2deg(rotation_angle(change[:, :3, :3]))


@pytest.mark.parametrize(("speed", "frames"), [(8.0, 24), (15.0, 14), (25.0, 10)])
def test_a_drive_that_starts_at_speed_ends_within_half_a_percent(speed: float, frames: int, tmp_path: Path) -> None:
    made = street(frames, speed=speed, columns=COLUMNS)
    drive = memory_drive(tmp_path, noisy(made.sweeps))
    metres, degrees = errors(odometry(drive), drive, made.T_world_lidar)
    assert metres.max() < 0.005 * path_length(made.T_world_lidar)
    assert degrees.max() < 0.1


def test_an_oncoming_car_hardly_matters(tmp_path: Path) -> None:
    made = street(20, moving=True, columns=COLUMNS)
    drive = memory_drive(tmp_path, noisy(made.sweeps))
    metres, _ = errors(odometry(drive), drive, made.T_world_lidar)
    assert metres.max() < 0.1


def test_sweeps_stored_as_measured_are_compensated_by_the_motion_they_tell(spun: MadeStreet, tmp_path: Path) -> None:
    drive = memory_drive(tmp_path, spun.sweeps, seconds=spun.seconds)
    taken_as_compensated = memory_drive(tmp_path, spun.sweeps)
    metres, degrees = errors(odometry(drive), drive, spun.T_world_lidar)
    worse, more_turned = errors(odometry(taken_as_compensated), drive, spun.T_world_lidar)
    assert metres.max() < 0.05 < worse.max()
    assert degrees.max() < 0.05 < more_turned.max()


def test_the_last_sweep_is_compensated_where_it_is_timed_by_its_beginning(spun: MadeStreet, tmp_path: Path) -> None:
    started = spun.timestamp - 0.05
    drive = memory_drive(tmp_path, spun.sweeps, started, seconds=[moment + 0.05 for moment in spun.seconds])
    trajectory = odometry(drive)
    T = trajectory.at(spun.timestamp)  # half a turn later
    change = invert(invert(spun.T_world_lidar[0]) @ spun.T_world_lidar) @ invert(T[0]) @ T
    assert np.linalg.norm(change[:, :3, 3], axis=1).max() < 0.03


def test_recorded_poses_are_not_looked_at(spun: MadeStreet, tmp_path: Path) -> None:
    wrong = np.tile(np.eye(4), (6, 1, 1))
    wrong[:, 1, 3] = 5 * np.arange(6)
    told = odometry(memory_drive(tmp_path, spun.sweeps[:6], seconds=spun.seconds[:6], T_world_body=wrong))
    alone = odometry(memory_drive(tmp_path, spun.sweeps[:6], seconds=spun.seconds[:6]))
    np.testing.assert_array_equal(told.T_world_body, alone.T_world_body)


@pytest.mark.parametrize(("up", "axis"), [("z", [0.0, 0, 1]), ("y", [0, 1, 0]), ("-y", [0, -1, 0])])
def test_the_world_starts_at_the_lidar_with_the_drives_upward_axis(
    made: MadeStreet, up: Up, axis: list[float], tmp_path: Path
) -> None:
    drive = memory_drive(tmp_path, made.sweeps[:5], T_body_lidar=T_CAMERA_LIDAR, up=up)
    T_world_lidar = odometry(drive).at(drive.lidar.timestamp) @ T_CAMERA_LIDAR
    np.testing.assert_allclose(T_world_lidar[0, :3, 3], 0, atol=1e-9)
    np.testing.assert_allclose(T_world_lidar[0, :3, 2], axis, atol=1e-9)
    assert np.linalg.det(T_world_lidar[:, :3, :3]) == pytest.approx(np.ones(5))
    metres, _ = errors(odometry(drive), drive, made.T_world_lidar[:5])
    assert metres.max() < 0.02


def test_one_step_past_either_end_the_motion_goes_on(made: MadeStreet, tmp_path: Path) -> None:
    trajectory = odometry(memory_drive(tmp_path, made.sweeps[:8]))
    np.testing.assert_allclose(trajectory.timestamp, np.arange(-1, 9) * 0.1, atol=1e-9)
    steps = invert(trajectory.T_world_body[:-1]) @ trajectory.T_world_body[1:]
    np.testing.assert_allclose(steps[0], steps[1], atol=1e-9)
    np.testing.assert_allclose(steps[-1], steps[-2], atol=1e-9)


def test_a_car_that_stands_stays(made: MadeStreet, tmp_path: Path) -> None:
    drive = memory_drive(tmp_path, noisy([made.sweeps[0]] * 12))
    metres, degrees = errors(odometry(drive), drive, np.tile(np.eye(4), (12, 1, 1)))
    assert metres.max() < 0.01
    assert degrees.max() < 0.02


def test_the_same_sweeps_give_the_same_poses(made: MadeStreet, tmp_path: Path) -> None:
    first, second = (odometry(memory_drive(tmp_path, made.sweeps[:6])) for _ in range(2))
    np.testing.assert_array_equal(first.T_world_body, second.T_world_body)


def test_sweeps_that_are_empty_or_cannot_be_read_get_no_pose_and_are_counted(made: MadeStreet, tmp_path: Path) -> None:
    sweeps: list[np.ndarray | None] = list(noisy(made.sweeps[:12]))
    sweeps[0], sweeps[4], sweeps[5] = None, np.zeros((0, 3), np.float32), np.full((9, 3), 5, np.float32)
    drive = memory_drive(tmp_path, sweeps)
    trajectory, (problem,) = lidar_trajectory(drive, quiet)
    assert (problem.count, problem.effect, problem.example) == (3, "dropped", "sweep 0 at 0.00 s")
    assert len(trajectory.timestamp) == 9 + 2
    metres, _ = errors(trajectory, drive, made.T_world_lidar[:12])
    assert metres.max() < 0.05  # also of those between two others


def test_a_second_without_sweeps_is_bridged(made: MadeStreet, tmp_path: Path) -> None:
    there = np.r_[0:8, 18:24]
    drive = memory_drive(tmp_path, noisy([made.sweeps[k] for k in there]), made.timestamp[there])
    metres, _ = errors(odometry(drive), drive, made.T_world_lidar[there])
    assert metres.max() < 0.08


def elsewhere(number: int) -> list[np.ndarray]:
    """Sweeps of clutter that fits nothing."""
    rng = np.random.default_rng(number)
    return [rng.uniform(-40, 40, (4000, 3)).astype(np.float32) for _ in range(number)]


def test_sweeps_that_fit_nothing_before_them_are_left_out_and_counted(made: MadeStreet, tmp_path: Path) -> None:
    sweeps = noisy(made.sweeps[:12])
    sweeps[5:7] = elsewhere(2)
    drive = memory_drive(tmp_path, sweeps)
    trajectory, (problem,) = lidar_trajectory(drive, quiet)
    assert "does not fit" in problem.what
    assert (problem.count, problem.effect, problem.example) == (2, "dropped", "sweep 5 at 0.50 s")
    assert errors(trajectory, drive, made.T_world_lidar[:12])[0].max() < 0.05


def test_ten_sweeps_in_a_row_that_do_not_fit_end_it(made: MadeStreet, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"10 sweeps in a row, up to sweep 21 at 2.10 s, do not fit .* --poses FILE"):
        lidar_trajectory(memory_drive(tmp_path, [*made.sweeps[:12], *elsewhere(12)]), quiet)


@pytest.mark.parametrize("sweeps", [0, 1])
def test_motion_takes_two_sweeps(sweeps: int, tmp_path: Path) -> None:
    drive = memory_drive(tmp_path, street(1).sweeps)
    object.__setattr__(drive.lidar, "timestamp", drive.lidar.timestamp[:sweeps])
    with pytest.raises(CaptureError, match=rf": {sweeps} sweeps?.* takes two; give --poses FILE"):
        lidar_trajectory(drive, quiet)


def test_mostly_empty_sweeps_are_refused(made: MadeStreet, tmp_path: Path) -> None:
    drive = memory_drive(tmp_path, [*made.sweeps[:3], *[np.zeros((0, 3), np.float32)] * 4])
    with pytest.raises(CaptureError, match=r"4 of 7 sweeps cannot be placed \(4 are unreadable or nearly empty and 0"):
        lidar_trajectory(drive, quiet)


def tunnel(frames: int) -> np.ndarray:
    """T_world_lidar at 10 m/s along x, at 1.7 m above the ground, as the LiDAR turns by 60 degrees to the left."""
    T = np.tile(np.eye(4), (frames, 1, 1))
    T[:, :3, :3] = Rotation.from_rotvec(np.outer(np.linspace(0, np.pi / 3, frames), [0, 0, 1])).as_matrix()
    T[:, 0, 3], T[:, 2, 3] = np.arange(frames), 1.7
    return T


def test_bare_walls_from_the_start_are_refused(tmp_path: Path) -> None:
    drive = memory_drive(tmp_path, between_walls(tunnel(12), np.zeros((0, 2))))
    with pytest.raises(CaptureError, match=r"11 of 12 sweeps see only bare walls or fields.*give --poses FILE"):
        lidar_trajectory(drive, quiet)


def test_along_bare_walls_the_motion_goes_on_as_before_and_is_counted(tmp_path: Path) -> None:
    x = np.arange(-10.0, 44, 4)
    posts = np.stack([x, np.where(np.arange(len(x)) % 2, 4.0, -5)], axis=1)
    truth = tunnel(60)
    drive = memory_drive(tmp_path, between_walls(truth, posts))
    trajectory, (problem,) = lidar_trajectory(drive, quiet)
    assert problem.effect == "noted"
    assert "bare walls" in problem.what
    metres, degrees = errors(trajectory, drive, truth)
    assert 30 < problem.count < 45
    assert metres[-1] < 0.5
    assert degrees.max() < 0.5


def test_without_the_package_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "small_gicp", None)
    with pytest.raises(UsageError, match=r"not installed; pip install 'promptda-recon\[drives\]'"):
        lidar_trajectory(memory_drive(tmp_path, street(2).sweeps), quiet)


def test_progress_counts_the_sweeps_of_either_pass(spun: MadeStreet, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    lidar_trajectory(memory_drive(tmp_path, spun.sweeps[:4], seconds=spun.seconds[:4]), lambda *step: told.append(step))
    first, second = "LiDAR poses", "LiDAR poses, compensated"
    assert told == [(stage, done, 4) for stage in (first, second) for done in range(5)]


def test_points_that_are_no_numbers_or_far_out_do_no_harm(made: MadeStreet, tmp_path: Path) -> None:
    wild = np.array([[np.nan, 0, 0], [np.inf, 1, 1], [1e10, 0, 0], [0, 0, 0]], np.float32)
    drive = memory_drive(tmp_path, [np.concatenate([sweep, wild]) for sweep in made.sweeps[:6]])
    assert errors(odometry(drive), drive, made.T_world_lidar[:6])[0].max() < 0.02


def test_a_small_space_is_mapped_in_small_cells(made: MadeStreet, tmp_path: Path) -> None:
    drive = memory_drive(tmp_path, [0.25 * sweep for sweep in made.sweeps[:10]])
    object.__setattr__(drive.lidar, "min_range", 0.1)
    truth = made.T_world_lidar[:10].copy()
    truth[:, :3, 3] *= 0.25
    assert errors(odometry(drive), drive, truth)[0].max() < 0.01


def test_the_pose_of_the_body_is_not_that_of_the_lidar(made: MadeStreet, tmp_path: Path) -> None:
    lever = rigid(np.eye(3), np.array([1.0, 0, 2]))
    drive = memory_drive(tmp_path, made.sweeps[:5], T_body_lidar=lever)
    np.testing.assert_allclose(odometry(drive).at(np.zeros(1))[0, :3, 3], [-1, 0, -2], atol=1e-9)
