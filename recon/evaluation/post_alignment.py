"""Scale and shift that bring a monocular prediction onto a LiDAR's depth: the paper's 'Post' rows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

GROUPS = 1000  # random pairs of pixels that each propose a scale and a shift
CHUNK_GROUPS = 64  # that vote at once, so that memory stays near 30 MB


@dataclass(frozen=True)
class ScaleShift:
    """``aligned = scale * prediction + shift``."""

    scale: float
    shift: float
    inliers: float  # share of the pixels that agree with it


def fit_scale_shift(
    prediction: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"], rng: np.random.Generator
) -> ScaleShift | None:
    """RANSAC as in Prompting Depth Anything (arXiv:2412.14015, supplement).

    Random groups of pixels each give a scale and a shift, on which all pixels vote. A pixel agrees with a proposal
    whose error is at most the median absolute deviation of the target from its median. The proposal with the most
    votes is fitted once more, by least squares, to the pixels that agree with it.

    Args:
        prediction: depth or disparity in any unit, finite.
        target: the sensor's, in metres or 1 / metres.
        rng: draws the groups.

    Returns:
        None where no positive scale is found: fewer than two pixels, or a prediction that does not rise with the
        target.
    """
    if len(prediction) < 2:
        return None
    x, y = prediction.astype(np.float64), target.astype(np.float64)
    threshold = float(np.median(np.abs(y - np.median(y))))
    first, second = rng.integers(len(x), size=(2, GROUPS))
    run = x[second] - x[first]
    rises = (y[second] - y[first]) * run > 0  # a scale must be positive
    if not rises.any():
        return None
    first, run = first[rises], run[rises]
    scale = (y[second[rises]] - y[first]) / run
    shift = y[first] - scale * x[first]
    votes = np.concatenate(
        [
            _agree(x, y, scale[part, None], shift[part, None], threshold).sum(axis=1)
            for part in (slice(start, start + CHUNK_GROUPS) for start in range(0, len(scale), CHUNK_GROUPS))
        ]
    )
    best = int(votes.argmax())
    inlier = _agree(x, y, scale[best : best + 1], shift[best : best + 1], threshold)
    return _least_squares(x[inlier], y[inlier], float(inlier.mean()))


def _agree(x: np.ndarray, y: np.ndarray, scale: np.ndarray, shift: np.ndarray, threshold: float) -> np.ndarray:
    # The pair that made a proposal may miss it by rounding where the threshold is 0.
    return np.abs(scale * x + shift - y) <= threshold + 1e-12 * np.abs(y)


def _least_squares(x: np.ndarray, y: np.ndarray, inliers: float) -> ScaleShift | None:
    spread = x - x.mean()
    variance = float(spread @ spread)
    scale = float(spread @ y) / variance if variance > 0 else 0.0
    return ScaleShift(scale, float(y.mean()) - scale * float(x.mean()), inliers) if scale > 0 else None
