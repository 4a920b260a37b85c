from types import SimpleNamespace

import numpy as np
import pytest
from compare_with_truth import seen_points
from room_maker.camera_walk import walk
from room_maker.render import render_depth, render_image
from room_maker.room import HEIGHT, X, Z, build_room
from room_maker.scene import Scene
from room_maker.shapes import Shapes
from room_maker.textures import Material

from recon.evaluation.mesh_metrics import distances_to_surface
from recon.fusion.mesh import Mesh
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject
from recon.geometry.trajectory import steps
from recon.geometry.transforms import apply, rigid

CAMERA = Camera.from_focal(80, 60, 60.0, 60.0, 38.7, 30.1)


def plain(shapes_or_surfaces: list) -> Scene:
    """The surfaces in plain white."""
    names = sorted({surface.material for surface in shapes_or_surfaces})
    white = np.full((16, 16, 3), 255, np.uint8)
    return Scene(shapes_or_surfaces, {name: Material(white, (1.0, 1.0)) for name in names})


@pytest.fixture(scope="module")
def truth() -> Scene:
    return plain(build_room(np.random.default_rng(0), 0.5))


def test_rendered_depth_lies_on_the_true_surface(truth: Scene) -> None:
    fine = plain(build_room(np.random.default_rng(0), 0.2))
    mesh = Mesh(truth.vertices.astype(np.float64), truth.triangles.astype(np.int32))
    poses, cameras = walk(12, np.random.default_rng(0))
    for pose, camera in zip(poses[::4], cameras[::4], strict=True):
        small = camera.resized(64, 48)
        depth = render_depth(fine, pose, small)
        points = apply(pose, backproject(depth, small).reshape(-1, 3).astype(np.float64))
        assert (depth > 0).all()  # the room is closed
        assert distances_to_surface(points, mesh).max() < 0.001  # rays are float32; at grazing angles the hit moves


def test_the_walk_stays_in_the_room_at_a_walking_pace() -> None:
    poses, _ = walk(120, np.random.default_rng(0))
    assert (np.abs(poses[:, 0, 3]) < X - 0.5).all()
    assert (np.abs(poses[:, 2, 3]) < Z - 0.5).all()
    assert ((poses[:, 1, 3] > 1.2) & (poses[:, 1, 3] < HEIGHT - 0.5)).all()
    distance, turn = steps(poses)
    assert 0.3 < distance.mean() * 5 < 0.6  # m/s at 5 frames a second
    assert turn.max() < np.radians(15)
    assert (poses[:, 1, 1] < -0.6).all()  # the camera's y points down: held level


def test_normals_face_the_side_that_the_triangles_wind_about() -> None:
    shapes = Shapes(0.1)
    shapes.box("a", (0, 0, 0), (1, 2, 3), 20)
    shapes.rod("a", (2, 0, 0), (2, 1, 0.5), 0.1, 0.2)
    shapes.ball("a", (4, 0, 0), 0.5)
    shapes.cushion("a", (6, 0, 0), (1, 0.5, 0.8), 0.1, 30, 10)
    for surface in shapes.surfaces:
        a, b, c = (surface.vertices[surface.triangles[:, k]] for k in range(3))
        facing = np.cross(b - a, c - a)
        mean_normal = surface.normals[surface.triangles].mean(axis=1)
        assert ((facing * mean_normal).sum(axis=1) > 0).all()


def test_a_box_faces_outwards() -> None:
    shapes = Shapes(np.inf)
    shapes.box("a", (1, 2, 3), (0.2, 0.4, 0.6), 33)
    for surface in shapes.surfaces:
        assert ((surface.vertices - [1, 2, 3]) * surface.normals).sum(axis=1).min() > 0.09


def test_a_lit_board_appears_where_it_projects() -> None:
    shapes = Shapes(0.05)
    shapes.rectangle("glowing", (-0.5, -0.25, 2.0), [0, 0.5, 0], [1.0, 0, 0])  # faces -z, towards the camera
    scene = Scene(shapes.surfaces, {"glowing": Material(np.full((16, 16, 3), 255, np.uint8), (1, 1), glow=3.0)})
    image = render_image(
        scene, np.zeros((len(scene.vertices), 3), np.float32), np.eye(4), CAMERA, np.random.default_rng(0)
    )
    bright = image.mean(axis=2) > 128
    # 60 px * 0.5 m / 2 m = 15 px left and right of cx, 7.5 px above and below cy.
    columns, rows = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
    assert (columns[0], columns[-1]) == (24, 53)  # pixel centres from 23.7 to 53.7
    assert (rows[0], rows[-1]) == (23, 37)  # from 22.6 to 37.6


def test_only_surface_that_a_camera_sees_within_reach_counts() -> None:
    vertices = np.array([[-1, -1, 1], [1, -1, 1], [0, 1, 1]], float)
    screen = Mesh(vertices, np.array([[0, 1, 2]], np.int32))
    points = np.array([[0, 0, 1], [0, 0, 2], [0.9, 0.9, 2], [0, 0, -1], [9, 0, 2], [1.5, 0.9, 4.0]], float)
    frame = SimpleNamespace(camera=CAMERA, T_world_camera=rigid(np.eye(3), np.zeros(3)))

    class OneFrame:
        def __len__(self) -> int:
            return 1

        def frames(self, rows: range) -> list[SimpleNamespace]:
            return [frame for _ in rows]

    # On the screen; behind it; beside it; behind the camera; outside the picture; beyond reach.
    assert seen_points(points, screen, OneFrame(), 3.0).tolist() == [True, False, True, False, False, False]
