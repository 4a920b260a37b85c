"""A mesh or point cloud against the truth, under one of the field's protocols."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from recon.errors import MeshError, UsageError
from recon.evaluation.alignment import Alignment, align_icp
from recon.evaluation.culling import seen
from recon.evaluation.mesh_metrics import nearest_on_surface
from recon.evaluation.mesh_scores import UNKNOWN, Counts, Direction, MeshScores, Shares
from recon.evaluation.nearest import nearest_points
from recon.evaluation.points import PointSet, downsampled, samples_of, unit_normals, vertices_of
from recon.evaluation.protocols import Protocol
from recon.evaluation.rerender import rerendered
from recon.evaluation.usable import centred, coarse, usable
from recon.evaluation.views import Views
from recon.fusion.mesh import Mesh
from recon.geometry.transforms import apply, rigid
from recon.stream import Progress

# How far behind the true surface a point may lie and still count as seen, metres: a prediction that is off by less
# is wrong and not hidden, while the far side of a true wall or table top is hidden from this side.
MARGIN_PREDICTED, MARGIN_TRUE = 0.10, 0.01


class _Ends(NamedTuple):
    """What is compared: points that distances start from, those they end on, and the shape itself."""

    counted: PointSet
    points: PointSet
    shape: Mesh
    unseen: int


def evaluate(
    predicted: Mesh,
    truth: Mesh,
    protocol: Protocol,
    views: Views | None = None,
    thresholds: Sequence[float] = (),
    align: bool = False,
    seed: int = 0,
    progress: Progress = lambda stage, done, total: None,
) -> MeshScores:
    """Scores of a prediction; a shape without triangles is a cloud, whose points count as they are.

    Args:
        predicted: metres, in the truth's world unless ``align``.
        truth: metres; with triangles where views are given.
        views: cameras in the prediction's world; what the protocol does with them is ``protocol.views``.
        thresholds: metres; the protocol's own where none is given. The first one's shares are the headline.
        align: move the prediction onto the truth by ICP first; no protocol does.
        seed: draws the samples.

    Returns:
        0 with the ``reason`` for a prediction without surface.

    Raises:
        MeshError: the truth has no surface.
        UsageError: views that the protocol needs are missing, or a truth that is a cloud can hide nothing.
    """
    thresholds = tuple(thresholds) or (protocol.threshold,)
    if not all(0 < threshold < np.inf for threshold in thresholds):
        raise UsageError(f"threshold is {', '.join(map(str, thresholds))}; it must be metres above 0")
    if views is None and protocol.needs_views:
        raise UsageError(f"protocol {protocol.name} looks at the mesh from the cameras; give them with --cameras")
    truth, notes = usable(truth, "truth")
    predicted, predicted_notes = usable(predicted, "prediction")
    notes += predicted_notes
    if not len(truth.vertices):
        raise MeshError("the ground truth has no points, so nothing can be measured; give another file")
    if views is not None and protocol.views != "rerender" and not len(truth.triangles):
        raise UsageError("cameras tell what is hidden only where the ground truth is a mesh; give one, or no --cameras")
    centre = centred(truth)
    truth, predicted = _moved(truth, rigid(np.eye(3), -centre)), _moved(predicted, rigid(np.eye(3), -centre))
    views = None if views is None else views.moved(rigid(np.eye(3), -centre))
    rng = np.random.default_rng(seed)

    alignment = None
    if align and len(predicted.vertices):
        alignment = align_icp(predicted, truth, rng)
        predicted = _moved(predicted, alignment.T_truth_prediction)
        views = None if views is None else views.moved(alignment.T_truth_prediction)
        notes += (f"aligned by ICP: moved {alignment.distance:.4f} m, turned {alignment.angle_deg:.3f} degrees",)
    notes += _advice(truth, protocol, views, thresholds[0])
    if views is not None and protocol.views == "rerender" and len(predicted.triangles):
        assert protocol.fusion is not None  # of every protocol that fuses
        predicted = rerendered(predicted, views, protocol.fusion, progress) or Mesh(np.zeros((0, 3)), _NO_TRIANGLES)
        if not len(predicted.vertices):
            return _nothing(protocol, thresholds, "no camera sees any of the prediction", alignment, notes)
    return _compared(predicted, truth, protocol, views, thresholds, alignment, notes, rng, progress)


_NO_TRIANGLES = np.zeros((0, 3), np.int32)


def _compared(
    predicted: Mesh,
    truth: Mesh,
    protocol: Protocol,
    views: Views | None,
    thresholds: tuple[float, ...],
    alignment: Alignment | None,
    notes: tuple[str, ...],
    rng: np.random.Generator,
    progress: Progress,
) -> MeshScores:
    true_points = _points(truth, protocol.true_samples, rng)
    points = _points(predicted, protocol.predicted_samples, rng)
    if not len(true_points):
        raise MeshError("the ground truth's triangles have no area, so nothing can be measured; give another file")
    if not len(points):
        reason = "the prediction's triangles have no area" if len(predicted.vertices) else "the prediction is empty"
        return _nothing(protocol, thresholds, reason, alignment, notes)
    if protocol.crop_margin is not None:
        points = _cropped(points, true_points, protocol.crop_margin)
        if not len(points):
            reason = f"no point of the prediction within {protocol.crop_margin:g} m of the truth's box"
            return _nothing(protocol, thresholds, reason, alignment, notes)
    if protocol.downsample is not None:
        points, true_points = downsampled(points, protocol.downsample), downsampled(true_points, protocol.downsample)
    prediction, target = _Ends(points, points, predicted, 0), _Ends(true_points, true_points, truth, 0)
    if views is not None and protocol.views in ("cull", "mask"):
        prediction = _culled(prediction, truth, views, MARGIN_PREDICTED, progress)
        if not len(prediction.counted) and protocol.views == "mask":  # as TransformerFusion's script does
            prediction = _Ends(points, points, predicted, 0)
            notes += ("no camera saw any of the prediction, so all of it counts",)
        if protocol.views == "cull":
            target = _culled(target, truth, views, MARGIN_TRUE, progress)
    counts = Counts(len(prediction.counted), len(target.counted), prediction.unseen, target.unseen)
    if not len(target.counted):
        raise MeshError("no camera saw any of the ground truth; are the cameras in its world, and is it metric?")
    if not len(prediction.counted):
        reason = "no camera saw any of the prediction"
        return dataclasses.replace(_nothing(protocol, thresholds, reason, alignment, notes), counts=counts)

    accuracy, cosine = _distances(prediction.counted, target, protocol)
    completeness, cosine_back = _distances(target.counted, prediction, protocol)
    within = np.less_equal if protocol.inclusive else np.less
    return MeshScores(
        protocol,
        Direction.of(accuracy),
        Direction.of(completeness),
        tuple(Shares(t, float(within(accuracy, t).mean()), float(within(completeness, t).mean())) for t in thresholds),
        (cosine + cosine_back) / 2,
        counts,
        alignment,
        None,
        notes,
    )


def _points(shape: Mesh, samples: int | None, rng: np.random.Generator) -> PointSet:
    return vertices_of(shape) if samples is None else samples_of(shape, samples, rng)


def _cropped(points: PointSet, truth: PointSet, margin: float) -> PointSet:
    low, high = truth.points.min(axis=0) - margin, truth.points.max(axis=0) + margin
    return points[((points.points >= low) & (points.points <= high)).all(axis=1)]


def _culled(ends: _Ends, truth: Mesh, views: Views, margin: float, progress: Progress) -> _Ends:
    """The shape of which only what some camera saw counts; distances still end on all of it."""
    was_seen = seen(ends.points.points, truth, views, margin, progress)
    return ends._replace(counted=ends.points[was_seen], unseen=int((~was_seen).sum()))


def _distances(points: PointSet, to: _Ends, protocol: Protocol) -> tuple[Float[np.ndarray, " n"], float]:
    """From each of the points to the other shape, metres, and the mean |cos| between their normals there."""
    if protocol.to_surface and len(to.shape.triangles):
        distance, triangle = nearest_on_surface(points.points, to.shape)
        normals = None if points.normals is None else unit_normals(to.shape, triangle)
    else:
        distance, row = nearest_points(points.points, to.points.points)
        normals = None if to.points.normals is None else to.points.normals[row]
    cosine = UNKNOWN
    if points.normals is not None and normals is not None:
        cosine = float(np.abs((points.normals * normals).sum(axis=1)).mean())
    if protocol.distance_cap is not None:
        distance = np.minimum(distance, protocol.distance_cap)
    return distance, cosine


def _nothing(
    protocol: Protocol,
    thresholds: tuple[float, ...],
    reason: str,
    alignment: Alignment | None,
    notes: tuple[str, ...],
) -> MeshScores:
    """The worst scores that the protocol has."""
    worst = UNKNOWN if protocol.distance_cap is None else protocol.distance_cap
    direction = Direction(worst, worst, worst)
    shares = tuple(Shares(threshold, 0.0, 0.0) for threshold in thresholds)
    return MeshScores(protocol, direction, direction, shares, UNKNOWN, Counts(0, 0), alignment, reason, notes)


def _advice(truth: Mesh, protocol: Protocol, views: Views | None, threshold: float) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if protocol.views == "mask" and views is None:
        notes += (f"no --cameras, so {protocol.name} goes without its visibility mask: all of the prediction counts",)
    if protocol.true_samples is None and coarse(truth, threshold):
        notes += (
            f"{protocol.name} judges by the truth's vertices, but its triangles are larger than {threshold:g} m; "
            "--protocol surface or da3 sample them",
        )
    return notes


def _moved(shape: Mesh, T_new_old: Float[np.ndarray, "4 4"]) -> Mesh:
    normals = None if shape.normals is None else shape.normals @ T_new_old[:3, :3].T
    return Mesh(apply(T_new_old, shape.vertices), shape.triangles, normals, shape.colors)
