"""Scores against values worked out by hand."""

import dataclasses
import math

import numpy as np
import open3d as o3d
import pytest
from measured_shapes import NO_TRIANGLES, cloud, joined, moved, room, sheet, sphere

from recon.errors import MeshError, UsageError
from recon.evaluation.evaluate import evaluate
from recon.evaluation.protocols import (
    DA3,
    NEURALRECON,
    PAPER,
    PAPER_CODE,
    PROTOCOLS,
    SIMPLERECON,
    SURFACE,
    Protocol,
)
from recon.evaluation.views import Views
from recon.fusion.mesh import Mesh
from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid

UTM = np.array([432_123.25, 5_412_345.75, 120.5])


def lighter(protocol: Protocol) -> Protocol:
    """The protocol with fewer samples, where their number is not what is tested."""
    predicted, true = (None if n is None else n // 20 for n in (protocol.predicted_samples, protocol.true_samples))
    return dataclasses.replace(protocol, predicted_samples=predicted, true_samples=true)


WITHOUT_CAMERAS = [lighter(protocol) for protocol in PROTOCOLS if not protocol.needs_views]
BY_POINTS = [protocol for protocol in WITHOUT_CAMERAS if not protocol.to_surface]
every_protocol = pytest.mark.parametrize("protocol", WITHOUT_CAMERAS, ids=lambda protocol: protocol.name)
D = 0.0625  # metres; a power of two, so that a distance of D is D exactly
CORNERS = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0, 0.0))


def shares(scores, row: int = 0) -> tuple[float, float, float]:
    return scores.shares[row].precision, scores.shares[row].recall, scores.shares[row].f_score


@every_protocol
def test_equal_clouds_are_perfect(protocol: Protocol) -> None:
    points = Mesh(np.random.default_rng(0).random((3000, 3)), NO_TRIANGLES)
    scores = evaluate(points, points, protocol)
    assert (scores.accuracy.mean, scores.completeness.mean, scores.chamfer) == (0, 0, 0)
    assert shares(scores) == (1, 1, 1)


@every_protocol
@pytest.mark.parametrize("shape", [sheet(1, 1, step=0.03), sphere(0.5)], ids=["sheet", "sphere"])
def test_equal_meshes_with_edges_below_the_threshold_score_a_thousandth_below_one_at_most(
    protocol: Protocol, shape: Mesh
) -> None:
    assert evaluate(shape, shape, protocol).shares[0].f_score >= 0.999


@every_protocol
@pytest.mark.parametrize("origin", [np.zeros(3), UTM], ids=["near", "utm"])
def test_two_clouds_a_step_apart_are_that_step_apart(protocol: Protocol, origin: np.ndarray) -> None:
    truth = moved(cloud(*CORNERS), origin)
    scores = evaluate(moved(truth, [0, 0, D]), truth, protocol, thresholds=[D / 2, 2 * D])
    assert (scores.accuracy.mean, scores.completeness.mean, scores.chamfer) == (D, D, D)
    assert scores.accuracy.median == scores.accuracy.percentile_95 == D
    assert shares(scores, 0) == (0, 0, 0)
    assert shares(scores, 1) == (1, 1, 1)


@every_protocol
def test_only_transformerfusion_counts_a_distance_equal_to_the_threshold(protocol: Protocol) -> None:
    truth = cloud(*CORNERS)
    scores = evaluate(moved(truth, [0, 0, D]), truth, protocol, thresholds=[D])
    assert shares(scores) == ((1, 1, 1) if protocol.name == "simplerecon" else (0, 0, 0))


@pytest.mark.parametrize("step", [None, 0.02], ids=["coarse", "fine"])
def test_parallel_squares_are_as_far_apart_as_they_are_however_coarse(step: float | None) -> None:
    scores = evaluate(sheet(1, 1, D, step), sheet(1, 1, 0, step), SURFACE, thresholds=[0.05, 0.07])
    assert scores.chamfer == pytest.approx(D, abs=1e-6)  # of float32
    assert (shares(scores, 0), shares(scores, 1)) == ((0, 0, 0), (1, 1, 1))
    assert scores.normal_consistency == pytest.approx(1)
    assert not scores.notes


@pytest.mark.parametrize("protocol", [PAPER, PAPER_CODE], ids=lambda protocol: protocol.name)
def test_vertices_straight_above_vertices_are_the_squares_distance_away(protocol: Protocol) -> None:
    scores = evaluate(sheet(1, 1, D, 0.025), sheet(1, 1, 0, 0.025), protocol, thresholds=[0.05, 0.07])
    assert scores.chamfer == pytest.approx(D, abs=1e-12)
    assert (shares(scores, 0), shares(scores, 1)) == ((0, 0, 0), (1, 1, 1))
    assert scores.normal_consistency == pytest.approx(1)


