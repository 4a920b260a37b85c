import os
from pathlib import Path

import numpy as np
import pytest

from recon.errors import MeshError, UsageError
from recon.fusion import mesh_files
from recon.fusion.mesh import Mesh, vertex_normals
from recon.fusion.mesh_files import EXTENSIONS, check_mesh_path, read_mesh, read_shape, write_mesh

UTM = np.array([432_123.1234, 120.5, 5_412_345.4321])


def pyramid(origin=(0.0, 0.0, 0.0)) -> Mesh:
    """Four corners, no two alike in any coordinate, with normals and colours."""
    vertices = np.array([[0.001, 0.002, 0.003], [1.1, 0.01, 0.02], [0.03, 1.2, 0.04], [0.05, 0.06, 1.3]]) + origin
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    colors = np.array([[255, 0, 0], [0, 254, 1], [2, 3, 253], [77, 88, 99]], np.uint8)
    return Mesh(vertices, triangles, vertex_normals(Mesh(vertices, triangles)), colors)


def corners(mesh: Mesh) -> np.ndarray:
    """Coordinates of the triangles, in an order that does not depend on that of the vertices."""
    each = mesh.vertices[mesh.triangles]
    start = np.argmin(each[:, :, 0], axis=1)
    turned = np.stack([each[np.arange(len(each)), (start + i) % 3] for i in range(3)], axis=1)
    return turned[np.lexsort(np.round(turned.reshape(len(turned), -1), 3).T)]


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("origin", [np.zeros(3), UTM])
def test_what_is_written_is_read(tmp_path: Path, extension: str, origin: np.ndarray) -> None:
    mesh = pyramid(origin)
    path = tmp_path / f"mesh{extension}"
    write_mesh(mesh, path)
    result = read_mesh(path)
    np.testing.assert_allclose(corners(result), corners(mesh), atol=1e-5, rtol=0)  # also: no triangle turned over
    if extension in (".ply", ".obj", ".glb"):
        order = np.argsort(result.vertices[:, 0])
        np.testing.assert_array_equal(result.colors[order], mesh.colors[np.argsort(mesh.vertices[:, 0])])
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_mesh_without_colours_and_normals_can_be_written(tmp_path: Path, extension: str) -> None:
    mesh = Mesh(pyramid().vertices, pyramid().triangles)
    write_mesh(mesh, tmp_path / f"mesh{extension}")
    result = read_mesh(tmp_path / f"mesh{extension}")
    np.testing.assert_allclose(corners(result), corners(mesh), atol=1e-6)
    assert result.colors is None


@pytest.mark.parametrize("extension", [".ply", ".obj", ".off"])
def test_another_reader_finds_colours_and_normals(tmp_path: Path, extension: str) -> None:
    import open3d as o3d

    mesh = pyramid()
    write_mesh(mesh, tmp_path / f"mesh{extension}")
    other = o3d.io.read_triangle_mesh(str(tmp_path / f"mesh{extension}"))
    vertices = np.asarray(other.vertices)
    order = np.argmin(np.linalg.norm(vertices[:, None] - mesh.vertices, axis=2), axis=1)  # it may sort them anew
    assert set(order) == {0, 1, 2, 3}
    np.testing.assert_allclose(vertices, mesh.vertices[order], atol=1e-6)
    np.testing.assert_allclose(np.asarray(other.vertex_colors) * 255, mesh.colors[order], atol=0.01)
    if extension != ".off":
        np.testing.assert_allclose(np.asarray(other.vertex_normals), mesh.normals[order], atol=1e-6)


@pytest.mark.parametrize(("up", "expected"), [("y", [1, 2, 3]), ("unknown", [1, 2, 3]), ("z", [1, 3, -2])])
def test_gltf_is_y_up(tmp_path: Path, up: str, expected: list[float]) -> None:
    vertices = np.array([[1.0, 2, 3], [1, 2, 4], [1, 3, 3]])
    write_mesh(Mesh(vertices, np.array([[0, 1, 2]], np.int32)), tmp_path / "mesh.glb", up=up)
    np.testing.assert_allclose(read_mesh(tmp_path / "mesh.glb").vertices[0], expected)


