import numpy as np
import pytest
from made_room import PICTURE, room_depth, walk
from scipy.spatial.transform import Rotation

from recon.captures import checks
from recon.captures.base import FrameTable, SensorDepth
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.transforms import OPENGL_FROM_OPENCV, invert, to_quaternion_xyzw

LIDAR = PICTURE.resized(128, 96)


def table(T: np.ndarray, timestamp: np.ndarray) -> FrameTable:
    everywhere = np.ones(len(T), bool)
    return FrameTable(np.arange(len(T)), timestamp, T, everywhere, everywhere)


def line(count: int, step: float = 0.01) -> np.ndarray:
    """Poses along x, ``step`` metres apart."""
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, 0, 3] = step * np.arange(count)
    return T


def sensor(T_world_camera: np.ndarray, confidence: np.ndarray | None = None) -> SensorDepth:
    return SensorDepth(room_depth(T_world_camera, LIDAR).astype(np.float32), confidence, LIDAR)


def test_rows_come_by_number_the_first_of_equals() -> None:
    index = np.array([4, 7, 5, 7, 9])
    rows, problems = checks.recording_order(index, np.array([0.0, 3, 1, 2, 4]))
    assert index[rows].tolist() == [4, 5, 7, 9]
    assert rows.tolist() == [0, 2, 1, 4]
    assert {(p.what, p.count, p.effect) for p in problems} == {
        ("frame number repeated", 1, "dropped"),
        ("rows out of order", 1, "repaired"),
    }


def test_time_that_runs_backwards_is_noted() -> None:
    _, (problem,) = checks.recording_order(np.arange(4), np.array([0.0, 2, 1, 3]))
    assert (problem.what, problem.count, problem.effect, problem.example) == (
        "time goes backwards",
        1,
        "noted",
        "frame 2",
    )


def test_orderly_rows_are_no_problem() -> None:
    rows, problems = checks.recording_order(np.array([100, 112, 124]), np.array([0.0, 1, 2]))
    assert (rows.tolist(), problems) == ([0, 1, 2], ())


def test_quaternions_are_normalised_within_one_percent_and_otherwise_no_pose() -> None:
    unit = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_quat()
    quaternion = np.array([unit, unit * 1.009, unit * 1.02, unit * 0, unit * np.nan, unit])
    translation = np.ones((6, 3))
    translation[5, 1] = np.inf
    T = checks.poses_from_quaternions(quaternion, translation)
    np.testing.assert_allclose(T[1], T[0], atol=1e-12)
    np.testing.assert_allclose(T[0, :3, :3] @ T[0, :3, :3].T, np.eye(3), atol=1e-12)
    assert np.isnan(T[2:]).all()