def test_samples_spread_over_parallel_squares_see_a_little_more_than_their_distance() -> None:
    scores = evaluate(sheet(1, 1, D), sheet(1, 1), DA3, thresholds=[0.07])
    # A voxel of 2 cm holds 400 samples, whose mean is 0.3 mm from its middle on each axis; sqrt(D^2 + 0.01^2) at most.
    assert D < scores.chamfer < math.hypot(D, 0.01)
    assert shares(scores) == (1, 1, 1)
    assert 2500 <= scores.counts.predicted <= 51**2  # voxels of 2 cm on a square metre


def test_half_a_missing_sheet_costs_recall_alone() -> None:
    scores = evaluate(sheet(1, 1), sheet(2, 1), SURFACE)
    assert scores.accuracy.mean == pytest.approx(0, abs=1e-6)
    assert scores.completeness.mean == pytest.approx(0.25, abs=0.005)  # one half is 0 m away, the other 0 to 1 m
    precision, recall, f_score = shares(scores)
    assert precision == 1
    assert recall == pytest.approx(0.525, abs=0.005)  # 1.05 of 2 metres
    assert f_score == pytest.approx(2 * recall / (1 + recall))


def test_half_a_missing_sheet_by_vertices_is_a_count_of_columns() -> None:
    scores = evaluate(sheet(1, 1, step=0.02), sheet(2, 1, step=0.02), PAPER)
    # 101 columns of vertices, of which 51 are there and two more are 0.02 and 0.04 m away.
    assert shares(scores)[:2] == (1, pytest.approx(53 / 101))
    assert scores.completeness.mean == pytest.approx(0.02 * sum(range(1, 51)) / 101)


@pytest.mark.parametrize("protocol", [SURFACE, PAPER], ids=lambda protocol: protocol.name)
def test_a_larger_sphere_is_off_by_the_difference_of_radii(protocol: Protocol) -> None:
    scores = evaluate(sphere(0.53), sphere(0.5), protocol, thresholds=[0.02, 0.04])
    assert scores.accuracy.mean == pytest.approx(0.03, abs=3e-4)  # chords of 80 rings lie 0.4 mm inside the sphere
    assert scores.completeness.mean == pytest.approx(0.03, abs=3e-4)
    assert (shares(scores, 0)[2], shares(scores, 1)[2]) == (0, 1)
    assert scores.normal_consistency == pytest.approx(1, abs=1e-3)


def test_normals_at_right_angles_do_not_agree() -> None:
    upright = Mesh(sheet(1, 1).vertices[:, [0, 2, 1]], sheet(1, 1).triangles)
    assert evaluate(upright, sheet(1, 1), SURFACE).normal_consistency == pytest.approx(0, abs=1e-6)
    assert math.isnan(evaluate(cloud(*CORNERS), sheet(1, 1), SURFACE).normal_consistency)


def test_what_lies_beyond_the_truths_box_is_cropped_by_those_that_say_so() -> None:
    truth = cloud(*CORNERS)
    predicted = cloud(*CORNERS, (0.0, 0.0, 3.0))
    for protocol in (SURFACE, PAPER, SIMPLERECON):
        assert shares(evaluate(predicted, truth, protocol)) == (0.8, 1, pytest.approx(1.6 / 1.8))
    for protocol in (PAPER_CODE, DA3):
        assert shares(evaluate(predicted, truth, protocol)) == (1, 1, 1)
    just_inside = cloud(*CORNERS, (0.0, 0.0, 0.09))
    for protocol in (PAPER_CODE, DA3):
        assert shares(evaluate(just_inside, truth, protocol))[0] == 0.8


def test_transformerfusion_caps_distances_at_a_metre() -> None:
    truth, predicted = cloud(*CORNERS), cloud(*CORNERS, (0.0, 0.0, 6.0))
    assert evaluate(predicted, truth, SIMPLERECON).accuracy.mean == pytest.approx(1 / 5)
    assert evaluate(predicted, truth, PAPER).accuracy.mean == pytest.approx(6 / 5)


