"""The numbers known of real captures (their README, facts of their formats) come out of the readers."""

import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from recon.captures.base import Capture
from recon.captures.checks import pose_faults
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.projection import backproject
from recon.geometry.transforms import apply

CHAIR, DESK, KITCHEN = "3dscannerapp-chair.zip", "record3d-exr-desk.zip", "sevenscenes-redkitchen.zip"
FAR = 5.0  # metres; the sensors guess beyond
GRID_COLUMNS = 128  # of the points compared: the distance to the nearest depends on how dense they are


def opened(name: str) -> object:
    @pytest.fixture(scope="module")
    def capture(real_data: Path) -> Iterator[Capture]:
        with open_capture(real_data / "captures" / name) as capture:
            yield capture

    return capture


chair, desk, kitchen = opened(CHAIR), opened(DESK), opened(KITCHEN)


def clouds(capture: Capture) -> list[np.ndarray]:
    """Confident points of each frame in the world, on a grid of some 128 by 96."""
    found = []
    for frame in capture.frames(range(len(capture))):
        sensor = frame.sensor()
        assert sensor is not None
        sure = (sensor.depth > 0) & (sensor.depth < FAR)
        if sensor.confidence is not None:
            sure &= sensor.confidence == 2
        stride = max(sensor.depth.shape) // GRID_COLUMNS
        points = backproject(sensor.depth, sensor.camera)[::stride, ::stride][sure[::stride, ::stride]]
        found.append(apply(frame.T_world_camera, points.astype(np.float64)))
    return found


def agreements(capture: Capture) -> np.ndarray:
    """Median distance, metres, from each frame's points to the nearest of the frame before."""
    found = clouds(capture)
    return np.array([np.median(cKDTree(a).query(b[::3])[0]) for a, b in pairwise(found)])


def test_chair_holds_what_its_readme_says(chair: Capture) -> None:
    assert (chair.format, chair.name, chair.problems) == ("3D Scanner App", "3dscannerapp-chair", ())
    assert chair.table.index.tolist() == list(range(70))
    assert np.flatnonzero(chair.table.has_image).tolist() == [0, 12, 24, 36, 48, 60]
    assert chair.table.has_depth.all()
    assert np.median(np.diff(chair.table.timestamp)) == pytest.approx(0.2, rel=0.05)
    assert not any(pose_faults(chair.table))
    (frame,) = chair.frames([12])
    assert frame.image().shape == (1440, 1920, 3)
    sensor = frame.sensor()
    assert sensor.depth.shape == sensor.confidence.shape == (192, 256)
    assert set(np.unique(sensor.confidence)) <= {0, 1, 2}


def test_desk_holds_what_its_readme_says(desk: Capture) -> None:
    assert desk.format == "Record3D EXR + RGB"
    assert [(problem.what, problem.count) for problem in desk.problems] == [("depth without confidence", 39)]
    assert desk.table.index.tolist() == list(range(39))
    assert desk.table.has_image.all()
    assert desk.table.has_depth.all()
    assert np.median(np.diff(desk.table.timestamp)) == pytest.approx(0.2, rel=0.05)
    assert not any(pose_faults(desk.table))
    (frame,) = desk.frames([20])
    assert frame.image().shape == (1920, 1440, 3)
    assert frame.sensor().depth.shape == (256, 192)
    assert frame.sensor().confidence is None


def test_kitchen_holds_what_its_readme_says(kitchen: Capture) -> None:
    assert (kitchen.format, kitchen.problems) == ("7-Scenes", ())
    assert kitchen.table.index.tolist() == list(range(0, 1000, 40))
    (frame,) = kitchen.frames([24])
    assert frame.image().shape == (480, 640, 3)
    assert frame.sensor().depth.shape == (480, 640)
    R = kitchen.table.T_world_camera[:, :3, :3]
    assert np.abs(np.swapaxes(R, 1, 2) @ R - np.eye(3)).max() < 1e-12


@pytest.mark.parametrize(("name", "millimetres"), [("chair", 9.1), ("desk", 3.6), ("kitchen", 18.0)])
def test_neighbouring_frames_agree(name: str, millimetres: float, request: pytest.FixtureRequest) -> None:
    assert np.median(agreements(request.getfixturevalue(name))) * 1000 == pytest.approx(millimetres, rel=0.3)


@pytest.mark.parametrize(
    ("name", "box"), [("chair", (1.5, 0.1, 1.2)), ("desk", (0.3, 0.1, 0.7)), ("kitchen", (1.8, 0.6, 1.0))]
)
def test_the_camera_moves_as_far_as_known(
    name: str, box: tuple[float, float, float], request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name).table.T_world_camera[:, :3, 3]
    np.testing.assert_allclose(np.ptp(path, axis=0), box, atol=0.05)  # the README rounds to 0.1


def test_the_floor_under_the_chair_is_level_at_zero(chair: Capture) -> None:
    points = np.concatenate(clouds(chair))
    floor = points[np.abs(points[:, 1]) < 0.06]
    assert len(floor) > 0.2 * len(points)
    for _ in range(5):  # without what stands on it
        centre = np.median(floor, axis=0)
        normal = np.linalg.svd(floor - centre, full_matrices=False)[2][2]
        off = (floor - centre) @ normal
        floor = floor[np.abs(off - np.median(off)) < 0.02]
    assert np.degrees(np.arccos(abs(normal[1]))) < 1.0
    assert abs(np.median(floor[:, 1])) < 0.02


def test_the_apps_own_mesh_lies_on_the_depth(chair: Capture, real_data: Path) -> None:
    with zipfile.ZipFile(real_data / "captures" / CHAIR) as archive:
        lines = archive.read("chair_scan/export.obj").decode().splitlines()
    vertices = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
    distance, _ = cKDTree(np.concatenate(clouds(chair))).query(vertices)
    assert np.median(distance) < 0.015  # 12 mm, says the README


@pytest.mark.parametrize(
    ("name", "nearest", "farthest"), [("chair", 0.3, 16.0), ("desk", 0.13, 16.0), ("kitchen", 0.4, 8.0)]
)
def test_depth_is_metres(name: str, nearest: float, farthest: float, request: pytest.FixtureRequest) -> None:
    capture = request.getfixturevalue(name)
    for frame in capture.frames(range(0, len(capture), 6)):
        depth = frame.sensor().depth
        known = depth[depth > 0]
        assert depth.dtype == np.float32
        assert nearest < known.min() < 2 < farthest
        assert known.max() < farthest
        assert 0.3 < np.median(known) < 3.5


def test_an_arkit_sensor_leaves_no_pixel_unknown(chair: Capture, desk: Capture) -> None:
    for capture in (chair, desk):
        for frame in capture.frames(range(0, len(capture), 6)):
            assert (frame.sensor().depth > 0).all()


def test_metadata_alone_is_one_clear_sentence(real_data: Path) -> None:
    with pytest.raises(CaptureError, match=r"record3d-metadata-only\.r3d: no frames in the capture, only its metadata"):
        open_capture(real_data / "captures" / "record3d-metadata-only.r3d")
