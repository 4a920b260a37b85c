from collections.abc import Callable

import numpy as np
import pytest

from train.data.prompt_failures import (
    BAND_SIDE,
    FAILURES,
    HOLE_SIDE,
    LEAST_KNOWN,
    MOST_HOLES,
    border_bands,
    fail,
    holes,
    low_confidence,
    noise,
    short_range,
)  # fmt: skip
from train.sample import Sample

SHAPE = (60, 80)
SEEDS = range(25)


def sensed() -> Sample:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    prompt = (1 + rows / 30 + columns / 40).astype(np.float32)
    return Sample(
        "sensed",
        np.zeros((120, 160, 3), np.uint8),
        np.ones((120, 160), np.float32),
        prompt,
        np.full(SHAPE, 2, np.uint8),
    )


def failed(failure: Callable, seed: int) -> tuple[np.ndarray, np.ndarray]:
    sample = sensed()
    got = failure(sample, np.random.default_rng(seed))
    np.testing.assert_array_equal(sample.prompt, sensed().prompt)  # nobody writes into what was handed in
    np.testing.assert_array_equal(got.image, sample.image)
    assert not got.confidence[got.prompt == 0].any()
    return got.prompt, got.confidence


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_of_its_seed_and_keeps_size_and_kind(failure: Callable) -> None:
    (prompt, confidence), (again, _), (other, levels) = (failed(failure, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(prompt, again)
    assert not (np.array_equal(prompt, other) and np.array_equal(confidence, levels))
    assert (prompt.dtype, confidence.dtype, prompt.shape) == (np.float32, np.uint8, SHAPE)


def test_holes_are_rectangles_of_limited_size() -> None:
    for seed in SEEDS:
        prompt, _ = failed(holes, seed)
        lost = prompt == 0
        assert 0 < lost.sum() <= MOST_HOLES * np.prod(np.ceil(np.array(SHAPE) * HOLE_SIDE))
        np.testing.assert_array_equal(prompt[~lost], sensed().prompt[~lost])


def test_low_confidence_leaves_the_depth() -> None:
    shares = []
    for seed in SEEDS:
        prompt, confidence = failed(low_confidence, seed)
        np.testing.assert_array_equal(prompt, sensed().prompt)
        shares.append((confidence == 0).mean())
    assert 0.03 < np.mean(shares) < 0.12


def test_a_short_range_loses_the_far_and_nothing_else() -> None:
    for seed in SEEDS:
        prompt, _ = failed(short_range, seed)
        lost = prompt == 0
        assert lost.mean() <= 0.5
        if lost.any():
            assert sensed().prompt[lost].min() > prompt.max()


def test_bands_lie_along_the_borders() -> None:
    rows, columns = (int(np.ceil(BAND_SIDE * side)) for side in SHAPE)
    sides = set()
    for seed in SEEDS:
        lost = failed(border_bands, seed)[0] == 0
        assert not lost[rows:-rows, columns:-columns].any()
        edges = {"top": lost[0], "bottom": lost[-1], "left": lost[:, 0], "right": lost[:, -1]}
        sides |= {side for side, pixels in edges.items() if pixels.all()}
    assert sides == {"top", "bottom", "left", "right"}


def test_noise_is_small_smooth_and_without_bias() -> None:
    errors = np.stack([np.log(failed(noise, seed)[0] / sensed().prompt) for seed in range(100)])
    assert abs(errors.mean()) < 0.001
    assert 0.002 < errors.std() < 0.01
    assert np.abs(np.diff(errors, axis=-1)).mean() < 0.75 * np.abs(errors).mean()


def test_only_their_share_of_samples_fails() -> None:
    changed = [fail(sensed(), 0.6, np.random.default_rng(seed)).prompt for seed in range(300)]
    share = np.mean([not np.array_equal(prompt, sensed().prompt) for prompt in changed])
    assert 0.45 < share < 0.65
    assert all(
        np.array_equal(fail(sensed(), 0.0, np.random.default_rng(seed)).prompt, sensed().prompt) for seed in SEEDS
    )


def test_what_little_there_is_is_not_taken_away() -> None:
    sample = sensed()
    prompt = np.zeros(SHAPE, np.float32)
    prompt[:10, :12] = 2.0  # just above what must be left
    assert 0.02 < (prompt > 0).mean() < 0.03
    poor = Sample(sample.name, sample.image, sample.depth, prompt, np.full(SHAPE, 2, np.uint8))
    for seed in range(60):
        got = fail(poor, 1.0, np.random.default_rng(seed))
        assert got.confidence is not None
        assert (got.confidence > 0).mean() >= LEAST_KNOWN or got is poor


def test_a_sample_without_a_prompt_cannot_fail() -> None:
    sample = Sample("bare", np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), np.float32))
    with pytest.raises(ValueError, match="bare: no prompt"):
        holes(sample, np.random.default_rng(0))
