import numpy as np
import pytest

from recon.fusion import mesh as mesh_module
from recon.fusion.mesh import Mesh, clean, select_triangles, simplify, vertex_normals


def grid(cells: int, origin=(0.0, 0.0, 0.0), size: float = 1.0) -> Mesh:
    """A flat square of 2 * cells^2 triangles, facing +z, coloured by place."""
    side = np.linspace(0, size, cells + 1)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    right, above = corner + 1, corner + cells + 1
    triangles = np.concatenate([np.stack([corner, right, above], 1), np.stack([right, above + 1, above], 1)])
    vertices = np.stack([x, y, np.zeros_like(x)], axis=1) + origin
    colors = np.stack([200 * x / size, 200 * y / size, np.full_like(x, 50)], axis=1).astype(np.uint8)
    normals = np.tile(np.float32([0, 0, 1]), (len(vertices), 1))
    return Mesh(vertices, triangles.astype(np.int32), normals, colors)


def join(a: Mesh, b: Mesh) -> Mesh:
    return Mesh(
        np.concatenate([a.vertices, b.vertices]),
        np.concatenate([a.triangles, b.triangles + np.int32(len(a.vertices))]),
        np.concatenate([a.normals, b.normals]),
        np.concatenate([a.colors, b.colors]),
    )


def test_small_islands_go_and_the_rest_stays_as_it_was() -> None:
    large, small = grid(20), grid(3, origin=(5, 0, 0))
    result = clean(join(small, large), min_triangles=100)
    for name in ("vertices", "triangles", "normals", "colors"):
        np.testing.assert_array_equal(getattr(result, name), getattr(large, name))


def test_an_island_of_just_enough_triangles_stays() -> None:
    both = join(grid(20), grid(5, origin=(5, 0, 0)))
    assert len(clean(both, min_triangles=50).triangles) == len(both.triangles)
    assert len(clean(both, min_triangles=51).triangles) == 800


def test_the_largest_island_stays_however_small() -> None:
    assert len(clean(join(grid(2), grid(3, origin=(5, 0, 0)))).triangles) == 18


def test_triangles_that_share_one_corner_are_one_island() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    bow_tie = Mesh(vertices, np.array([[0, 1, 2], [0, 3, 4]], np.int32))
    assert len(clean(bow_tie, min_triangles=2).triangles) == 2


def test_a_mesh_without_triangles_stays_one() -> None:
    assert len(clean(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))).triangles) == 0


def test_selecting_drops_unused_vertices() -> None:
    mesh = grid(4)
    one = select_triangles(mesh, np.arange(len(mesh.triangles)) == 7)
    np.testing.assert_array_equal(one.vertices[one.triangles[0]], mesh.vertices[mesh.triangles[7]])
    assert len(one.vertices) == len(one.normals) == len(one.colors) == 3


@pytest.mark.parametrize("origin", [(0.0, 0, 0), (432_123.25, 120.5, 5_412_345.75)])
def test_simplifying_keeps_the_shape_and_the_place(origin: tuple[float, float, float]) -> None:
    mesh = simplify(grid(30, origin), 200)
    assert len(mesh.triangles) <= 200
    np.testing.assert_allclose(mesh.vertices.min(0), origin, atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(0), np.add(origin, [1, 1, 0]), atol=1e-6)
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    assert abs(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 - 1) < 1e-6
    np.testing.assert_allclose(mesh.normals, np.tile([0, 0, 1], (len(mesh.vertices), 1)), atol=1e-5)
    expected = 200 * (mesh.vertices - origin)[:, :2]  # colours follow their place
    assert np.abs(mesh.colors[:, :2] - expected).mean() < 10


def test_a_mesh_that_is_small_enough_is_not_touched() -> None:
    mesh = grid(3)
    assert simplify(mesh, 18) is mesh
    with pytest.raises(ValueError, match="at least one"):
        simplify(mesh, 0)


def test_normals_of_a_flat_square_are_exact_and_a_lone_vertex_has_none() -> None:
    mesh = grid(3)
    with_lone = Mesh(np.vstack([mesh.vertices, [[9.0, 9, 9]]]), mesh.triangles)
    normals = vertex_normals(with_lone)
    np.testing.assert_array_equal(normals[:-1], mesh.normals)
    np.testing.assert_array_equal(normals[-1], 0)


@pytest.mark.parametrize("at_once", [1, 7, 1799])
def test_normals_do_not_depend_on_how_many_triangles_are_taken_at_once(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    flat = grid(30)
    bent = Mesh(flat.vertices + 0.02 * np.random.default_rng(0).random(flat.vertices.shape), flat.triangles)
    expected = vertex_normals(bent)
    monkeypatch.setattr(mesh_module, "NORMALS_AT_ONCE", at_once)
    np.testing.assert_allclose(vertex_normals(bent), expected, atol=1e-7)
