"""Real nuScenes, Argoverse 2 and Waymo files are read as they are, and their sensors belong together."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from recon.captures.archive import open_files
from recon.captures.base import LidarSweep
from recon.captures.drive import Drive
from recon.captures.readers import open_capture
from recon.captures.waymo_v2 import _frame_poses
from recon.errors import CaptureError
from recon.geometry.projection import project
from recon.geometry.transforms import apply, invert

NUSCENES, ARGOVERSE = "nuscenes_scene0061_one", "av2_sensor_7fab2350"
SHIFTS = range(-14, 15)  # pixels
RINGS = 32
WIDE_OF_EDGES = 5  # pixels at nuScenes' size over which a change of grey is felt


@pytest.fixture(scope="module")
def nuscenes(real_data: Path) -> Iterator[Drive]:
    with open_capture(existing(real_data, NUSCENES)) as drive:
        assert isinstance(drive, Drive)
        yield drive


@pytest.fixture(scope="module")
def argoverse(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    """The log, which has no pictures, with grey ones added."""
    pytest.importorskip("pyarrow")
    root = tmp_path_factory.mktemp("argoverse")
    (log,) = existing(real_data, ARGOVERSE).glob("val/*")
    shutil.copytree(log, root / "log")
    for sweep in sorted((log / "sensors" / "lidar").iterdir()):
        path = root / "log" / "sensors" / "cameras" / "ring_front_center" / f"{sweep.stem}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((2048, 1550, 3), 128, np.uint8))
    with open_capture(root / "log") as drive:
        assert isinstance(drive, Drive)
        yield drive


def existing(real_data: Path, name: str) -> Path:
    folder = real_data / "drives" / name
    if not folder.is_dir():
        pytest.skip(f"no real drive at {folder}")
    return folder


def edge_scores(drive: Drive, row: int) -> np.ndarray:
    """For each shift the mean change of grey, sideways, at points nearer than the next on their ring.

    The sweep is stored column by column, a point of each of 32 rings in turn.
    """
    raw = drive.lidar.read(0).points
    (frame,) = drive.frames([row])
    T_world_lidar = drive.trajectory.at(drive.lidar.timestamp[:1])[0] @ drive.lidar.T_body_lidar
    points = apply(invert(drive.table.T_world_camera[row]) @ T_world_lidar, raw.astype(np.float64))
    distance = np.linalg.norm(raw, axis=1)
    jump = np.zeros(len(raw), bool)
    for step in (-RINGS, RINGS):
        jump |= np.roll(distance, step) - distance > 0.1 * distance + 0.5
    near = jump & (distance > 2) & (points[:, 2] > 2) & (distance < 40)
    uv, _ = project(points[near], frame.camera)
    u, v = np.rint(uv).astype(int).T
    inside = (u >= 20) & (u < frame.camera.width - 20) & (v >= 0) & (v < frame.camera.height)
    assert inside.sum() > 30
    grey = cv2.GaussianBlur(cv2.cvtColor(frame.image(), cv2.COLOR_RGB2GRAY), (0, 0), 1.5).astype(np.float32)
    change = cv2.blur(np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)), (WIDE_OF_EDGES, 1))
    return np.array([change[v[inside], u[inside] + shift].mean() for shift in SHIFTS])


def test_nuscenes_holds_what_its_readme_says(nuscenes: Drive) -> None:
    assert (nuscenes.format, nuscenes.name, nuscenes.up, nuscenes.problems) == ("nuScenes", "scene-0061", "z", ())
    assert sorted(nuscenes.cameras) == ["back", "back_left", "back_right", "front", "front_left", "front_right"]
    assert nuscenes.table.has_depth.all()
    assert np.isfinite(nuscenes.table.T_world_camera).all()
    assert len(nuscenes.lidar.read(0).points) == 34_688
    front = nuscenes.table.camera_name.index("front")
    assert nuscenes.lidar.timestamp[0] - nuscenes.table.timestamp[front] == pytest.approx(0.0355, abs=1e-4)
    for frame in nuscenes.frames(range(6)):
        assert frame.image().shape == (900, 1600, 3)
        sweep = frame.sensor()
        assert isinstance(sweep, LidarSweep)
        assert 26_000 < len(sweep.points) < 26_700  # without the car
        assert 700 < frame.camera.fx < 1300


def test_nuscenes_sweep_lands_on_the_edges_of_the_pictures(nuscenes: Drive) -> None:
    peaks = {
        name: SHIFTS[int(edge_scores(nuscenes, row).argmax())] for row, name in enumerate(nuscenes.table.camera_name)
    }
    assert sum(abs(peak) <= 2 for peak in peaks.values()) >= 3


def test_argoverse_holds_what_its_readme_says(argoverse: Drive) -> None:
    assert (argoverse.format, argoverse.up, argoverse.cameras, argoverse.problems) == (
        "Argoverse 2",
        "z",
        ("front",),
        (),
    )
    assert len(argoverse.lidar.read(0).points) == 99_229
    assert 2300 < len(argoverse.trajectory.timestamp) <= 2706  # some of their stamps differ by nanoseconds
    (frame,) = argoverse.frames([0])
    assert (frame.camera.width, frame.camera.height) == (1550, 2048)
    T_body_camera = argoverse.front.T_body_camera
    assert T_body_camera[:3, 2] == pytest.approx([1, 0, 0], abs=0.02)  # looks ahead
    assert T_body_camera[:3, 1] == pytest.approx([0, 0, -1], abs=0.02)


def test_argoverse_without_pictures_is_one_sentence(real_data: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(CaptureError, match=r"no pictures in sensors/cameras.*fetch the cameras of this log"):
        open_capture(existing(real_data, ARGOVERSE))


def test_argoverse_sweeps_lie_on_each_other_by_the_poses(argoverse: Drive) -> None:
    def gap(T: np.ndarray) -> float:
        """Median distance, metres, of upright surfaces of the second sweep from those of the first."""
        first, second = (argoverse.sweep(number).astype(np.float64) for number in (0, 1))
        second = apply(T, second[np.linalg.norm(second, axis=1) < 40][::5])
        distance, nearest = (tree := cKDTree(first)).query(second, k=12)
        spread = first[nearest] - first[nearest].mean(axis=1, keepdims=True)
        values, vectors = np.linalg.eigh(np.swapaxes(spread, 1, 2) @ spread)
        upright = (np.abs(vectors[:, 2, 0]) < 0.5) & (values[:, 0] < 0.02 * values[:, 1]) & (distance[:, 0] < 1.0)
        assert upright.sum() > 100 < tree.n
        offset = second - first[nearest].mean(axis=1)
        return float(np.median(np.abs(np.einsum("ij,ij->i", offset, vectors[:, :, 0]))[upright]))

    poses = argoverse.trajectory.at(argoverse.lidar.timestamp) @ argoverse.lidar.T_body_lidar
    right, still = gap(invert(poses[0]) @ poses[1]), gap(np.eye(4))
    assert right < 0.02
    assert still > 2 * right


def test_waymo_poses_are_read_from_their_real_columns(real_data: Path) -> None:
    pytest.importorskip("pyarrow")
    files = open_files(existing(real_data, "waymo_v2_vehicle_pose"))
    frames, T, problems = _frame_poses(files, files.names[0])
    assert (len(frames), problems) == (199, ())
    assert np.diff(frames) == pytest.approx(100_000, abs=2000)
    assert T[0, :3, 3] == pytest.approx([860.5948, 15568.675, -651.441], abs=1e-2)
    steps = np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=1)
    assert steps.max() < 4


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("waymo_v1_frame_no_lidar", "version 1 of Waymo's data set"),
        ("waymo_v2_vehicle_pose", "give the folder that holds"),
    ],
)
def test_waymo_files_that_are_not_enough_are_one_sentence(real_data: Path, name: str, told: str) -> None:
    with pytest.raises(CaptureError, match=told):
        open_capture(existing(real_data, name))
