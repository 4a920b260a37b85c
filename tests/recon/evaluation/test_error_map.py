import numpy as np
import pytest
from measured_shapes import cloud, moved, sheet

from recon.evaluation.alignment import Alignment
from recon.evaluation.error_map import colored_by_error
from recon.fusion.mesh import Mesh
from recon.geometry.transforms import rigid

BLUE, RED = (48, 18, 59), (122, 4, 3)  # the ends of the Turbo scale (Mikhailov 2019)


@pytest.mark.parametrize("truth", [sheet(4, 4), sheet(4, 4, step=0.5)], ids=["coarse", "fine"])
def test_vertices_go_from_blue_on_the_truth_to_red_at_the_limit(truth: Mesh) -> None:
    predicted = cloud((1, 1, 0), (1, 1, 0.05), (1, 1, 0.1), (1, 1, 7))
    colors = colored_by_error(predicted, truth, None, limit=0.1).colors
    assert tuple(colors[0]) == BLUE
    assert tuple(colors[2]) == tuple(colors[3]) == RED
    assert colors[1].argmax() == 1  # green between


def test_a_cloud_is_a_truth_too_and_the_shape_stays_where_it_was() -> None:
    predicted = sheet(1, 1, 0.1)
    result = colored_by_error(predicted, cloud((0, 0, 0.1)), None, limit=1.0)
    assert tuple(result.colors[0]) == BLUE
    assert tuple(result.colors[2]) == RED  # the far corner
    np.testing.assert_array_equal(result.vertices, predicted.vertices)


def test_an_aligned_prediction_is_given_where_it_was_moved_to() -> None:
    truth = moved(sheet(1, 1), [5e6, 0, 0])
    alignment = Alignment(rigid(np.eye(3), np.array([0, 0, 0.25])), 1.0, 0.0)
    result = colored_by_error(moved(truth, [0, 0, -0.25]), truth, alignment, limit=0.1)
    np.testing.assert_allclose(result.vertices, truth.vertices, atol=1e-8)
    assert {tuple(color) for color in result.colors} == {BLUE}


def test_nothing_stays_nothing() -> None:
    assert len(colored_by_error(cloud((np.nan, 0, 0)), sheet(1, 1), None, 0.1).vertices) == 0
