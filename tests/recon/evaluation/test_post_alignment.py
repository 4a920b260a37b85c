import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.evaluation.post_alignment import fit_scale_shift


def fit(prediction: np.ndarray, target: np.ndarray, seed: int = 0):
    return fit_scale_shift(prediction.astype(np.float32), target.astype(np.float32), np.random.default_rng(seed))


@given(st.floats(0.1, 10.0), st.floats(-2.0, 2.0), st.integers(0, 2**32 - 1))
def test_an_exact_line_is_found(scale: float, shift: float, seed: int) -> None:
    prediction = np.random.default_rng(seed).uniform(1, 5, 50).astype(np.float32)
    found = fit(prediction, scale * prediction.astype(np.float64) + shift, seed)
    assert found is not None
    assert found.scale == pytest.approx(scale, rel=1e-4, abs=1e-5)
    assert found.shift == pytest.approx(shift, abs=1e-3)
    assert found.inliers == 1


def test_a_third_of_wrong_pixels_changes_little_where_least_squares_is_led_astray() -> None:
    rng = np.random.default_rng(0)
    prediction = rng.uniform(0.5, 3, 3000)
    target = 1.5 * prediction + 0.25
    target[:1000] = rng.uniform(12, 16, 1000)  # farther off than the threshold, which is wide
    found = fit(prediction, target)
    assert found is not None
    assert (found.scale, found.shift) == (pytest.approx(1.5, abs=0.05), pytest.approx(0.25, abs=0.1))
    assert 0.6 < found.inliers < 0.75
    assert abs(np.polyfit(prediction, target, 1)[1] - 0.25) > 1


def test_it_finds_what_scikit_learn_finds_with_the_same_threshold() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    prediction = rng.uniform(0.5, 3, 4000)
    target = 2 * prediction + 0.5 + rng.normal(0, 0.05, 4000)
    target[:800] = rng.uniform(8, 9, 800)
    found = fit(prediction, target)
    peer = linear.RANSACRegressor(max_trials=1000, stop_probability=1.0, random_state=0)
    peer.fit(prediction[:, None], target)
    assert found is not None
    assert found.inliers == pytest.approx(peer.inlier_mask_.mean(), abs=0.02)
    assert found.scale == pytest.approx(float(peer.estimator_.coef_[0]), abs=0.05)


def test_the_same_seed_gives_the_same_line() -> None:
    rng = np.random.default_rng(2)
    prediction, target = rng.uniform(1, 2, 500), rng.uniform(1, 2, 500)
    assert fit(prediction, target, 3) == fit(prediction, target, 3)


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ([1, 2, 3, 4], [4, 3, 2, 1]),  # falls where the target rises
        ([2, 2, 2, 2], [1, 2, 3, 4]),
        ([1, 2, 3, 4], [2, 2, 2, 2]),
        ([0, 5, 5, 3, 0], [1, 1, 2, 5, 2]),  # the four that agree with a rising proposal do not rise
        ([1], [1]),
        ([], []),
    ],
)
def test_without_a_positive_scale_there_is_none(prediction: list[float], target: list[float]) -> None:
    assert fit(np.array(prediction), np.array(target)) is None
