from pathlib import Path

import numpy as np
import pytest
from made_room import distance_from_walls, jpg, millimetres, png, room_depth, walk, whats

from recon.captures.archive import open_files
from recon.captures.seven_scenes import SevenScenes
from recon.errors import CaptureError
from recon.geometry.camera import Camera

CAMERA = Camera.from_focal(160, 120, 142.0, 143.0, 78.5, 61.0)
ROUNDING = 0.0008  # metres: half a millimetre along a ray 1.5 times as long


def write(folder: Path, numbers: tuple[int, ...] = (0, 40, 80, 1000000), camera: Camera = CAMERA) -> Path:
    np.savetxt(folder / "camera-intrinsics.txt", camera.K)
    for number, T_world_camera in zip(numbers, walk(len(numbers)), strict=True):
        stem = folder / f"frame-{number:06d}"
        stem.with_suffix(".color.jpg").write_bytes(jpg(camera.width, camera.height))
        stem.with_suffix(".depth.png").write_bytes(millimetres(room_depth(T_world_camera, camera)))
        np.savetxt(stem.with_suffix(".pose.txt"), T_world_camera)
    return folder


def open_(folder: Path) -> SevenScenes:
    files = open_files(folder)
    assert SevenScenes.claims(files)
    return SevenScenes(files)


def test_depth_lands_on_the_walls(tmp_path: Path) -> None:
    capture = open_(write(tmp_path))
    assert capture.problems == ()
    assert distance_from_walls(capture) < ROUNDING


def test_frames_keep_their_own_numbers_and_times_follow_them(tmp_path: Path) -> None:
    table = open_(write(tmp_path)).table
    assert table.index.tolist() == [0, 40, 80, 1000000]
    np.testing.assert_allclose(table.timestamp[:3], [0, 40 / 30, 80 / 30])


def test_depth_is_metres_and_zero_where_the_sensor_saw_nothing(tmp_path: Path) -> None:
    stored = np.full((120, 160), 1500, np.uint16)
    stored[0, :2] = [65535, 0]
    (write(tmp_path) / "frame-000040.depth.png").write_bytes(png(stored))
    (frame,) = open_(tmp_path).frames([1])
    sensor = frame.sensor()
    np.testing.assert_allclose(sensor.depth[0, :3], [0, 0, 1.5], rtol=1e-6)
    assert sensor.confidence is None


def test_poses_rounded_as_text_become_exact_rotations(tmp_path: Path) -> None:
    write(tmp_path)
    rough = walk(4)[2]
    rough[:3, :3] += 4e-4 * np.array([[1, -1, 1], [-1, 1, 1], [1, 1, -1]])
    np.savetxt(tmp_path / "frame-000080.pose.txt", rough)
    R = open_(tmp_path).table.T_world_camera[2, :3, :3]
    assert np.abs(R.T @ R - np.eye(3)).max() < 1e-12
    assert np.abs(R - rough[:3, :3]).max() < 1e-3


@pytest.mark.parametrize(
    "text", ["", "1 0 0", "nan " * 16, "-inf " * 16, "1,0 " * 16, "\xff\xfe", "0 " * 16, "2 " * 16]
)
def test_a_pose_of_no_use_becomes_nan(tmp_path: Path, text: str) -> None:
    (write(tmp_path) / "frame-000040.pose.txt").write_text(text, encoding="latin-1")
    capture = open_(tmp_path)
    assert np.isnan(capture.table.T_world_camera).all(axis=(1, 2)).tolist() == [False, True, False, False]
    assert distance_from_walls(capture, [0, 2, 3]) < ROUNDING