@pytest.mark.parametrize("extension", [e for e in EXTENSIONS if e != ".glb"])
def test_other_formats_keep_the_worlds_axes(tmp_path: Path, extension: str) -> None:
    write_mesh(pyramid(), tmp_path / f"mesh{extension}", up="z")
    np.testing.assert_allclose(corners(read_mesh(tmp_path / f"mesh{extension}")), corners(pyramid()), atol=1e-6)


def test_ply_uses_double_only_where_float_would_lose(tmp_path: Path) -> None:
    write_mesh(pyramid(), tmp_path / "near.ply")
    write_mesh(pyramid(UTM), tmp_path / "far.ply")
    assert b"property float x" in (tmp_path / "near.ply").read_bytes()
    assert b"property double x" in (tmp_path / "far.ply").read_bytes()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, extension: str, interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"mesh{extension}"
    path.write_text("old")

    def interrupted(self: Path, target: Path) -> None:
        raise interruption

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(interruption):
        write_mesh(pyramid(), path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    write_mesh(pyramid(), tmp_path / "mesh.ply")
    assert (tmp_path / "mesh.ply").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_missing_folders_are_made(tmp_path: Path) -> None:
    check_mesh_path(tmp_path / "a" / "b" / "mesh.ply")
    assert not (tmp_path / "a").exists()
    write_mesh(pyramid(), tmp_path / "a" / "b" / "mesh.ply")
    assert (tmp_path / "a" / "b" / "mesh.ply").is_file()


def test_paths_that_cannot_be_written_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "taken.ply").mkdir()
    (tmp_path / "file").touch()
    for path, words in [
        (tmp_path / "mesh.fbx", r"\.ply \.obj \.glb \.stl \.off, not as \.fbx"),
        (tmp_path / "mesh", "not as a name without extension"),
        (tmp_path / "taken.ply", "is a folder"),
        (tmp_path / "file" / "mesh.ply", "nothing can be written into"),
        (Path("/proc/none/mesh.ply"), "nothing can be written into"),
    ]:
        with pytest.raises(UsageError, match=words):
            check_mesh_path(path)


def test_upper_case_extensions_are_known(tmp_path: Path) -> None:
    write_mesh(pyramid(), tmp_path / "MESH.PLY")
    np.testing.assert_allclose(corners(read_mesh(tmp_path / "MESH.PLY")), corners(pyramid()), atol=1e-6)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("content", [b"", b"not a mesh at all", bytes(range(256)) * 4])
def test_a_file_that_is_no_mesh_is_one_sentence(tmp_path: Path, extension: str, content: bytes) -> None:
    path = tmp_path / f"mesh{extension}"
    path.write_bytes(content)
    with pytest.raises(MeshError, match=f"mesh{extension}: "):
        read_mesh(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="none.ply"):
        read_mesh(tmp_path / "none.ply")


def test_the_threshold_of_float32_is_half_its_spacing() -> None:
    """Between 1024 and 2048 m float32 steps by 2^-13 m: at worst 0.06 mm off; from 2048 m on 0.12 mm."""
    triangle = np.array([[0, 1, 2]], np.int32)
    assert mesh_files._fits_float32(Mesh(np.full((3, 3), 2000.0), triangle))
    assert not mesh_files._fits_float32(Mesh(np.full((3, 3), 2050.0), triangle))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("more.ply", b"ply\nformat ascii 1.0\nelement vertex 4000000000\nproperty float x\nproperty float y\n"
         b"property float z\nend_header\n0 0 0\n1 0 0\n0 1 0\n"),
        ("words.obj", b"hello\n"),
        ("noise.stl", bytes(range(1, 250)) * 4),
    ],
)  # fmt: skip
def test_what_is_cut_short_or_no_shape_at_all_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MeshError, match=name):
        read_shape(tmp_path / name)
