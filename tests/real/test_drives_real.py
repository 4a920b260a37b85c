"""Sweeps, poses and pictures of real drives belong together, and would not with the usual mistakes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from recon.captures.base import Capture, LidarSweep
from recon.captures.drive import Drive, _compensated
from recon.captures.readers import open_capture
from recon.geometry.projection import project
from recon.geometry.transforms import apply, invert

SHIFTS = range(-14, 15)  # pixels
ODOMETRY, RAW = "kitti_odometry_04", "kitti_raw_0002"
WALL_METRES = 40.0  # farther away, planes are too sparse to fit


def opened(name: str) -> object:
    @pytest.fixture(scope="module")
    def drive(real_data: Path) -> Iterator[Capture]:
        folder = real_data / "drives" / name
        if not folder.is_dir():
            pytest.skip(f"no real drive at {folder}")
        with open_capture(folder) as capture:
            yield capture

    return drive


odometry, raw = opened(ODOMETRY), opened(RAW)


def sweep_of(drive: Drive, row: int) -> LidarSweep:
    (frame,) = drive.frames([row], with_images=False)
    found = frame.sensor()
    assert isinstance(found, LidarSweep)
    return found


def edge_scores(drive: Drive, row: int, points: np.ndarray | None = None) -> np.ndarray:
    """For each shift the mean change of grey, sideways, at points that stand in front of others.

    KITTI stores points along the rings, so where the next is clearly farther away an edge is.
    """
    (frame,) = drive.frames([row])
    points = sweep_of(drive, row).points if points is None else points
    grey = cv2.cvtColor(frame.image(), cv2.COLOR_RGB2GRAY).astype(np.float32)
    change = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0))
    distance = np.linalg.norm(points, axis=1)
    jump = np.zeros(len(points), bool)
    for step in (-1, 1):
        jump |= np.roll(distance, step) - distance > 0.1 * distance + 0.5
    near = jump & (points[:, 2] > 4) & (distance < 40)
    uv, _ = project(points[near].astype(np.float64), frame.camera)
    u, v = np.rint(uv).astype(int).T
    inside = (u >= 20) & (u < frame.camera.width - 20) & (v >= 0) & (v < frame.camera.height)
    return np.array([change[v[inside], u[inside] + shift].mean() for shift in SHIFTS])


def gap(target: np.ndarray, source: np.ndarray) -> float:
    """Median distance, metres, of source points from planes through their neighbours in the target."""
    target = target[np.unique(np.floor(target / 0.1).astype(int), axis=0, return_index=True)[1]].astype(np.float64)
    source = source[np.linalg.norm(source, axis=1) < WALL_METRES][::5].astype(np.float64)
    tree = cKDTree(target)
    distance, nearest = tree.query(source, k=12)
    centre = target[nearest].mean(axis=1)
    spread = target[nearest] - centre[:, None]
    values, vectors = np.linalg.eigh(np.swapaxes(spread, 1, 2) @ spread)
    upright = np.abs(vectors[:, 2, 0]) < 0.5  # ground rings agree under any motion
    flat = (values[:, 0] < 0.02 * values[:, 1]) & (distance[:, 0] < 1.0) & upright
    assert flat.sum() > 50
    return float(np.median(np.abs(np.einsum("ij,ij->i", source - centre, vectors[:, :, 0]))[flat]))


def lidar_pose(drive: Drive, number: int) -> np.ndarray:
    return drive.trajectory.at(drive.lidar.timestamp[number : number + 1])[0] @ drive.lidar.T_body_lidar


def moved(T: np.ndarray, points: np.ndarray) -> np.ndarray:
    return apply(T, points.astype(np.float64))


def test_odometry_holds_what_its_readme_says(odometry: Drive) -> None:
    assert (odometry.format, odometry.up, odometry.cameras, odometry.problems) == (
        "KITTI odometry",
        "-y",
        ("front",),
        (),
    )
    assert odometry.table.index.tolist() == [0, 1, 2, 3, 4]
    assert odometry.table.has_depth.all()
    steps = np.linalg.norm(np.diff(odometry.table.T_world_camera[:, :3, 3], axis=0), axis=1)
    np.testing.assert_allclose(steps, 1.31, atol=0.02)
    assert 120_000 < len(sweep_of(odometry, 0).points) < 126_000
    (frame,) = odometry.frames([0])
    assert frame.image().shape == (370, 1226, 3)


@pytest.mark.parametrize("row", [0, 2, 4])
def test_odometry_sweeps_land_on_the_edges_of_the_picture(odometry: Drive, row: int) -> None:
    assert abs(SHIFTS[int(edge_scores(odometry, row).argmax())]) <= 2


@pytest.mark.parametrize("row", [0, 1])
def test_raw_sweeps_land_on_the_edges_of_the_picture(raw: Drive, row: int) -> None:
    scores = edge_scores(raw, row)
    assert abs(SHIFTS[int(scores.argmax())]) <= 2
    assert scores.max() > 1.25 * np.mean(scores[[0, -1]])


def test_odometry_sweeps_lie_on_each_other_by_the_poses_and_not_by_wrong_ones(odometry: Drive) -> None:
    first, last = odometry.sweep(0), odometry.sweep(4)
    T = invert(lidar_pose(odometry, 0)) @ lidar_pose(odometry, 4)  # 5.3 m apart
    right, turned_round, still = (gap(first, moved(one, last)) for one in (T, invert(T), np.eye(4)))
    assert right < 0.05
    assert min(turned_round, still) > 2 * right


def test_raw_holds_what_its_readme_says(raw: Drive) -> None:
    assert (raw.format, raw.up, raw.cameras, raw.problems) == ("KITTI raw", "z", ("front",), ())
    assert raw.table.index.tolist() == [0, 1]
    (frame,) = raw.frames([0])
    assert frame.image().shape == (375, 1242, 3)


def test_raw_sweeps_lie_on_each_other_by_the_poses_and_not_by_wrong_ones(raw: Drive) -> None:
    T = invert(lidar_pose(raw, 0)) @ lidar_pose(raw, 1)
    right, turned_round, still = (gap(raw.sweep(0), moved(one, raw.sweep(1))) for one in (T, invert(T), np.eye(4)))
    assert right < 0.03
    assert min(turned_round, still) > 5 * right


def test_straightening_raw_sweeps_brings_them_nearer_and_the_other_sense_does_not(raw: Drive) -> None:
    T = invert(lidar_pose(raw, 0)) @ lidar_pose(raw, 1)

    def distance(sense: float) -> float:
        clouds = []
        for number in (0, 1):
            read = raw.lidar.read(number)
            pose, time = raw._lidar_pose, float(raw.lidar.timestamp[number])
            points = _compensated(read.points, sense * read.seconds, pose, time) if sense else read.points
            above_ground = (points[:, 2] > -1.2) & (np.linalg.norm(points, axis=1) < 30)
            clouds.append(points[above_ground])
        return float(np.median(cKDTree(clouds[0]).query(moved(T, clouds[1]))[0]))

    right, never, wrong = distance(1.0), distance(0.0), distance(-1.0)
    assert right < 0.95 * never
    assert right < 0.95 * wrong


def test_the_calibration_of_kitti_360_makes_sense(real_data: Path, tmp_path: Path) -> None:
    """Its sweeps are not here: a made point ahead of the LiDAR must lie ahead of the camera, above its axis."""
    folder = real_data / "drives" / "kitti360_calibration"
    if not folder.is_dir():
        pytest.skip(f"no calibration at {folder}")
    name = "2013_05_28_drive_0000_sync"
    shutil.copytree(folder / "calibration", tmp_path / "calibration")
    pictures = tmp_path / "data_2d_raw" / name / "image_00" / "data_rect"
    sweeps = tmp_path / "data_3d_raw" / name / "velodyne_points" / "data"
    pictures.mkdir(parents=True)
    sweeps.mkdir(parents=True)
    cv2.imwrite(str(pictures / "0000000000.png"), np.zeros((376, 1408, 3), np.uint8))
    (sweeps / "0000000000.bin").write_bytes(np.array([20.0, 0, 0, 0.5], "<f4").tobytes())
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        (point,) = sweep_of(drive, 0).points
        assert np.rad2deg(np.arccos(point[2] / np.linalg.norm(point))) < 8
        assert -3 < point[1] < 0 < 15 < point[2]
        np.testing.assert_allclose(np.diag(drive.lidar.T_body_lidar)[:3], [1, -1, -1], atol=0.01)