@pytest.mark.parametrize(
    ("poses", "words"),
    [
        ([np.full((4, 4), -np.inf)] * 4, "none of the 4 stored poses is usable"),
        ([np.eye(4)] * 4, "never moves"),
        (
            [np.eye(4), np.diag([1.0, 1, -1, 1]), np.eye(4), np.eye(4)],
            r"frame-000040\.pose\.txt: its pose mirrors space",
        ),
    ],
)
def test_useless_poses_are_one_sentence(tmp_path: Path, poses: list[np.ndarray], words: str) -> None:
    write(tmp_path)
    for path, pose in zip(sorted(tmp_path.glob("*.pose.txt")), poses, strict=True):
        np.savetxt(path, pose)
    with pytest.raises(CaptureError, match=words):
        open_(tmp_path)


def test_missing_files_are_counted_on_both_sides(tmp_path: Path) -> None:
    write(tmp_path, numbers=tuple(range(6)))
    for name in ("000001.color.jpg", "000002.depth.png", "000003.pose.txt", "000004.color.jpg", "000004.depth.png"):
        (tmp_path / f"frame-{name}").unlink()
    capture = open_(tmp_path)
    assert capture.table.index.tolist() == [0, 1, 2, 5]
    assert whats(capture) == {
        "frame without a pose": (1, "dropped", "frame 3"),
        "pose without colour and depth": (1, "noted", "frame 4"),
        "depth file missing": (1, "noted", "frame 2"),
        "colour file missing": (1, "noted", "frame 1"),
    }
    assert distance_from_walls(capture, [0, 1, 3]) < ROUNDING


def test_poses_alone_are_no_capture(tmp_path: Path) -> None:
    for path in [*write(tmp_path).glob("*.png"), *tmp_path.glob("*.jpg")]:
        path.unlink()
    with pytest.raises(CaptureError, match="no frames in the capture"):
        open_(tmp_path)


def test_without_intrinsics_those_of_7_scenes_are_taken_and_noted(tmp_path: Path) -> None:
    write(tmp_path, camera=Camera.from_focal(640, 480, 585.0, 585.0, 320.0, 240.0))
    (tmp_path / "camera-intrinsics.txt").unlink()
    capture = open_(tmp_path)
    (what,) = whats(capture)
    assert what.startswith("no camera-intrinsics.txt")
    assert distance_from_walls(capture) < ROUNDING


def test_intrinsics_of_pictures_of_another_size_are_taken_as_they_are(tmp_path: Path) -> None:
    camera = Camera.from_focal(320, 180, 290.0, 290.0, 160.0, 90.0)
    assert distance_from_walls(open_(write(tmp_path, camera=camera))) < ROUNDING


def test_depth_alone_keeps_its_intrinsics(tmp_path: Path) -> None:
    camera = Camera.from_focal(320, 180, 290.0, 290.0, 160.0, 90.0)
    for path in write(tmp_path, camera=camera).glob("*.jpg"):
        path.unlink()
    assert distance_from_walls(open_(tmp_path)) < ROUNDING


@pytest.mark.parametrize("text", ["", "0 0 0 0 0 0 0 0 1", "585 0 320", "585,0 0 320 0 585 240 0 0 1"])
def test_broken_intrinsics_are_one_sentence(tmp_path: Path, text: str) -> None:
    (write(tmp_path) / "camera-intrinsics.txt").write_text(text)
    with pytest.raises(CaptureError, match=r"camera-intrinsics\.txt holds no camera intrinsics"):
        open_(tmp_path)


def test_two_pictures_of_one_frame_are_counted(tmp_path: Path) -> None:
    (write(tmp_path) / "frame-000040.color.png").write_bytes(b"")
    assert whats(open_(tmp_path)) == {"second file of the same frame number": (1, "dropped", "frame-000040.color.png")}


def test_truncated_depth_fails_for_its_frame_alone(tmp_path: Path) -> None:
    path = write(tmp_path) / "frame-000040.depth.png"
    path.write_bytes(path.read_bytes()[:40])
    first, second = open_(tmp_path).frames([0, 1])
    assert first.sensor() is not None
    with pytest.raises(CaptureError, match=r"frame-000040\.depth\.png: not a readable picture"):
        second.sensor()
