"""Curved meshes are as large as their formulas say, closed where bodies are, and wound outwards."""

from collections import Counter

import numpy as np
import pytest

from train.synthetic.scene import TriangleMesh
from train.synthetic.surfaces import blocks, curtain, cushion, leaves, prism, tube, turned_body


def volume(mesh: TriangleMesh) -> float:
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def open_edges(mesh: TriangleMesh) -> int:
    """Edges without a neighbour that runs the other way, of corners welded by place."""
    _, weld = np.unique(mesh.vertices.round(6), axis=0, return_inverse=True)
    corners = weld.reshape(-1)[mesh.triangles]
    corners = corners[[len(set(face)) == 3 for face in corners.tolist()]]
    edges = Counter(map(tuple, corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()))
    return sum(edges[a, b] != edges[b, a] for a, b in edges)


def test_a_turned_cone_has_a_cones_volume() -> None:
    cone = turned_body(np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 1.0]]), sides=64)
    assert open_edges(cone) == 0
    assert volume(cone) == pytest.approx(np.pi * 0.25 / 3, rel=0.01)  # 64 sides lack 0.2 %


def test_a_straight_tube_is_a_prism() -> None:
    hose = tube(np.column_stack([np.zeros(5), np.linspace(0, 1, 5), np.zeros(5)]), 0.1, sides=6)
    radius = np.hypot(hose.vertices[:, 0], hose.vertices[:, 2])
    np.testing.assert_allclose(radius, 0.1)
    around = volume(hose)  # without its ends, which lie in planes through or beside the origin
    assert around > 0


def test_bent_tubes_keep_their_radius() -> None:
    bow = np.linspace(0, np.pi, 40)
    line = np.column_stack([np.cos(bow), np.sin(bow), np.zeros(40)])
    hose = tube(line, 0.05, sides=8)
    to_line = np.abs(np.hypot(np.hypot(hose.vertices[:, 0], hose.vertices[:, 1]) - 1, hose.vertices[:, 2]))
    np.testing.assert_allclose(to_line, 0.05, rtol=0.02)


@pytest.mark.parametrize("roundness", [0.1, 0.5, 1.0])
def test_cushions_are_closed_and_between_an_ellipsoid_and_a_box(roundness: float) -> None:
    size = np.array([0.6, 0.2, 0.4])
    soft = cushion(size, roundness, steps=16)
    assert open_edges(soft) == 0
    assert 0.9 * np.pi / 6 * size.prod() < volume(soft) <= size.prod()


def test_a_prism_is_its_outline_times_its_depth() -> None:
    gable = prism(np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 3.0)
    assert open_edges(gable) == 0
    assert volume(gable) == pytest.approx(3.0)


def test_blocks_are_boxes() -> None:
    lows = np.array([[0.0, 0.0, 0.0], [2.0, 1.0, 0.0]])
    two = blocks(lows, lows + np.array([1.0, 0.5, 2.0]))
    assert open_edges(two) == 0
    assert volume(two) == pytest.approx(2.0)


def test_a_curtain_is_as_wide_and_deep_as_asked() -> None:
    cloth = curtain(2.0, 1.5, 0.05, folds=8.0, steps=200)
    np.testing.assert_allclose(np.ptp(cloth.vertices, axis=0), [2.0, 1.5, 0.1], atol=1e-3)


def test_leaves_start_at_their_stems() -> None:
    stems = np.array([[0.0, 1.0, 0.0], [0.2, 1.1, 0.3]])
    foliage = leaves(np.random.default_rng(0), stems, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), 0.2, 0.05)
    np.testing.assert_array_equal(foliage.vertices[[0, 5]], stems)
    assert len(foliage.triangles) == 8
    assert np.linalg.norm(foliage.vertices - np.repeat(stems, 5, axis=0), axis=1).max() < 0.4
