import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recon.evaluation import depth_metrics
from recon.evaluation.depth_edges import RATIOS, edge_f_score
from recon.evaluation.depth_scores import Counting, DepthScores, mean_scores, score_depth

depths = hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(0.125, 64.0, width=32))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    target = draw(depths)
    return draw(hnp.arrays(np.float32, target.shape, elements=st.floats(0.125, 64.0, width=32))), target


def test_hand_worked_numbers() -> None:
    found, true = np.array([1, 2, 4], np.float32), np.array([1, 1, 2], np.float32)
    assert depth_metrics.l1(found, true) == pytest.approx(1)
    assert depth_metrics.rmse(found, true) == pytest.approx(math.sqrt(5 / 3))
    assert depth_metrics.abs_rel(found, true) == pytest.approx(2 / 3)
    assert depth_metrics.delta_share(found, true, 1.25) == pytest.approx(1 / 3)
    assert depth_metrics.delta_share(found, true, 2.0) == pytest.approx(1 / 3)  # the threshold itself is outside
    assert depth_metrics.delta_share(found, true, 2.1) == 1
    assert depth_metrics.silog(found, true) == pytest.approx(100 * math.log(2) * math.sqrt(2) / 3)  # logs 0, ln 2, ln 2


def test_the_first_threshold_is_the_root_of_five_quarters() -> None:
    target = np.ones((1, 2), np.float32)
    prediction = np.array([[1.118, 1.119]], np.float32)  # 1.25^0.5 = 1.11803
    assert score_depth(prediction, target, Counting()).d05 == 0.5


@given(pairs())
def test_laws_of_all_depth_maps(pair: tuple[np.ndarray, np.ndarray]) -> None:
    found, true = pair
    assert depth_metrics.rmse(found, true) >= depth_metrics.l1(found, true) * (1 - 1e-12)
    shares = [depth_metrics.delta_share(found, true, threshold) for threshold in (1.118, 1.25, 1.5625, 1.953125)]
    assert shares == sorted(shares)
    assert shares[1] == depth_metrics.delta_share(true, found, 1.25)
    twice = depth_metrics.silog(2 * found, true)
    assert twice == pytest.approx(depth_metrics.silog(found, true), abs=1e-9)
    assert depth_metrics.l1(2 * found, 2 * true) == pytest.approx(2 * depth_metrics.l1(found, true))
    assert depth_metrics.abs_rel(2 * found, 2 * true) == pytest.approx(depth_metrics.abs_rel(found, true))


def test_no_pixels_have_no_average() -> None:
    nothing = np.zeros(0, np.float32)
    for metric in (depth_metrics.l1, depth_metrics.rmse, depth_metrics.abs_rel, depth_metrics.silog):
        assert math.isnan(metric(nothing, nothing))
    assert math.isnan(depth_metrics.delta_share(nothing, nothing, 1.25))


def brute_edges(prediction: np.ndarray, target: np.ndarray, valid: np.ndarray) -> float:
    """Both directions of all neighbouring pairs, one at a time, as the formula is written."""
    height, width = target.shape
    total = weights = 0.0
    for ratio in RATIOS.tolist():
        hits = found = there = 0
        for y in range(height):
            for x in range(width):
                for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                    v, u = y + down, x + right
                    if not (0 <= v < height and 0 <= u < width and valid[y, x] and valid[v, u]):
                        continue
                    true = target[v, u] / target[y, x] > ratio
                    known = prediction[y, x] > 0 and prediction[v, u] > 0
                    edge = bool(known and prediction[v, u] / prediction[y, x] > ratio)
                    hits, found, there = hits + (true and edge), found + edge, there + true
        if there:
            precision, recall = hits / found if found else 0.0, hits / there
            total += ratio * (2 * precision * recall / (precision + recall) if hits else 0.0)
            weights += ratio
    return total / weights if weights else math.nan


