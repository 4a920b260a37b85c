"""Meshes, clouds and nothing, read from files of strangers."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from measured_shapes import cloud, sheet

from recon.errors import MeshError
from recon.fusion.mesh_files import EXTENSIONS, read_mesh, read_shape, write_mesh

BINARY = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex %d\nproperty float x\nproperty float y\nproperty float z\n"
    b"element face %d\nproperty list uchar int vertex_indices\nend_header\n"
)
TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_mesh_comes_back_from_every_format(tmp_path: Path, extension: str) -> None:
    written = sheet(2, 1, 0.5, step=0.5)
    write_mesh(written, tmp_path / f"mesh{extension}")
    shape = read_shape(tmp_path / f"mesh{extension}")
    assert len(shape.triangles) == len(written.triangles)
    np.testing.assert_allclose(np.sort(shape.vertices, axis=0), np.sort(written.vertices, axis=0), atol=1e-6)


@pytest.mark.parametrize("extension", [".ply", ".obj", ".glb", ".off"])
def test_points_without_triangles_are_a_cloud(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"points{extension}"
    points = np.array([[0, 0, 0], [1, 2, 3], [4, 5, 6.5]])
    if extension == ".off":
        path.write_text("OFF\n3 0 0\n0 0 0\n1 2 3\n4 5 6.5\n")
    elif extension == ".obj":
        path.write_text("v 0 0 0\nv 1 2 3\nv 4 5 6.5\n")
    else:
        trimesh.PointCloud(points).export(path)
    shape = read_shape(path)
    np.testing.assert_allclose(shape.vertices, points)
    assert shape.triangles.shape == (0, 3)
    with pytest.raises(MeshError, match="holds no triangles"):
        read_mesh(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.ply", BINARY % (0, 0)), ("a.obj", b""), ("a.stl", bytes(84)), ("a.off", b"OFF\n0 0 0\n")],
)
def test_a_file_of_nothing_is_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    shape = read_shape(tmp_path / name)
    assert (shape.vertices.shape, shape.triangles.shape) == ((0, 3), (0, 3))


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.ply", BINARY % (10**12, 0) + TRIANGLE, "cannot be read"),
        ("a.ply", b"", "cannot be read"),
        ("a.ply", BINARY % (3, 1) + TRIANGLE + b"\3" + np.array([0, 1, 99], "<i4").tobytes(), "has the vertex 99"),
        ("a.ply", BINARY % (3, 1) + TRIANGLE + b"\3" + np.array([0, 1, -5], "<i4").tobytes(), "has the vertex -5"),
        ("a.off", b"OFF\n200000000000 0 0\n0 0 0\n", "cannot be read"),
        ("a.glb", b"glTF junk", "cannot be read"),
        ("a.txt", b"0 0 0", "not a file of a shape"),
        ("a.zip", b"", "not a file of a shape"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MeshError, match=sentence):
        read_shape(tmp_path / name)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="missing.ply: cannot be read"):
        read_shape(tmp_path / "missing.ply")


def test_an_empty_cloud_can_be_written(tmp_path: Path) -> None:
    write_mesh(cloud(), tmp_path / "empty.ply")
    assert not len(read_shape(tmp_path / "empty.ply").vertices)
