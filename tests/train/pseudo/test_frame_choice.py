import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from train.pseudo.frame_choice import LEAST_APART, LONGEST_GAP, choose_frames, sharpness


def video(seconds: float, seed: int, rate: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """Times, and sharpness that wanders as a hand's motion does."""
    rng = np.random.default_rng(seed)
    count = max(1, round(seconds * rate))
    return np.arange(count) / rate, gaussian_filter(rng.normal(size=count), 5) + 3


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 30), st.integers(0, 10_000), st.sampled_from([60.0, 30.0, 5.0]))
def test_chosen_frames_are_neither_crowded_nor_missing(seconds: float, seed: int, rate: float) -> None:
    timestamp, sharp = video(seconds, seed, rate)
    chosen = timestamp[choose_frames(timestamp, sharp)]
    assert len(chosen)
    assert (np.diff(chosen) > LEAST_APART - 1e-5).all()
    ends = np.array([timestamp[0], *chosen, timestamp[-1]])
    assert (np.diff(ends) <= LONGEST_GAP + 1e-5).all()
    assert len(chosen) >= round((timestamp[-1] - timestamp[0]) / 0.5) - 1


def test_of_an_even_video_one_frame_in_thirty_is_taken() -> None:
    timestamp = np.arange(1801) / 60
    sharp = np.where(np.arange(1801) % 30 == 7, 2.0, 1.0)
    assert choose_frames(timestamp, sharp).tolist() == list(range(7, 1801, 30))


def test_a_blurred_stretch_still_gets_its_sharpest() -> None:
    timestamp = np.arange(601) / 60
    sharp = np.full(601, 10.0)
    sharp[120:420] = 0.1  # five seconds
    sharp[270] = 0.2
    chosen = choose_frames(timestamp, sharp)
    assert 270 in chosen
    assert np.diff(timestamp[chosen]).max() <= LONGEST_GAP + 1e-6


def test_frames_without_a_picture_are_never_chosen() -> None:
    timestamp, sharp = video(8, 3)
    sharp[100:300] = np.nan
    chosen = choose_frames(timestamp, sharp)
    assert np.isfinite(sharp[chosen]).all()
    assert not len(choose_frames(timestamp, np.full(len(timestamp), np.nan)))


def test_blur_lowers_the_sharpness() -> None:
    noise = np.random.default_rng(0).uniform(0, 255, (60, 80, 3))
    by_blur = [sharpness(gaussian_filter(noise, (sigma, sigma, 0)).astype(np.uint8)) for sigma in (0, 0.5, 1, 2)]
    assert by_blur == sorted(by_blur, reverse=True)
    assert sharpness(np.full((10, 10, 3), 77, np.uint8)) == 0


@pytest.mark.parametrize("timestamp", [[0.0, 2.0, 1.0], [0.0, 0.0, 1.0]])
def test_times_that_do_not_increase_are_refused(timestamp: list[float]) -> None:
    with pytest.raises(ValueError, match="increasing times"):
        choose_frames(np.array(timestamp), np.ones(3))