def test_matrices_are_made_orthonormal_within_one_percent_and_otherwise_no_pose() -> None:
    T = walk(5)
    noisy = T.copy()
    noisy[0, :3, :3] += 4e-4
    noisy[1, :3, :3] *= 1.1
    noisy[2, 0, 3] = -np.inf
    noisy[3] = T[3].T  # stored by columns
    cleaned = checks.poses_from_matrices(noisy, list("abcde"))
    np.testing.assert_allclose(cleaned[0, :3, :3].T @ cleaned[0, :3, :3], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(cleaned[0], T[0], atol=1e-3)
    assert np.isnan(cleaned[1:4]).all()
    np.testing.assert_allclose(cleaned[4], T[4], atol=1e-12)


def test_a_mirrored_pose_names_its_frame() -> None:
    T = walk(3)
    T[1, :3, 0] *= -1
    with pytest.raises(CaptureError, match="frame-000040.pose.txt: its pose mirrors space"):
        checks.poses_from_matrices(T, ["a", "frame-000040.pose.txt", "c"])


def test_a_capture_needs_a_usable_pose_and_a_camera_that_moves() -> None:
    checks.require_poses(walk(2), "scan")
    checks.require_poses(walk(1), "scan")
    for T, sentence in (
        (np.zeros((0, 4, 4)), "scan: no frames in the capture"),
        (np.full((3, 4, 4), np.nan), "scan: none of the 3 stored poses is usable"),
        (walk(1).repeat(3, axis=0), "scan: the camera never moves in the stored poses"),
    ):
        with pytest.raises(CaptureError, match=sentence):
            checks.require_poses(T, "scan")


def test_a_steady_walk_has_no_faults_at_any_rate() -> None:
    for rate in (60.0, 5.0, 0.75):
        T = line(30, step=1.5 / rate)  # 1.5 m/s
        assert checks.pose_faults(table(T, np.arange(30) / rate)) == [""] * 30


def test_lost_frozen_and_jumping_poses_are_told_apart() -> None:
    T = line(60)
    T[5] = np.nan
    T[10:13] = T[9]
    T[30:, 1, 3] += 0.6  # relocalisation
    faults = checks.pose_faults(table(T, np.arange(60) / 60))
    assert faults[5] == "no usable pose"
    assert faults[9:14] == ["", "pose frozen", "pose frozen", "pose frozen", ""]
    assert faults[29] == ""
    settling = round(checks.SETTLING_SECONDS * 60)
    assert faults[30 : 30 + settling] == ["tracking jumped"] * settling
    assert faults[30 + settling + 1 :] == [""] * (60 - 31 - settling)


def test_a_turn_faster_than_a_hand_is_a_jump_and_a_slower_one_is_not() -> None:
    for degrees, fault in ((35.0, "tracking jumped"), (25.0, "")):
        T = line(3)
        T[2, :3, :3] = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
        assert checks.pose_faults(table(T, np.arange(3) / 60))[2] == fault


def test_a_pose_that_stands_still_while_time_does_is_not_frozen() -> None:
    T = line(2, step=0.0)
    assert checks.pose_faults(table(T, np.zeros(2))) == ["", ""]


def test_no_frames_have_no_faults() -> None:
    assert checks.pose_faults(table(np.zeros((0, 4, 4)), np.zeros(0))) == []


def test_the_depth_camera_shows_the_same_view_or_is_refused() -> None:
    camera = checks.depth_camera(PICTURE, 256, 192, "d.png")
    assert (camera.width, camera.height) == (256, 192)
    with pytest.raises(CaptureError, match="d.png: 192x256, but the picture is 1920x1440"):
        checks.depth_camera(PICTURE, 192, 256, "d.png")


def test_useless_depth_has_a_reason() -> None:
    rows_of_one_value = np.arange(1.0, 5.0)[:, None].repeat(6, axis=1)
    assert checks.depth_fault(np.zeros((4, 6))) == "no depth in the frame"
    assert checks.depth_fault(np.full((4, 6), 2.0)) == "depth constant"
    assert checks.depth_fault(rows_of_one_value) == "depth constant"
    assert checks.depth_fault(room_depth(walk(1)[0], LIDAR)) == ""


@pytest.mark.parametrize(
    ("metres", "fits"), [(0.0005, False), (0.09, False), (0.11, True), (9.0, True), (2000.0, False)]
)
def test_depth_in_a_wrong_unit_is_told_with_its_median(metres: float, fits: bool) -> None:
    depths = [np.zeros((4, 4)), np.full((4, 4), metres)]
    if fits:
        checks.require_metres(depths, "millimetres", "scan")
    else:
        with pytest.raises(CaptureError, match=rf"scan: depth read as millimetres has a median of {metres:.4g} m"):
            checks.require_metres(depths, "millimetres", "scan")


def test_unknown_depth_has_no_unit_to_doubt() -> None:
    checks.require_metres([], "millimetres", "scan")
    checks.require_metres([np.zeros((4, 4))], "millimetres", "scan")


def test_pairs_are_well_spaced_and_spread() -> None:
    T = line(2000, step=0.004)
    T[100:200] = np.nan
    pairs = checks.well_spaced_pairs(T, 6)
    assert len(pairs) == 6
    for first, second in pairs:
        distance = T[second, 0, 3] - T[first, 0, 3]
        assert 0.1 <= distance <= 0.4
    assert pairs[0][0] < 100
    assert pairs[-1][0] > 1700


def test_a_camera_that_hardly_moves_gives_no_pairs() -> None:
    assert checks.well_spaced_pairs(line(50, step=0.001), 6) == []
    assert checks.well_spaced_pairs(np.full((3, 4, 4), np.nan), 6) == []


def test_right_poses_agree_to_the_pixel_spacing_and_wrong_axes_do_not() -> None:
    T = walk(8)
    T_first_second = invert(T[0]) @ T[4]
    turned = OPENGL_FROM_OPENCV @ T_first_second @ OPENGL_FROM_OPENCV
    right = checks.agreement(sensor(T[0]), sensor(T[4]), T_first_second)
    assert right < 2.5 / LIDAR.fx  # a pixel of the farthest wall
    assert checks.agreement(sensor(T[0]), sensor(T[4]), turned) > 3 * right


def test_only_confident_depth_within_reach_is_compared() -> None:
    T = walk(2)
    unsure = np.ones((96, 128), np.uint8)
    assert np.isnan(checks.agreement(sensor(T[0], unsure), sensor(T[1]), invert(T[0]) @ T[1]))
    far = SensorDepth(np.full((96, 128), 6.0, np.float32), None, LIDAR)
    assert np.isnan(checks.agreement(far, sensor(T[1]), invert(T[0]) @ T[1]))


def test_clouds_out_of_reach_of_each_other_are_infinitely_apart() -> None:
    T = np.eye(4)
    T[2, 3] = 50.0
    assert checks.agreement(sensor(walk(1)[0]), sensor(walk(1)[0]), T) == np.inf


def test_a_position_beyond_the_moon_is_no_pose() -> None:
    T = walk(2)
    T[1, 0, 3] = 1e30
    assert np.isfinite(checks.poses_from_matrices(T, ["a", "b"])).all(axis=(1, 2)).tolist() == [True, False]
    stored = to_quaternion_xyzw(T)
    assert np.isfinite(checks.poses_from_quaternions(stored, T[:, :3, 3])).all(axis=(1, 2)).tolist() == [True, False]


def test_a_large_cloud_is_thinned_to_a_bounded_number_of_points() -> None:
    camera = Camera.from_focal(2000, 1500, 1500.0, 1500.0, 999.5, 749.5)
    large = SensorDepth(np.full((1500, 2000), 2.0, np.float32), None, camera)
    assert len(checks._cloud(large)) <= checks.CLOUD_POINTS


def test_frames_before_a_jump_at_the_start_count_as_jumped_too() -> None:
    T = line(30)
    T[:3, 0, 3] += 1000.0
    assert checks.pose_faults(table(T, np.arange(30) / 60))[:4] == ["tracking jumped"] * 4
    T = line(60)
    T[:30, 0, 3] += 1000.0  # long enough to have settled: which half is right cannot be told
    assert checks.pose_faults(table(T, np.arange(60) / 60))[:30] == [""] * 30
