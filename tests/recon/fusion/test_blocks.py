import os
from pathlib import Path

import numpy as np
import pytest
from exact_depth import CAMERA, sphere_depth

from recon.depth.depth_map import DepthMap
from recon.errors import ResourceError
from recon.fusion import volume as volume_module
from recon.fusion.block_file import BlockFile
from recon.fusion.blocks import BLOCK_RESOLUTION
from recon.fusion.mesh import Mesh
from recon.fusion.regions import cut
from recon.fusion.touched import block_keys, blocks_of_keys
from recon.fusion.volume import Volume

VOXEL = 0.03
BLOCK = VOXEL * BLOCK_RESOLUTION
ORIGIN = np.array([0.011, 0.017, 0.013])  # so that no sphere's pole falls on a corner of a voxel
SPACING = 2.0
BALLS = 6
SHOWN = {  # whether a frame has a picture
    "all": lambda number: True,
    "none": lambda number: False,
    "some": lambda number: number % 3 == 0,
    "late": lambda number: number > 20,
    "early": lambda number: number < 20,
}


def drive() -> list[tuple[float, int]]:
    """Places along a row of balls, and the ball that is seen: there, with steps to either side of each, and back."""
    there = [(SPACING * ball + aside, ball) for ball in range(BALLS) for aside in (-0.3, 0.1, 0.4)]
    return there + [(x + 0.05, ball) for x, ball in reversed(there)]


def fuse(folder: Path | None, colored: str = "all", most: int = 60) -> Volume:
    volume = Volume(VOXEL, 4 * VOXEL, 1.6, ORIGIN, capacity=64, spill=folder, blocks_in_memory=most)
    for number, (x, ball) in enumerate(drive()):
        T_world_camera = np.eye(4)
        T_world_camera[0, 3] = x
        image = np.full((96, 128, 3), (40 * ball, 5 * number, 90), np.uint8)
        shown = SHOWN[colored](number)
        depth = sphere_depth(np.array([SPACING * ball, 0.1, 1.2]), 0.5, T_world_camera)
        volume.integrate(depth, image if shown else None, T_world_camera)
    return volume


def soup(mesh: Mesh) -> np.ndarray:
    """Triangles as rows of corners, normals and colours, in an order that depends on nothing else."""
    columns = [mesh.vertices, mesh.normals, np.zeros_like(mesh.vertices) if mesh.colors is None else mesh.colors]
    corners = np.concatenate(columns, axis=1)[mesh.triangles]
    first = np.array([np.lexsort(corner[:, :3].T)[0] for corner in corners])
    corners = corners[np.arange(len(corners))[:, None], (first[:, None] + np.arange(3)) % 3].reshape(len(corners), -1)
    return corners[np.lexsort(corners.T)]


