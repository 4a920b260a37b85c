"""A made drive through the whole line, against its truth."""

from pathlib import Path

import numpy as np
import pytest
from made_drive import MadeStreet, street, write_kitti_odometry

from recon.captures.readers import open_capture
from recon.errors import CaptureError, UsageError
from recon.evaluation.mesh_metrics import distances_to_surface
from recon.geometry.projection import project
from recon.geometry.transforms import apply, invert
from recon.pipeline import Reconstruction, reconstruct
from recon.settings import Settings

FRAMES = 24
SETTINGS = Settings(camera="front")


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(FRAMES, moving=True)


@pytest.fixture(scope="module")
def drive(made: MadeStreet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_kitti_odometry(made, tmp_path_factory.mktemp("drive"))


@pytest.fixture(scope="module")
def fused(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    with open_capture(drive) as capture:
        return reconstruct(capture, SETTINGS, tmp_path_factory.mktemp("fused") / "street.ply")


def in_made_world(made: MadeStreet, result: Reconstruction) -> np.ndarray:
    """Vertices in the street's world; KITTI's is the first grey camera's."""
    T_cam0_front = np.loadtxt(result.run_folder / "trajectory.txt", ndmin=2)[0]
    T_world_cam0 = made.T_world_camera[0].copy()
    T_world_cam0[:3, 3] -= made.T_world_camera[0][:3, :3] @ T_cam0_front[1:4]
    return apply(T_world_cam0, result.mesh.vertices)


def test_the_mesh_lies_on_the_street(made: MadeStreet, fused: Reconstruction) -> None:
    distance = distances_to_surface(in_made_world(made, fused), made.mesh)
    assert fused.metrics["used"] == FRAMES
    assert np.median(distance) < 0.05  # half a voxel
    assert np.percentile(distance, 90) < 0.25


def test_what_moves_is_left_out_and_told(made: MadeStreet, fused: Reconstruction) -> None:
    assert 0.002 < fused.metrics["moving_share"] < 0.2
    # Vertices well above the road that the car drives on, in the middle of what it passed through.
    row = FRAMES // 2
    T_mover = made.T_world_mover[row]
    local = apply(invert(T_mover), in_made_world(made, fused))
    inside = (np.abs(local) < 0.4 * made.mover_size).all(axis=1)
    assert inside.sum() < 20


def test_nothing_is_fused_in_the_sky(made: MadeStreet, fused: Reconstruction) -> None:
    vertices = in_made_world(made, fused)
    for row in range(0, FRAMES, 6):
        pixels, z = project(apply(invert(made.T_world_camera[row]), vertices), made.camera)
        shown = (z > 1) & (pixels >= 0).all(1) & (pixels < [made.camera.width - 1, made.camera.height - 1]).all(1)
        u, v = pixels[shown].round().astype(int).T
        assert (made.depths[row][v, u] == 0).mean() < 0.03


def test_poses_from_the_lidar_give_nearly_the_same_mesh(made: MadeStreet, drive: Path, tmp_path: Path) -> None:
    pytest.importorskip("small_gicp", reason="the extra 'drives' is not installed")
    with open_capture(drive) as capture:
        settings = Settings(camera="front", poses="lidar")
        result = reconstruct(capture, settings, tmp_path / "street.ply")
    path = np.loadtxt(result.run_folder / "trajectory.txt")[:, 1:4]
    truth = made.T_world_camera[:, :3, 3]
    assert abs(np.linalg.norm(path[-1] - path[0]) - np.linalg.norm(truth[-1] - truth[0])) < 0.15
    assert result.metrics["used"] == FRAMES


def test_a_drive_without_poses_says_what_to_do(made: MadeStreet, tmp_path: Path) -> None:
    folder = write_kitti_odometry(made, tmp_path / "bare", poses=False)
    with open_capture(folder) as capture, pytest.raises(CaptureError, match="--poses lidar"):
        reconstruct(capture, SETTINGS, tmp_path / "street.ply")


def test_a_camera_that_is_not_there_is_told_with_those_that_are(drive: Path, tmp_path: Path) -> None:
    with open_capture(drive) as capture, pytest.raises(UsageError, match="it has|has front"):
        reconstruct(capture, Settings(camera="behind"), tmp_path / "street.ply")