def test_a_crowded_voxel_counts_once_where_clouds_are_thinned() -> None:
    crowd = [(1e-4 * i, 0.0, 0.0) for i in range(99)]  # within one voxel of 2 cm
    truth, predicted = cloud((0.005, 0.0, 0.0), (1.0, 0.0, 0.0)), cloud(*crowd, (0.5, 0.0, 0.0))
    assert shares(evaluate(predicted, truth, PAPER))[0] == pytest.approx(0.99)
    for protocol in (PAPER_CODE, DA3):
        assert shares(evaluate(predicted, truth, protocol))[0] == 0.5


def test_a_coarse_truth_is_judged_by_its_vertices_only_where_the_protocol_says_so_and_that_is_told() -> None:
    coarse, fine = sheet(1, 1), sheet(1, 1, step=0.02)
    for protocol in (lighter(SURFACE), lighter(DA3)):
        scores = evaluate(fine, coarse, protocol)
        assert scores.shares[0].f_score >= 0.999
        assert not scores.notes
    scores = evaluate(fine, coarse, PAPER)
    assert scores.counts.truth == 4
    assert any("vertices" in note and "--protocol surface" in note for note in scores.notes)
    assert not evaluate(fine, fine, PAPER).notes


def test_each_protocol_compares_the_points_it_says() -> None:
    fine = sheet(1, 1, step=0.05)
    assert vars(evaluate(fine, fine, PAPER).counts) | {} == {
        "predicted": 441, "truth": 441, "predicted_unseen": 0, "truth_unseen": 0,
    }  # fmt: skip
    counts = evaluate(fine, fine, SIMPLERECON).counts
    assert (counts.predicted, counts.truth) == (200_000, 441)
    counts = evaluate(fine, fine, SURFACE).counts
    assert (counts.predicted, counts.truth) == (200_000, 200_000)


@pytest.mark.parametrize("protocol", BY_POINTS, ids=lambda protocol: protocol.name)
def test_a_plain_loop_over_open3ds_tree_gives_the_same_numbers(protocol: Protocol) -> None:
    rng = np.random.default_rng(1)
    truth = Mesh(rng.random((4000, 3)) * [1, 1, 0.1], NO_TRIANGLES)
    predicted = Mesh(truth.vertices[:3000] + rng.normal(scale=0.05, size=(3000, 3)), NO_TRIANGLES)
    clouds = [o3d.geometry.PointCloud(o3d.utility.Vector3dVector(shape.vertices)) for shape in (predicted, truth)]
    if protocol.crop_margin:
        low, high = clouds[1].get_min_bound() - 0.1, clouds[1].get_max_bound() + 0.1
        clouds[0] = clouds[0].crop(o3d.geometry.AxisAlignedBoundingBox(low, high))
    if protocol.downsample:
        clouds = [each.voxel_down_sample(0.02) for each in clouds]
    there, back = loop(clouds[0], clouds[1]), loop(clouds[1], clouds[0])
    scores = evaluate(predicted, truth, protocol)
    assert scores.accuracy.mean == pytest.approx(there.mean(), rel=1e-9)
    assert scores.completeness.mean == pytest.approx(back.mean(), rel=1e-9)
    precision, recall = (there < 0.05).mean(), (back < 0.05).mean()
    assert shares(scores) == pytest.approx((precision, recall, 2 * precision * recall / (precision + recall)))


def loop(source, target) -> np.ndarray:
    tree = o3d.geometry.KDTreeFlann(target)
    return np.array([np.sqrt(tree.search_knn_vector_3d(point, 1)[2][0]) for point in source.points])


@every_protocol
def test_exchanging_the_two_exchanges_the_scores(protocol: Protocol) -> None:
    rng = np.random.default_rng(2)
    a, b = (Mesh(rng.random((500, 3)) * [1, 1, 0.1], NO_TRIANGLES) for _ in range(2))
    if protocol.crop_margin:  # equal boxes, so that nothing is cropped
        a, b = (Mesh(np.vstack([c.vertices, [[0, 0, 0], [1, 1, 0.1]]]), NO_TRIANGLES) for c in (a, b))
    one, other = evaluate(a, b, protocol), evaluate(b, a, protocol)
    assert one.accuracy.mean == pytest.approx(other.completeness.mean)
    assert shares(one)[:2] == pytest.approx(shares(other)[1::-1])


@pytest.mark.parametrize("protocol", [SURFACE, PAPER], ids=lambda protocol: protocol.name)
def test_scores_do_not_depend_on_where_the_world_begins(protocol: Protocol) -> None:
    near = evaluate(sheet(1, 1, 0.03, 0.05), sheet(2, 1, 0, 0.05), protocol)
    far = evaluate(moved(sheet(1, 1, 0.03, 0.05), UTM), moved(sheet(2, 1, 0, 0.05), UTM), protocol)
    assert near.accuracy.mean == pytest.approx(far.accuracy.mean, abs=1e-6)
    assert near.completeness.mean == pytest.approx(far.completeness.mean, abs=1e-6)