@pytest.mark.parametrize("seed", range(6))
def test_edges_agree_with_the_formula_spelled_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = rng.uniform(1, 1.4, (7, 9)).astype(np.float32)
    prediction = (target * rng.uniform(0.95, 1.05, target.shape)).astype(np.float32)
    prediction[rng.random(target.shape) < 0.1] = 0
    valid = rng.random(target.shape) < 0.9
    expected = brute_edges(prediction.astype(np.float64), target.astype(np.float64), valid)
    assert 0.2 < expected < 1
    assert edge_f_score(prediction, target, valid) == pytest.approx(expected, rel=1e-9)


def test_an_edge_counts_where_it_lies_and_which_side_is_in_front() -> None:
    target = np.array([[1, 1, 2, 2]], np.float32)
    valid = np.ones_like(target, bool)

    def score(*values: float) -> float:
        return edge_f_score(np.array([values], np.float32), target, valid)

    assert score(1, 1, 2, 2) == 1
    assert score(3, 3, 6, 6) == 1  # of any scale
    assert score(1, 2, 2, 2) == 0  # a pixel off
    assert score(2, 2, 1, 1) == 0  # the wrong side in front
    assert score(1, 1, 1, 1) == 0
    assert score(1, 0, 2, 2) == 0  # unknown beside it
    assert score(1, 2, 4, 4) == pytest.approx(2 / 3)  # one right, one too many: P = 1/2, R = 1
    larger = RATIOS[RATIOS > 1.1].sum() / RATIOS.sum()
    assert score(1, 1, 1.1, 1.1) == pytest.approx(1 - larger)  # an edge of 1.1 is none at the larger ratios


def test_a_truth_without_edges_has_no_edge_score() -> None:
    flat = np.ones((3, 3), np.float32)
    assert math.isnan(edge_f_score(flat, flat, np.ones((3, 3), bool)))


def test_perfect_depth_scores_perfectly() -> None:
    target = np.array([[1, 2], [3, 0]], np.float32)
    scores = score_depth(target, target, Counting())
    assert scores == DepthScores(*map(float, (0, 0, 0, 1, 1, 1, 1, 0, 1, 0)))


def test_what_a_prediction_leaves_unknown_is_left_out_or_zero_and_told() -> None:
    target = np.array([[1, 1, 2, 2]], np.float32)
    prediction = np.array([[1.5, np.nan, np.inf, -1]], np.float32)
    left_out = score_depth(prediction, target, Counting())
    assert (left_out.l1, left_out.abs_rel, left_out.unknown) == (0.5, 0.5, 0.75)
    as_zero = score_depth(prediction, target, Counting(unknown_is_zero=True))
    assert (as_zero.l1, as_zero.abs_rel, as_zero.unknown) == ((0.5 + 1 + 2 + 2) / 4, (0.5 + 3) / 4, 0.75)
    assert as_zero.d3 == 0.25
    assert as_zero.silog == 0  # of the one known pixel


def test_a_prediction_of_nothing_has_only_its_share() -> None:
    scores = score_depth(np.zeros((1, 2), np.float32), np.array([[1, 2]], np.float32), Counting())
    assert scores.unknown == 1
    assert math.isnan(scores.l1)
    assert scores.as_json()["l1"] is None


def test_range_of_the_truth_is_open_at_both_ends() -> None:
    target = np.array([[0, np.nan, 0.01, 0.02, 5, 4.9]], np.float32)
    counted = Counting(min_depth=float(np.float32(0.01)), max_depth=5.0).pixels(target)
    assert counted.tolist() == [[False, False, False, True, False, True]]


def test_each_image_counts_alike_and_one_without_a_score_not_at_all() -> None:
    small = score_depth(np.array([[2]], np.float32), np.array([[1]], np.float32), Counting())
    large = score_depth(np.full((9, 9), 1.5, np.float32), np.ones((9, 9), np.float32), Counting())
    nothing = score_depth(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32), Counting())
    mean = mean_scores([small, large, nothing])
    assert mean.l1 == pytest.approx(0.75)
    assert mean.unknown == pytest.approx(1 / 3)
    assert math.isnan(mean.edge_f_score)
    assert math.isnan(mean_scores([]).l1)


def test_a_truth_that_does_not_count_is_refused() -> None:
    with pytest.raises(ValueError, match="without a pixel"):
        score_depth(np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32), Counting())