def edge_counts(mesh: Mesh) -> np.ndarray:
    """How many edges there are that one triangle has, that two have, ..."""
    edges = np.sort(mesh.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    return np.bincount(np.unique(edges, axis=0, return_counts=True)[1])


def assert_same_mesh(mesh: Mesh, expected: Mesh) -> None:
    assert len(mesh.vertices) == len(expected.vertices)
    np.testing.assert_array_equal(soup(mesh), soup(expected))
    np.testing.assert_array_equal(edge_counts(mesh), edge_counts(expected))


@pytest.mark.parametrize("colored", SHOWN)
def test_blocks_that_left_and_came_back_change_nothing(
    colored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fuse(None, colored).extract_mesh(2)
    volume = fuse(tmp_path, colored)
    assert volume.blocks_on_disk > 2 * volume.active_blocks
    monkeypatch.setattr(volume_module, "REGION_BLOCKS", 40)
    assert_same_mesh(volume.extract_mesh(2), expected)


@pytest.mark.parametrize("most", [1, 7, 10**6])
def test_regions_of_any_size_give_the_same_mesh(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = fuse(None)
    expected = volume.extract_mesh()
    monkeypatch.setattr(volume_module, "REGION_BLOCKS", most)
    assert_same_mesh(volume.extract_mesh(), expected)


def test_more_may_follow_a_mesh(tmp_path: Path) -> None:
    volume = fuse(tmp_path)
    first = volume.extract_mesh()
    assert_same_mesh(volume.extract_mesh(), first)
    ahead = np.eye(4)
    ahead[0, 3] = 40.0
    volume.integrate(sphere_depth(np.array([40.0, 0, 1.2]), 0.5, ahead), np.zeros((96, 128, 3), np.uint8), ahead)
    assert len(volume.extract_mesh().triangles) > 1.05 * len(first.triangles)


def test_memory_does_not_grow_with_the_way(tmp_path: Path) -> None:
    volume = Volume(VOXEL, 4 * VOXEL, 1.6, ORIGIN, capacity=64, spill=tmp_path, blocks_in_memory=100)
    peaks = []
    for ball in range(30):
        T_world_camera = np.eye(4)
        T_world_camera[0, 3] = SPACING * ball
        volume.integrate(sphere_depth(np.array([SPACING * ball, 0.1, 1.2]), 0.5, T_world_camera), None, T_world_camera)
        peaks.append(volume.active_blocks)
    assert max(peaks[15:]) <= max(peaks[:15])
    assert volume.active_blocks + volume.blocks_on_disk > 5 * max(peaks)


def test_what_the_camera_reaches_stays(tmp_path: Path) -> None:
    volume = Volume(VOXEL, 4 * VOXEL, 1.6, ORIGIN, capacity=64, spill=tmp_path, blocks_in_memory=1)
    for _ in range(3):
        volume.integrate(sphere_depth(np.array([0, 0.1, 1.2]), 0.5, np.eye(4)), None, np.eye(4))
    assert volume.blocks_on_disk == 0


def open_files() -> int:
    """Of this process; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    before = open_files()
    volume = fuse(tmp_path)
    assert volume.blocks_on_disk
    assert list(tmp_path.iterdir()) == []
    del volume
    assert open_files() == before


def test_a_wall_through_the_corners_of_voxels_has_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where distances are exactly zero, several vertices lie at one place, on the border of two regions as well."""
    volume = Volume(0.03125, 0.125, 5.0, np.zeros(3), capacity=600)
    wall = DepthMap(np.full((CAMERA.height, CAMERA.width), 1.0, np.float32), CAMERA)
    volume.integrate(wall, None, np.eye(4))
    expected = volume.extract_mesh()
    monkeypatch.setattr(volume_module, "REGION_BLOCKS", 9)
    mesh = volume.extract_mesh()
    np.testing.assert_array_equal(soup(mesh), soup(expected))
    np.testing.assert_array_equal(edge_counts(mesh)[1], edge_counts(expected)[1])


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = fuse(tmp_path)
    stored = volume._shape._file

    class Full:
        def seek(self, place: int) -> None: ...

        def write(self, data: memoryview) -> None:
            raise OSError(28, "No space left on device")

        readinto = write

    monkeypatch.setattr(stored, "_file", Full())
    volume._shape._leave_above = 0
    far = np.eye(4)
    far[0, 3] = 100.0
    seen = sphere_depth(far[:3, 3] + [0, 0, 1.2], 0.5, far)
    with pytest.raises(ResourceError, match=r"holds 0\.0 GB .* No space left on device; free some space"):
        volume.integrate(seen, np.zeros((96, 128, 3), np.uint8), far)
    with pytest.raises(ResourceError, match="No space left"):
        volume.extract_mesh()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="No such file"):
        fuse(tmp_path / "absent")


def test_a_block_file_holds_what_was_put_last_under_each_key(tmp_path: Path) -> None:
    """Against a dictionary, through random puts and takes; the file is no longer than the most it ever held."""
    rng = np.random.default_rng(0)
    stored, expected, most = BlockFile(tmp_path, 5), {}, 0
    for _ in range(60):
        keys = rng.choice(200, rng.integers(0, 30), replace=False).astype(np.int64) - 100
        known = np.isin(keys, list(expected))
        np.testing.assert_array_equal(stored.has(keys), known)
        records = rng.random((int((~known).sum()), 5), np.float32)
        stored.put(keys[~known], records)
        expected |= dict(zip(keys[~known].tolist(), records, strict=True))
        most = max(most, len(expected))
        for found, record in zip(*stored.take(keys[known]), strict=True):
            np.testing.assert_array_equal(record, expected.pop(int(found)))
        assert len(stored) == len(expected)
    assert os.fstat(stored._file.fileno()).st_size == 20 * most
    for found, record in zip(*stored.read(stored.keys), strict=True):
        np.testing.assert_array_equal(record, expected[int(found)])


def test_keys_and_blocks_are_inverses() -> None:
    blocks = np.random.default_rng(0).integers(-(2**20), 2**20, (1000, 3)).astype(np.int32)
    np.testing.assert_array_equal(blocks_of_keys(block_keys(blocks.T)), blocks)


@pytest.mark.parametrize("most", [1, 10, 500])
def test_every_block_is_in_one_region(most: int) -> None:
    blocks = np.unique(np.random.default_rng(0).integers(-9, 9, (400, 3)).astype(np.int32), axis=0)
    owners = np.array([region.owns(blocks) for region in cut(blocks, most)])
    assert (owners.sum(axis=0) == 1).all()
    assert (owners.sum(axis=1) <= most).all()