def test_distances_are_kept_as_percentiles_that_agree_with_the_scores() -> None:
    scores = evaluate(sheet(1, 1), sheet(2, 1), SURFACE)
    for direction in (scores.accuracy, scores.completeness):
        assert len(direction.spread) == 1001
        assert direction.spread[500] == pytest.approx(direction.median)
        assert direction.spread[950] == pytest.approx(direction.percentile_95)
        assert np.mean(direction.spread) == pytest.approx(direction.mean, abs=1e-3)
    assert not any("spread" in key for key in scores.as_json())
    assert evaluate(cloud(), sheet(1, 1), SURFACE).accuracy.spread == ()


def test_the_seed_decides_the_samples() -> None:
    one, same, other = (evaluate(sheet(1, 1), sheet(2, 1), SURFACE, seed=seed) for seed in (0, 0, 1))
    assert one.completeness == same.completeness
    assert one.completeness != other.completeness


EMPTY = {
    "nothing": cloud(),
    "all nan": Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]], np.int32)),
    "no area": Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32)),
}


@every_protocol
@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
def test_an_empty_prediction_scores_nothing_for_a_reason(protocol: Protocol, empty: Mesh) -> None:
    if empty is EMPTY["no area"] and protocol.predicted_samples is None:
        return  # its vertices count
    scores = evaluate(empty, sheet(1, 1, step=0.02), protocol, thresholds=[0.05, 0.1])
    assert shares(scores, 0) == shares(scores, 1) == (0, 0, 0)
    assert "prediction" in scores.reason
    values = scores.as_json()
    assert values["accuracy"] == values["chamfer"] == (1.0 if protocol.name == "simplerecon" else None)


@every_protocol
def test_a_truth_without_points_is_an_error(protocol: Protocol) -> None:
    with pytest.raises(MeshError, match="ground truth"):
        evaluate(sheet(1, 1), cloud(), protocol)
    if protocol.true_samples is not None:
        with pytest.raises(MeshError, match="no area"):
            evaluate(sheet(1, 1), EMPTY["no area"], protocol)


@every_protocol
@pytest.mark.parametrize("nowhere", [np.nan, np.inf, -1e30])
def test_a_vertex_that_is_nowhere_takes_only_its_own_triangles_with_it(protocol: Protocol, nowhere: float) -> None:
    truth = sheet(1, 1, step=0.02)
    broken = joined(Mesh(np.array([[nowhere, 0, 0], [0, 0, 0], [1, 0, 0]]), np.array([[0, 1, 2]], np.int32)), truth)
    scores = evaluate(broken, truth, protocol)
    assert scores.shares[0].f_score >= 0.999
    assert any("1 of 2,604 vertices" in note for note in scores.notes)


def test_thresholds_are_lengths() -> None:
    for wrong in (0.0, -0.05, math.nan, math.inf):
        with pytest.raises(UsageError, match="threshold"):
            evaluate(sheet(1, 1), sheet(1, 1), SURFACE, thresholds=[wrong])


# A camera at the origin that looks along z and sees |x| <= 1.01 z / 2 and the same of y.
CAMERA = Camera.from_focal(101, 101, 100.0, 100.0, 50.0, 50.0)


def view(reach: float = np.inf) -> Views:
    return Views(np.eye(4)[None], (CAMERA,), reach)


def wall(z: float, half: float = 2.0, step: float = 0.05) -> Mesh:
    return moved(sheet(2 * half, 2 * half, step=step), [-half, -half, z])


def test_what_no_camera_saw_does_not_count_on_either_side() -> None:
    # At z = 2 the picture shows a square of 2.02 m; of the truth's 4 m nothing else counts.
    seen_part = moved(sheet(2.4, 2.4, step=0.05), [-1.2, -1.2, 2])
    behind = wall(4.0)
    scores = evaluate(joined(seen_part, behind), wall(2.0), SURFACE, view())
    assert shares(scores) == (1, 1, 1)
    assert scores.counts.truth == pytest.approx(200_000 * (2.02 / 4) ** 2, rel=0.02)
    assert evaluate(joined(seen_part, behind), wall(2.0), lighter(SURFACE)).shares[0].f_score < 0.6
    nothing = evaluate(wall(4.0), wall(2.0), lighter(SURFACE), view())
    assert "no camera saw" in nothing.reason
    with pytest.raises(MeshError, match="no camera saw any of the ground truth"):
        evaluate(wall(2.0), wall(2.0), lighter(SURFACE), view(reach=1.0))


