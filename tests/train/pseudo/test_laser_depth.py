from pathlib import Path

import numpy as np
import pytest
from box_room import IMAGE, SIZE, look, poses

from recon.errors import CaptureError
from train.pseudo.laser_depth import FAR, NEAR, LaserMesh

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float64)
TRIANGLES = np.array(
    [t for a, b, c, d in ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
     for t in ((a, b, c), (a, c, d))]
)  # fmt: skip


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_the_depth_of_a_box_shaped_room_is_exact_wherever_it_lies(offset: float) -> None:
    shift = np.array([offset, -offset, 0])
    mesh = LaserMesh(CORNERS * SIZE + shift, TRIANGLES)
    for T_world_camera in poses(4):
        moved = T_world_camera.copy()
        moved[:3, 3] += shift
        depth = mesh.depth(IMAGE, moved)
        np.testing.assert_allclose(depth, look(IMAGE, T_world_camera)[0], atol=1e-4)


def test_what_is_out_of_range_or_missing_is_unknown() -> None:
    wall = np.array([[-1.0, -50, 0], [-1, 50, 0], [50, 0, 0]])
    mesh = LaserMesh(wall, np.array([[0, 1, 2]]))

    def at(distance: float) -> np.ndarray:
        T_world_camera = np.eye(4)
        T_world_camera[2, 3] = -distance
        return mesh.depth(IMAGE, T_world_camera)

    assert not at(FAR + 0.1).any()
    assert not at(NEAR / 2).any()
    seen = at(2.0)
    np.testing.assert_allclose(seen[seen > 0], 2.0, rtol=1e-5)
    assert not seen[:, 0].any()  # beyond the wall's edge
    assert (seen[:, -1] > 0).all()


def test_a_mesh_is_read_from_its_file(tmp_path: Path) -> None:
    lines = [f"v {x} {y} {z}" for x, y, z in CORNERS * SIZE] + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in TRIANGLES]
    (tmp_path / "room.obj").write_text("\n".join(lines))
    T_world_camera = poses(1)[0]
    depth = LaserMesh.read(tmp_path / "room.obj").depth(IMAGE, T_world_camera)
    np.testing.assert_allclose(depth, look(IMAGE, T_world_camera)[0], atol=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n"])
def test_a_file_without_triangles_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mesh.ply"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CaptureError, match="mesh.ply: no mesh with triangles"):
        LaserMesh.read(path)
