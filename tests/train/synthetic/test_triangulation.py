"""Laws of triangulated shapes: closed, wound outwards, as large as the formulas say."""

from collections import Counter

import numpy as np
import pytest

from train.synthetic.scene import Box, Cylinder, Material, Object, Quad, Scene, Shape, Sky, Sphere, Torus, TriangleMesh
from train.synthetic.triangulation import MOST_SIDES, SAGITTA, sides, triangulate, triangulate_scene

CLOSED = [
    (Box(np.array([0.5, 1.0, 2.0])), 1.0),
    (Cylinder(0.3, 0.8), np.pi * 0.09 * 0.8),
    (Cylinder(0.004, 1.5), np.pi * 0.004**2 * 1.5),
    (Sphere(0.4), 4 / 3 * np.pi * 0.064),
    (Torus(0.5, 0.1), 2 * np.pi**2 * 0.5 * 0.01),
]
GREY = Material(np.full((1, 1, 3), 128, np.uint8))


def volume(mesh: TriangleMesh) -> float:
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def scene_of(*things: Object) -> Scene:
    return Scene("test", things, (), Sky(np.ones(3), np.ones(3)), None, ())


@pytest.mark.parametrize(("shape", "expected"), CLOSED)
def test_the_volume_is_positive_and_just_below_the_formulas(shape: Shape, expected: float) -> None:
    found = volume(triangulate(shape))
    assert 0.9 * expected < found <= expected * (1 + 1e-9)


@pytest.mark.parametrize(("shape", "expected"), CLOSED)
def test_every_edge_has_one_triangle_on_each_side(shape: Shape, expected: float) -> None:
    mesh = triangulate(shape)
    _, place = np.unique(np.round(mesh.vertices, 9), axis=0, return_inverse=True)
    corners = place.reshape(-1)[mesh.triangles]
    edges = Counter(map(tuple, corners[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).tolist()))
    assert set(edges.values()) == {1}
    assert all((b, a) in edges for a, b in edges)


@pytest.mark.parametrize("shape", [Cylinder(0.3, 0.8), Sphere(0.4), Torus(0.5, 0.1)])
def test_no_side_lies_further_off_the_round_surface_than_it_may(shape: Shape) -> None:
    mesh = triangulate(shape)
    middle = mesh.vertices[mesh.triangles].mean(axis=1)
    ring = np.hypot(middle[:, 0], middle[:, 2])
    match shape:
        case Cylinder():
            off = (0.3 - ring)[: 2 * sides(0.3)]  # the wall comes first
        case Sphere():
            off = 0.4 - np.linalg.norm(middle, axis=1)
        case _:
            off = 0.1 - np.hypot(ring - 0.5, middle[:, 1])
    assert np.abs(off).max() <= 3 * SAGITTA  # bent both ways, and the longest turn has only its most sides


def test_larger_rounds_have_more_sides_up_to_a_limit() -> None:
    counts = [sides(radius) for radius in (1e-5, 0.01, 0.1, 0.5, 100.0)]
    assert counts == sorted(counts)
    assert counts[-1] == MOST_SIDES


def test_a_quad_faces_z() -> None:
    mesh = triangulate(Quad(2.0, 1.0))
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    np.testing.assert_allclose(np.cross(b - a, c - a).sum(0) / 2, [0, 0, 2.0])


def test_a_scene_is_its_shapes_in_their_places_and_mirrored_ones_stay_wound_outwards() -> None:
    moved, mirrored = np.eye(4), np.diag([-2.0, 1.0, 1.0, 1.0])
    moved[:3, 3] = [3.0, 0.0, 0.0]
    box, ball = Object(Box(np.ones(3)), GREY, moved), Object(Sphere(0.4), GREY, mirrored)
    mesh = triangulate_scene(scene_of(box, ball))
    assert mesh.vertices[:, 0].max() == 3.5
    np.testing.assert_allclose(volume(mesh), 1.0 + 2 * volume(triangulate(Sphere(0.4))))


def test_an_empty_scene_has_no_triangles() -> None:
    assert triangulate_scene(scene_of()).triangles.shape == (0, 3)
