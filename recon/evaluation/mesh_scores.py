"""What a comparison of a mesh with the truth came to."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from recon.evaluation.alignment import Alignment
from recon.evaluation.protocols import Protocol

UNKNOWN = float("nan")
SPREAD = np.linspace(0, 100, 1001)  # percent


@dataclass(frozen=True)
class Direction:
    """Distances (m) from the points of one shape to the other."""

    mean: float
    median: float
    percentile_95: float
    spread: tuple[float, ...] = ()  # their percentiles at SPREAD, for histograms; none where there are no distances

    @classmethod
    def of(cls, distance: Float[np.ndarray, " n"]) -> "Direction":
        spread = tuple(np.percentile(distance, SPREAD).tolist())
        return cls(float(distance.mean()), float(np.median(distance)), float(np.percentile(distance, 95)), spread)


@dataclass(frozen=True)
class Shares:
    """Fractions of points within a threshold of the other shape, and their harmonic mean."""

    threshold: float  # metres
    precision: float
    recall: float

    @property
    def f_score(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Counts:
    """Points that were compared."""

    predicted: int
    truth: int
    predicted_unseen: int = 0  # left out since no camera saw them
    truth_unseen: int = 0


@dataclass(frozen=True, eq=False)
class MeshScores:
    """Scores under one protocol; NaN where a mean has nothing to be taken over."""

    protocol: Protocol
    accuracy: Direction  # prediction to truth: what is wrong
    completeness: Direction  # truth to prediction: what is missing
    shares: tuple[Shares, ...]  # one a threshold, as they were asked for
    normal_consistency: float  # mean |cos| between normals of nearest points, of both directions (arXiv:1812.03828)
    counts: Counts
    alignment: Alignment | None = None
    reason: str | None = None  # why there is nothing to score
    notes: tuple[str, ...] = ()  # what a reader of the numbers must know

    @property
    def chamfer(self) -> float:
        """Mean of accuracy and completeness, metres; ScanNet++ users call it overall."""
        return (self.accuracy.mean + self.completeness.mean) / 2

    def as_json(self) -> dict[str, Any]:
        """Plain values, metres and fractions; None for what is unknown."""
        first = self.shares[0]
        fusion, alignment = self.protocol.fusion, self.alignment
        values = {
            "protocol": self.protocol.name,
            "accuracy": self.accuracy.mean,
            "completeness": self.completeness.mean,
            "chamfer": self.chamfer,
            "precision": first.precision,
            "recall": first.recall,
            "f_score": first.f_score,
            "threshold": first.threshold,
            "normal_consistency": self.normal_consistency,
            "accuracy_median": self.accuracy.median,
            "accuracy_95": self.accuracy.percentile_95,
            "completeness_median": self.completeness.median,
            "completeness_95": self.completeness.percentile_95,
            "thresholds": [
                {"threshold": s.threshold, "precision": s.precision, "recall": s.recall, "f_score": s.f_score}
                for s in self.shares
            ],
            "points": vars(self.counts),
            "fusion": None if fusion is None else vars(fusion),
            "alignment": None
            if alignment is None
            else {
                "moved_m": alignment.distance,
                "turned_deg": alignment.angle_deg,
                "overlap": alignment.overlap,
                "residual_m": alignment.residual,
                "T_truth_prediction": alignment.T_truth_prediction.tolist(),
            },
            "reason": self.reason,
            "notes": list(self.notes),
        }
        return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in values.items()}
