"""What a comparison of one depth map with the truth came to, and the mean over many."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from jaxtyping import Bool, Float

from recon.evaluation import depth_metrics
from recon.evaluation.depth_edges import edge_f_score

DELTA = 1.25  # whose powers 1/2, 1, 2 and 3 are the thresholds


@dataclass(frozen=True)
class Counting:
    """Which pixels count."""

    min_depth: float = 0.0  # metres that the truth must exceed
    max_depth: float | None = None  # metres that it must be below
    # A pixel that the prediction leaves unknown counts as a depth of 0, as in code that knows no unknown
    # predictions; else it is in no mean, and the share of such pixels tells how much was left out.
    unknown_is_zero: bool = False

    def pixels(self, target: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
        """Where the truth is known and in range."""
        known = np.isfinite(target) & (target > self.min_depth)
        return known if self.max_depth is None else known & (target < self.max_depth)


@dataclass(frozen=True)
class DepthScores:
    """Of one image, or means over images; metres, shares from 0 to 1, NaN where there is nothing to average."""

    l1: float
    rmse: float
    abs_rel: float
    d05: float  # share within a factor of 1.25^0.5, then 1.25, 1.25^2, 1.25^3
    d1: float
    d2: float
    d3: float
    silog: float
    edge_f_score: float
    unknown: float  # share of the pixels that count for which the prediction says nothing

    def as_json(self) -> dict[str, float | None]:
        """By name; None for what is unknown."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: None if math.isnan(value) else value for name, value in values}


METRICS = tuple(field.name for field in fields(DepthScores))


def score_depth(
    prediction: Float[np.ndarray, "h w"], target: Float[np.ndarray, "h w"], counting: Counting
) -> DepthScores:
    """Compares one depth map (m; 0, NaN and infinite = unknown) with the truth, whose pixels must count somewhere."""
    valid = counting.pixels(target)
    if not valid.any():
        raise ValueError("score_depth was given a truth without a pixel that counts")
    known = np.isfinite(prediction) & (prediction > 0)
    prediction = np.where(known, prediction, np.float32(0))
    counted = valid if counting.unknown_is_zero else valid & known
    found, true = prediction[counted], target[counted]
    both = valid & known
    return DepthScores(
        l1=depth_metrics.l1(found, true),
        rmse=depth_metrics.rmse(found, true),
        abs_rel=depth_metrics.abs_rel(found, true),
        d05=depth_metrics.delta_share(found, true, DELTA**0.5),
        d1=depth_metrics.delta_share(found, true, DELTA),
        d2=depth_metrics.delta_share(found, true, DELTA**2),
        d3=depth_metrics.delta_share(found, true, DELTA**3),
        silog=depth_metrics.silog(prediction[both], target[both]),
        edge_f_score=edge_f_score(prediction, target, valid),
        unknown=1 - np.count_nonzero(both) / np.count_nonzero(valid),
    )


def mean_scores(scores: Sequence[DepthScores]) -> DepthScores:
    """The mean over images of each score, which leaves out the images where that score is NaN."""
    columns = np.array([astuple(score) for score in scores]).reshape(-1, len(METRICS))
    known = ~np.isnan(columns)
    total, count = np.where(known, columns, 0).sum(axis=0), known.sum(axis=0)
    return DepthScores(*(float(t / c) if c else float("nan") for t, c in zip(total, count, strict=True)))