def test_transformerfusion_masks_the_prediction_alone() -> None:
    scores = evaluate(joined(wall(2.0), wall(4.0)), wall(2.0), SIMPLERECON, view())
    assert scores.shares[0].precision == 1
    assert scores.counts.truth == 81**2  # also of what no camera saw
    assert scores.counts.predicted == pytest.approx(200_000 / 2 * (2.02 / 4) ** 2, rel=0.05)
    hidden = evaluate(wall(4.0), wall(2.0), lighter(SIMPLERECON), view())
    assert any("all of it counts" in note for note in hidden.notes)
    assert any("without its visibility mask" in note for note in evaluate(wall(2), wall(2), lighter(SIMPLERECON)).notes)


def test_neuralrecon_sees_the_prediction_through_the_cameras() -> None:
    truth = moved(sheet(1.6, 1.6, step=0.02), [-0.8, -0.8, 2])
    hidden = moved(truth, [0, 0, 0.5])
    with pytest.raises(UsageError, match="--cameras"):
        evaluate(truth, truth, NEURALRECON)
    scores = evaluate(joined(truth, hidden), truth, NEURALRECON, view())
    assert scores.accuracy.mean < 0.02  # of vertices of another grid, thinned to 2 cm
    assert scores.shares[0].f_score >= 0.999
    assert scores.counts.predicted == pytest.approx((1.6 / 0.04) ** 2, rel=0.1)  # vertices of voxels of 4 cm
    assert evaluate(joined(truth, hidden), truth, PAPER).shares[0].precision == pytest.approx(0.5)
    away = evaluate(moved(truth, [0, 0, -5]), truth, NEURALRECON, view())
    assert (away.shares[0].f_score, away.reason) == (0, "no camera sees any of the prediction")
    too_far = evaluate(wall(5.5), wall(5.5), NEURALRECON, view())
    assert too_far.reason == "no camera sees any of the prediction"  # the protocol cuts depth at 5 m


def test_a_cloud_as_truth_hides_nothing_so_cameras_are_refused() -> None:
    with pytest.raises(UsageError, match="where the ground truth is a mesh"):
        evaluate(sheet(1, 1), cloud(*CORNERS), PAPER, view())


def test_alignment_is_off_unless_asked_for_and_told_when_it_is() -> None:
    truth = room((2.0, 1.5, 1.2), 0.05)
    R = np.array([[np.cos(0.02), -np.sin(0.02), 0], [np.sin(0.02), np.cos(0.02), 0], [0, 0, 1]])
    off = Mesh(moved(truth, [-1, -0.75, -0.6]).vertices @ R.T + [1.05, 0.73, 0.64], truth.triangles)
    plain, aligned = (evaluate(off, truth, lighter(SURFACE), align=align) for align in (False, True))
    assert plain.alignment is None
    assert plain.chamfer > 0.01
    assert aligned.chamfer < 0.001
    assert aligned.alignment.angle_deg == pytest.approx(np.degrees(0.02), abs=0.05)
    assert aligned.alignment.distance == pytest.approx(np.linalg.norm([0.05, -0.02, 0.04]), abs=0.002)
    assert any("aligned by ICP: moved 0.06" in note for note in aligned.notes)
    values = aligned.as_json()["alignment"]
    assert np.shape(values["T_truth_prediction"]) == (4, 4)
    with pytest.raises(UsageError, match="one frame"):
        evaluate(moved(truth, [50, 0, 0]), truth, SURFACE, align=True)


def test_cameras_move_with_the_prediction_that_is_aligned() -> None:
    truth = room((2.0, 1.5, 1.2), 0.03)
    camera = Views(rigid(np.eye(3), np.array([1.01, 0.76, 0.21]))[None], (CAMERA,))
    shift = rigid(np.eye(3), np.array([0.05, 0.04, -0.06]))
    there = evaluate(truth, truth, PAPER, camera).counts.truth
    shifted = Mesh(truth.vertices + shift[:3, 3], truth.triangles)
    assert evaluate(shifted, truth, PAPER, camera.moved(shift), align=True).counts.truth == pytest.approx(
        there, rel=0.02
    )
    assert evaluate(truth, truth, PAPER, camera.moved(shift)).counts.truth > 1.05 * there  # what it would be otherwise
