import numpy as np
import pytest

from recon.evaluation.mesh_metrics import accuracy, completeness, distances_to_surface, evaluate_mesh, sample_surface
from recon.fusion.mesh import Mesh

UTM = np.array([432_123.25, 120.5, 5_412_345.75])


def rectangle(width: float, height: float, z: float = 0.0, origin=(0.0, 0.0, 0.0)) -> Mesh:
    vertices = np.array([[0, 0, z], [width, 0, z], [width, height, z], [0, height, z]], np.float64) + origin
    return Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


@pytest.mark.parametrize("origin", [np.zeros(3), UTM])
def test_distances_to_a_square_are_exact(origin: np.ndarray) -> None:
    points = np.array([[0.5, 0.5, 0.25], [0.5, 0.5, 0], [4, 0.5, 0], [-3, -4, 0], [4, 0.5, 4]]) + origin
    expected = [0.25, 0, 3, 5, 5]  # above, on, beside, off a corner, off an edge (3-4-5)
    np.testing.assert_allclose(distances_to_surface(points, rectangle(1, 1, origin=origin)), expected, atol=1e-6)


def test_samples_lie_on_the_surface_and_spread_by_area() -> None:
    small, large = rectangle(1, 1), rectangle(3, 1, z=2.0)
    both = Mesh(
        np.concatenate([small.vertices, large.vertices]),
        np.concatenate([small.triangles, large.triangles + np.int32(4)]),
    )
    points = sample_surface(both, 20_000, np.random.default_rng(0))
    assert set(np.unique(points[:, 2])) == {0.0, 2.0}
    assert (points[:, 2] == 2).mean() == pytest.approx(0.75, abs=0.01)  # 3 of 4 square metres
    on_large = points[points[:, 2] == 2]
    np.testing.assert_allclose(on_large.mean(axis=0)[:2], [1.5, 0.5], atol=0.02)
    quarters, _, _ = np.histogram2d(on_large[:, 0], on_large[:, 1], bins=(3, 2), range=((0, 3), (0, 1)))
    np.testing.assert_allclose(quarters / len(on_large), 1 / 6, atol=0.01)


def test_the_same_generator_gives_the_same_samples() -> None:
    a, b = (sample_surface(rectangle(1, 1), 50, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_a_mesh_without_area_is_refused() -> None:
    with pytest.raises(ValueError, match="no area"):
        sample_surface(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32)), 5, np.random.default_rng(0))


def test_a_mesh_is_perfect_against_itself() -> None:
    for measure in (accuracy, completeness):
        result = measure(rectangle(2, 1), rectangle(2, 1), np.random.default_rng(0), count=1000)
        assert max(result.mean, result.median, result.percentile_95) < 1e-6


def test_half_a_mesh_is_accurate_and_incomplete() -> None:
    half, whole = rectangle(1, 1), rectangle(2, 1)
    assert accuracy(half, whole, np.random.default_rng(0), count=1000).mean < 1e-6
    missing = completeness(half, whole, np.random.default_rng(0), count=50_000)
    assert missing.mean == pytest.approx(0.25, abs=0.01)  # half of it is 0 to 1 m away
    assert missing.percentile_95 == pytest.approx(0.9, abs=0.02)


def test_an_offset_is_what_is_measured() -> None:
    result = accuracy(rectangle(1, 1, z=0.125), rectangle(1, 1), np.random.default_rng(0), count=1000)
    assert result.mean == pytest.approx(0.125, abs=1e-6)
    assert result.median == pytest.approx(0.125, abs=1e-6)


def test_an_evaluation_looks_both_ways_and_repeats() -> None:
    result = evaluate_mesh(rectangle(1, 1), rectangle(2, 1))
    assert result.accuracy.mean < 1e-6
    assert result.completeness.mean == pytest.approx(0.25, abs=0.01)
    assert result == evaluate_mesh(rectangle(1, 1), rectangle(2, 1))
    assert result != evaluate_mesh(rectangle(1, 1), rectangle(2, 1), seed=1)
