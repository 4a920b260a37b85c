"""One row a method, one column a score: depth maps held against the truth, image by image."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from recon.errors import CaptureError
from recon.evaluation.depth_methods import DepthMethod, Missing, Outcome
from recon.evaluation.depth_samples import DepthSample, DepthSource
from recon.evaluation.depth_scores import Counting, DepthScores, mean_scores, score_depth
from recon.stream import Progress

UNREADABLE = "cannot be read"
NOTHING_COUNTS = "no pixel of the truth counts"
UNLIKELY_UNIT = 3.0  # times the truth or less than its third, in the median: KITTI's unit is 3.9 millimetres


@dataclass
class Row:
    """One way to depth."""

    name: str
    frames: dict[str, DepthScores] = field(default_factory=dict)  # by name of the sample
    missing: Counter[str] = field(default_factory=Counter)  # samples without depth, by reason
    ratios: list[float] = field(default_factory=list)  # median of prediction / truth, of each image

    def add(self, sample: DepthSample, outcome: Outcome, counting: Counting) -> None:
        """Scores one image."""
        if isinstance(outcome, Missing):
            self.missing[outcome.reason] += 1
            return
        self.frames[sample.name] = score_depth(outcome, sample.target, counting)
        known = counting.pixels(sample.target) & np.isfinite(outcome) & (outcome > 0)
        if known.any():
            self.ratios.append(float(np.median(outcome[known] / sample.target[known])))

    @property
    def mean(self) -> DepthScores:
        """Over the images that have depth."""
        return mean_scores(list(self.frames.values()))


@dataclass
class DepthEvaluation:
    """What a comparison came to."""

    dataset: str
    counting: Counting
    rows: list[Row]
    samples: int = 0  # that were looked at
    skipped: Counter[str] = field(default_factory=Counter)  # samples without a truth to compare with, by reason
    notes: list[str] = field(default_factory=list)  # what a reader of the numbers must know


Look = Callable[[DepthSample, dict[str, Outcome]], None]  # at a sample and the outcome of each row


def evaluate_depth(
    source: DepthSource,
    methods: Sequence[DepthMethod],
    counting: Counting,
    max_frames: int | None = None,
    progress: Progress | None = None,
    look: Look | None = None,
) -> DepthEvaluation:
    """Scores each image by itself and averages over images, so that each counts alike.

    Args:
        source: where images, prompts and truth come from.
        methods: what gives depth, whose rows have different names.
        counting: which pixels count.
        max_frames: at most so many samples, spread evenly; None for all.
        progress: told of each sample.
        look: shown each sample with its depth maps.

    Raises ``CaptureError`` where nothing could be compared.
    """
    rows = {name: Row(name) for method in methods for name in method.rows}
    if len(rows) != sum(len(method.rows) for method in methods):
        raise ValueError(f"two methods have a row of one name: {[method.rows for method in methods]}")
    chosen = spread_evenly(len(source.names), max_frames)
    result = DepthEvaluation(source.dataset, counting, list(rows.values()), len(chosen), notes=list(source.notes))
    first_failure = ""
    for done, read in enumerate(source.samples(chosen)):
        if progress is not None:
            progress("compare", done, len(chosen))
        try:
            sample = read()
        except CaptureError as error:
            result.skipped[UNREADABLE] += 1
            first_failure = first_failure or str(error)
            continue
        if not counting.pixels(sample.target).any():
            result.skipped[NOTHING_COUNTS] += 1
            continue
        outcomes: dict[str, Outcome] = {}
        for method in methods:
            try:
                outcomes |= zip(method.rows, method.depths(sample), strict=True)
            except CaptureError as error:
                outcomes |= dict.fromkeys(method.rows, Missing(UNREADABLE))
                first_failure = first_failure or str(error)
        for name, outcome in outcomes.items():
            rows[name].add(sample, outcome, counting)
        if look is not None:
            look(sample, outcomes)
    if progress is not None:
        progress("compare", len(chosen), len(chosen))
    if not any(row.frames for row in rows.values()):
        raise CaptureError(_nothing(result, first_failure))
    if first_failure:
        result.notes.append(f"first file that cannot be read: {first_failure}")
    result.notes += _remarks(result.rows)
    return result


def spread_evenly(count: int, most: int | None) -> list[int]:
    """Numbers from 0 to ``count - 1``, all or ``most`` of them."""
    if most is None or most >= count:
        return list(range(count))
    return [(2 * place + 1) * count // (2 * most) for place in range(most)]


def _nothing(result: DepthEvaluation, first_failure: str) -> str:
    reasons = result.skipped + sum((row.missing for row in result.rows), Counter())
    told = ", ".join(f"{reason} ({count})" for reason, count in reasons.items()) or "no samples"
    first = f"; first file: {first_failure}" if first_failure else ""
    return (
        f"none of {result.samples} true depth maps could be compared: {told}{first}; "
        "give predictions, or images and prompts, that go with the truth"
    )


def _remarks(rows: Sequence[Row]) -> list[str]:
    remarks = []
    for row in rows:
        ratio = float(np.median(row.ratios)) if row.ratios else 1.0
        if not 1 / UNLIKELY_UNIT < ratio < UNLIKELY_UNIT:
            remarks.append(f"{row.name}: {ratio:.3g} times the truth in the median, so perhaps not in metres")
    if len({frozenset(row.frames) for row in rows if row.frames}) > 1:
        remarks.append("rows are means over different images, whose numbers are told")
    return remarks
