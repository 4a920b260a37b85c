"""The reports of evaluations: a mesh against the truth, and depth maps against the truth."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np
from jaxtyping import Float

from recon.captures.base import Up
from recon.evaluation.depth_scores import METRICS, DepthScores
from recon.evaluation.evaluate_depth import DepthEvaluation
from recon.evaluation.mesh_scores import Direction, MeshScores
from recon.evaluation.paper_tables import PaperRow
from recon.fusion.mesh import Mesh
from recon.report.html import Block, Facts, Gallery, Picture, Report, Section, Table, Text
from recon.report.mesh_view import ErrorScale, MeshView
from recon.report.plots import Bars, Curves, Histogram

HISTOGRAM_THRESHOLDS = 3.0  # of the largest threshold, where the last bin collects what is beyond
HEADS = {
    "l1": "L1, m", "rmse": "RMSE, m", "abs_rel": "AbsRel", "d05": "δ 1.25^½", "d1": "δ 1.25", "d2": "δ 1.25²",
    "d3": "δ 1.25³", "silog": "SILog", "edge_f_score": "edge F", "unknown": "unknown",
}  # fmt: skip
CURVE_METRICS = {"l1": "L1, metres", "abs_rel": "AbsRel"}


def mesh_evaluation_report(
    title: str,
    scores: MeshScores,
    colored: Mesh,
    limit: float,
    settings: Mapping[str, str],
    up: Up = "unknown",
    T_world_camera: Float[np.ndarray, "k 4 4"] | None = None,
) -> Report:
    """What a comparison of a mesh with the truth came to.

    Args:
        title: what was compared.
        scores: under one protocol.
        colored: the prediction in colours of its error, in the truth's world.
        limit: metres from which it is red.
        settings: what else the numbers depend on, by name.
        up: the truth's upward axis.
        T_world_camera: of the cameras that saw the prediction, in the truth's world.
    """
    paths = [] if T_world_camera is None else [T_world_camera]
    blocks: list[Block] = [] if scores.reason is None else [Text(f"There is nothing to score: {scores.reason}.")]
    blocks += [Facts(_headline(scores)), _shares(scores), _directions(scores), *map(Text, scores.notes)]
    view = MeshView(colored, "Each vertex in the colour of its error.", up, paths, ErrorScale(100 * limit, "cm"))
    sections = [Section("Scores", blocks), Section("Error of the prediction", [view])]
    if scores.reason is None:
        directions = {
            "what is wrong: prediction to truth": scores.accuracy,
            "what is missing: truth to prediction": scores.completeness,
        }
        thresholds = [share.threshold for share in scores.shares]
        histogram = Histogram(
            {name: 100 * np.array(direction.spread) for name, direction in directions.items()},
            "distance, cm; the last bin holds all beyond",
            100 * HISTOGRAM_THRESHOLDS * max(thresholds),
            {f"{100 * threshold:g} cm": 100 * threshold for threshold in thresholds},
        )
        sections.append(Section("Distances", [histogram]))
    values = {"protocol": scores.protocol.name, "source": scores.protocol.source, **settings}
    sections.append(Section("Settings", [Table(("setting", "value"), list(values.items()))]))
    about = f"Mesh against the truth, protocol {scores.protocol.name}, recon {version('promptda-recon')}"
    return Report(title, about, sections)


def _headline(scores: MeshScores) -> dict[str, str]:
    first = scores.shares[0]
    return {
        f"F-score at {100 * first.threshold:g} cm": f"{first.f_score:.4f}",
        "Accuracy": _cm(scores.accuracy.mean),
        "Completeness": _cm(scores.completeness.mean),
        "Chamfer": _cm(scores.chamfer),
        "Normals agree": _known(scores.normal_consistency),
    }


def _shares(scores: MeshScores) -> Table:
    rows = [
        (f"{100 * share.threshold:g} cm", f"{share.precision:.4f}", f"{share.recall:.4f}", f"{share.f_score:.4f}")
        for share in scores.shares
    ]
    return Table(("within", "precision", "recall", "F-score"), rows, numbers=True)


def _directions(scores: MeshScores) -> Table:
    def row(name: str, direction: Direction, points: int, unseen: int) -> tuple[str, ...]:
        distances = (direction.mean, direction.median, direction.percentile_95)
        return (name, *map(_cm, distances), f"{points:,}", f"{unseen:,}")

    counts = scores.counts
    rows = [
        row("accuracy: prediction to truth", scores.accuracy, counts.predicted, counts.predicted_unseen),
        row("completeness: truth to prediction", scores.completeness, counts.truth, counts.truth_unseen),
    ]
    return Table(("distance", "mean", "median", "95 % below", "points", "unseen, left out"), rows, numbers=True)


def depth_evaluation_report(
    result: DepthEvaluation,
    pictures: Sequence[Picture] = (),
    settings: Mapping[str, str] | None = None,
    printed: Sequence[PaperRow] = (),
) -> Report:
    """What a comparison of depth maps with the truth came to.

    Args:
        result: scores by row and image.
        pictures: of some images side by side, as ``depth_pictures.side_by_side`` draws them.
        settings: what else the numbers depend on, by name.
        printed: what the paper itself prints for this data.
    """
    rows = [(row.name, f"{len(row.frames):,}", *_cells(row.mean)) for row in result.rows]
    blocks: list[Block] = [Table(("means over images", "images", *HEADS.values()), rows, numbers=True)]
    lost = [f"{count} of {result.samples} left out: {reason}." for reason, count in result.skipped.items()]
    lost += [f"{row.name}: {n} without depth: {reason}." for row in result.rows for reason, n in row.missing.items()]
    blocks += [Text(line) for line in (*lost, *result.notes)]
    sections = [
        Section("Scores", blocks),
        Section("L1", [Bars({row.name: (row.mean.l1, f"{row.mean.l1:.4f} m") for row in result.rows if row.frames})]),
        *_by_image(result),
    ]
    if printed:
        sections.insert(1, Section("What the paper prints for this data", _paper(printed)))
    if pictures:
        sections.append(Section("Side by side", [Gallery(pictures)]))
    counting = result.counting
    values = {
        "truth that counts, m": f"above {counting.min_depth:g}"
        + ("" if counting.max_depth is None else f", below {counting.max_depth:g}"),
        "unknown pixels": "count as depth 0" if counting.unknown_is_zero else "are left out of the means",
        **(settings or {}),
    }
    sections.append(Section("Settings", [Table(("setting", "value"), list(values.items()))]))
    about = f"Depth against the truth, {result.samples:,} images, recon {version('promptda-recon')}"
    return Report(f"Depth: {result.dataset}", about, sections)


def _paper(printed: Sequence[PaperRow]) -> list[Block]:
    rows = [
        (
            f"table {row.table}: {row.method} ({row.group}; LiDAR {row.lidar})",
            *(f"{row.scores[metric]:g}" if metric in row.scores else "" for metric in METRICS),
        )
        for row in printed
    ]
    notes = [Text(f"{row.method}, LiDAR {row.lidar}: {note}.") for row in printed for note in row.notes]
    return [Table(("the paper's", *HEADS.values()), rows, numbers=True), *notes]


def _by_image(result: DepthEvaluation) -> list[Section]:
    """Scores image by image, and how their errors are spread."""
    fullest_first = sorted(result.rows, key=lambda row: -len(row.frames))
    names = list(dict.fromkeys(name for row in fullest_first for name in row.frames))
    if len(names) < 2:
        return []
    numbers = np.arange(1, len(names) + 1, dtype=np.float64)
    blocks: list[Block] = []
    for metric, label in CURVE_METRICS.items():
        series = {row.name: _series(row.frames, names, metric) for row in result.rows if row.frames}
        blocks.append(Curves(numbers, series, f"image, from {names[0]} to {names[-1]}", label))
    spread = {name: values[np.isfinite(values)] for name, values in series.items()}
    limit = 1.05 * max((float(values.max()) for values in spread.values() if len(values)), default=0.0)
    histogram = Histogram(spread, "AbsRel of an image", limit or 1.0, {}, "% of the images")
    return [Section("Image by image", blocks), Section("How the errors are spread", [histogram])]


def _series(frames: Mapping[str, DepthScores], names: Sequence[str], metric: str) -> Float[np.ndarray, " n"]:
    return np.array([getattr(frames[name], metric) if name in frames else np.nan for name in names], np.float64)


def _cells(scores: DepthScores) -> tuple[str, ...]:
    return tuple(_known(getattr(scores, metric), 2 if metric == "silog" else 4) for metric in METRICS)


def _cm(metres: float) -> str:
    return "unknown" if np.isnan(metres) else f"{100 * metres:.2f} cm"


def _known(value: float, digits: int = 4) -> str:
    return "unknown" if np.isnan(value) else f"{value:.{digits}f}"
