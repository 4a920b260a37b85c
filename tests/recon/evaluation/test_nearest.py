import numpy as np
import pytest

from recon.evaluation.nearest import nearest_points

CLOUDS = {
    "anywhere": (300, [1.0, 1.0, 1.0]),
    "flat": (300, [1.0, 1.0, 0.0]),
    "on a line": (300, [0.0, 1.0, 0.0]),
    "all at one place": (300, [0.0, 0.0, 0.0]),
    "single": (1, [1.0, 1.0, 1.0]),
    "tiny": (300, [1e-300, 1e-9, 1e-9]),
    "huge": (300, [1e6, 1e6, 1e2]),
}


@pytest.mark.parametrize("shape", CLOUDS.values(), ids=CLOUDS)
@pytest.mark.parametrize("among", CLOUDS.values(), ids=CLOUDS)
def test_distances_and_rows_are_those_of_a_search_through_all(shape, among) -> None:
    rng = np.random.default_rng(0)
    points, targets = (rng.random((count, 3)) * scale + 3 for count, scale in (shape, among))
    distance, row = nearest_points(points, targets)
    all_pairs = np.linalg.norm(points[:, None] - targets[None], axis=2)
    np.testing.assert_allclose(distance, all_pairs.min(axis=1), rtol=1e-12)
    np.testing.assert_allclose(all_pairs[np.arange(len(points)), row], distance, rtol=1e-12)
