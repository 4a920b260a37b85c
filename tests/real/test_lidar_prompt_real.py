"""A tenth of the points of real sweeps is hidden, and told by the rest."""

from pathlib import Path

import numpy as np
import pytest

from recon.captures.base import LidarSweep
from recon.geometry.camera import Camera
from recon.geometry.transforms import apply, rigid
from recon.prompts.from_lidar import lidar_depth, sensor_depth
from recon.prompts.lidar_projection import nearest_points, spacing_px, visible_points

FRAMES = (0, 2, 4)
SIZE = (1226, 370)
FAR = 200.0


@pytest.fixture(scope="module")
def sequence(real_data: Path) -> Path:
    folder = real_data / "drives" / "kitti_odometry_04" / "dataset" / "sequences" / "04"
    if not folder.is_dir():
        pytest.skip(f"no real drive at {folder}")
    return folder


def read(sequence: Path, frame: int) -> LidarSweep:
    """Read here by hand, so that the numbers do not depend on the reader."""
    lines = dict(line.split(":") for line in (sequence / "calib.txt").read_text().splitlines() if line)
    projection, T_cam0_lidar = (np.array(lines[key].split(), float).reshape(3, 4) for key in ("P2", "Tr"))
    K = projection[:, :3]
    T = rigid(np.eye(3), np.linalg.solve(K, projection[:, 3])) @ rigid(T_cam0_lidar[:, :3], T_cam0_lidar[:, 3])
    points = np.fromfile(sequence / "velodyne" / f"{frame:06d}.bin", "<f4").reshape(-1, 4)[:, :3]
    return LidarSweep(apply(T, points[np.linalg.norm(points, axis=1) > 1.5]), Camera(*SIZE, K))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("size", [(636, 192), SIZE])
def test_hidden_points_are_told_by_the_rest(sequence: Path, frame: int, size: tuple[int, int]) -> None:
    sweep = read(sequence, frame)
    camera = sweep.camera.resized(*size)
    hide = np.random.default_rng(frame).random(len(sweep.points)) < 0.1
    everything = nearest_points(sweep.points, camera)
    seen = visible_points(everything, spacing_px(everything > 0), camera)
    truth = nearest_points(sweep.points[hide], camera)
    asked = (truth > 0) & (truth == seen)  # not those that the camera does not see
    told = lidar_depth(sweep.points[~hide], camera, FAR).depth[asked]
    error = np.abs(told / truth[asked] - 1)[told > 0]
    assert len(error) > 0.97 * asked.sum() > 1500
    assert np.median(error) <= 0.007
    assert (error > 0.1).mean() <= 0.01
    assert np.quantile(error, 0.95) <= 0.04


@pytest.mark.parametrize("frame", FRAMES)
def test_about_three_fifths_of_the_picture_are_covered_and_no_sky(sequence: Path, frame: int) -> None:
    sensor = sensor_depth(read(sequence, frame), FAR)
    known = sensor.depth > 0
    assert 0.55 < known.mean() < 0.65
    assert not known[: round(107 / 370 * 192) - 2].any()  # the topmost row that a point falls into, facts of the data
    assert known[110:].mean() > 0.99  # the road has no holes


def test_points_that_show_through_are_some_percent(sequence: Path) -> None:
    sweep = read(sequence, 2)
    nearest = nearest_points(sweep.points, sweep.camera)
    seen = visible_points(nearest, spacing_px(nearest > 0), sweep.camera)
    assert 0.03 < 1 - np.count_nonzero(seen) / np.count_nonzero(nearest) < 0.08
