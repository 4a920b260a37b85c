import numpy as np
import pytest

from recon.fusion.mesh import Mesh
from recon.geometry.transforms import rigid
from recon.report import preview
from recon.report.preview import render_preview

PANEL = (200, 176)

BACKGROUND_TONE = 215  # everything at least this bright in all channels is background


@pytest.fixture(autouse=True)
def small_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "PANEL", PANEL)


def room(colors: tuple[int, int, int] | None = (180, 60, 60)) -> Mesh:
    """A box of 4 x 2.5 x 3 m seen from inside: its triangles face inwards; y up."""
    corner = np.array([[x, y, z] for x in (0, 4) for y in (0, 2.5) for z in (0, 3)], np.float64)
    outward = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [t for a, b, c, d in outward for t in ((a, c, b), (a, d, c))]
    # Each face with vertices of its own, so that normals are not averaged over edges.
    vertices = corner[np.array(triangles)].reshape(-1, 3)
    faces = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
    inside = np.array([2, 1.25, 1.5])
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    away = (np.cross(b - a, c - a) * (inside - a)).sum(axis=1) < 0
    faces[away] = faces[away][:, ::-1]
    return Mesh(vertices, faces, None, None if colors is None else np.full(vertices.shape, colors, np.uint8))


def cameras() -> np.ndarray:
    """In the middle of the room, looking around."""
    poses = []
    for angle in np.linspace(0, 2 * np.pi, 9)[:-1]:
        ahead = np.array([np.cos(angle), -0.1, np.sin(angle)])
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0, 1.0, 0])
        right /= np.linalg.norm(right)
        poses.append(rigid(np.stack([right, np.cross(ahead, right), ahead], axis=1), np.array([2, 1.4, 1.5])))
    return np.array(poses)


def panels(image: np.ndarray) -> list[np.ndarray]:
    return np.split(image, 3, axis=1)


def test_three_panels_of_one_picture() -> None:
    image = render_preview(room(), cameras(), up="y")
    assert image.shape == (PANEL[1], 3 * PANEL[0], 3)
    assert image.dtype == np.uint8


def test_one_looks_into_a_closed_room_from_outside() -> None:
    """With back faces drawn, the view from above would show the ceiling, which is blue."""
    mesh = room((200, 40, 40))
    ceiling = (mesh.vertices[mesh.triangles][:, :, 1] == 2.5).all(axis=1)
    mesh.colors[mesh.triangles[ceiling].ravel()] = [40, 40, 250]
    for panel in (panels(render_preview(mesh, cameras(), up="y"))[i] for i in (0, 2)):
        drawn = (panel < BACKGROUND_TONE).any(axis=2)
        assert drawn.mean() > 0.2
        assert (panel[drawn][:, 0] > panel[drawn][:, 2]).all()


def test_no_hole_where_the_mesh_is() -> None:
    """From the top the floor is one filled rectangle of the room's proportions."""
    drawn = (panels(render_preview(room(), cameras(), up="y"))[2] < BACKGROUND_TONE).any(axis=2)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    filled = drawn[rows[0] + 2 : rows[-1] - 1, columns[0] + 2 : columns[-1] - 1]
    assert filled.all()
    sides = sorted((len(rows), len(columns)))
    assert sides[1] / sides[0] == pytest.approx(4 / 3, abs=0.15)  # perspective adds a little of the walls
    assert min(rows[0], PANEL[1] - 1 - rows[-1], columns[0], PANEL[0] - 1 - columns[-1]) >= 3  # nothing cut off


def test_the_same_mesh_gives_the_same_picture() -> None:
    np.testing.assert_array_equal(render_preview(room(), cameras()), render_preview(room(), cameras()))


@pytest.mark.parametrize("shift", [(10.0, -3.0, 5.0), (432_123.25, 120.5, 5_412_345.75)])
def test_the_place_in_the_world_does_not_matter(shift: tuple[float, float, float]) -> None:
    mesh, poses = room(), cameras()
    moved = poses.copy()
    moved[:, :3, 3] += shift
    there = render_preview(Mesh(mesh.vertices + shift, mesh.triangles, None, mesh.colors), moved)
    difference = np.abs(there.astype(int) - render_preview(mesh, poses))
    assert (difference > 3).mean() < 0.002  # rounding moves an edge here and there


def test_up_is_taken_from_the_cameras_where_unknown() -> None:
    """Cameras that tilt alike on average up and down: the same picture as with the axis given."""
    difference = np.abs(render_preview(room(), cameras()).astype(int) - render_preview(room(), cameras(), up="y"))
    assert (difference > 3).mean() < 0.002


def test_z_up_worlds_are_drawn_like_y_up_ones() -> None:
    T_z_y = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    mesh = room()
    turned = Mesh(mesh.vertices @ T_z_y[:3, :3].T, mesh.triangles, None, mesh.colors)
    poses = T_z_y @ cameras()[:3]  # three only, which look to one side on the whole
    there, here = render_preview(turned, poses, up="z"), render_preview(mesh, cameras()[:3], up="y")
    assert (np.abs(there.astype(int) - here) > 3).mean() < 0.002


def test_a_mesh_without_colours_is_grey() -> None:
    image = render_preview(room(None), cameras()).astype(int)
    assert (np.ptp(image, axis=2) < 25).all()
    assert (image < BACKGROUND_TONE).any(axis=2).mean() > 0.2


def test_one_triangle_and_one_camera_are_enough() -> None:
    triangle = Mesh(np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1]]), np.array([[0, 1, 2]], np.int32))
    assert (render_preview(triangle, np.eye(4)[None]) < BACKGROUND_TONE).any()
