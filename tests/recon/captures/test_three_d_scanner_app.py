import json
from pathlib import Path

import numpy as np
import pytest
from made_room import PICTURE, distance_from_walls, jpg, millimetres, png, room_depth, walk, whats

from recon.captures.archive import open_files
from recon.captures.three_d_scanner_app import ThreeDScannerApp
from recon.errors import CaptureError
from recon.geometry.transforms import OPENGL_FROM_OPENCV

DEPTH_CAMERA = PICTURE.resized(256, 192)
LATITUDE, TITLE = 48.13715421, "Anna's flat"
# Half a millimetre of rounding, along a ray whose length is 1.5 times its depth at the corner.
ROUNDING = 0.0008


def write(folder: Path, count: int = 4, colour_every: int = 3) -> Path:
    """A capture as the app exports it: corner-based intrinsics for 1920x1440, row-major ARKit poses."""
    folder.mkdir(exist_ok=True)
    (folder / "info.json").write_text(json.dumps({"numImages": count, "title": TITLE, "gpsLatitude": LATITUDE}))
    for frame, T_world_camera in enumerate(walk(count)):
        content = {
            "cameraPoseARFrame": (T_world_camera @ OPENGL_FROM_OPENCV).ravel().tolist(),
            "intrinsics": [PICTURE.fx, 0, PICTURE.cx + 0.5, 0, PICTURE.fy, PICTURE.cy + 0.5, 0, 0, 1],
            "time": 1000 + 0.2 * frame,
            "frame_index": frame,
            "hasGPS": True,
            "latitude": LATITUDE,
        }
        (folder / f"frame_{frame:05d}.json").write_text(json.dumps(content, indent=2))
        (folder / f"depth_{frame:05d}.png").write_bytes(millimetres(room_depth(T_world_camera, DEPTH_CAMERA)))
        (folder / f"conf_{frame:05d}.png").write_bytes(png(np.full((192, 256), 2, np.uint8)))
        if frame % colour_every == 0:
            (folder / f"frame_{frame:05d}.jpg").write_bytes(jpg(1920, 1440, level=10 * frame))
    return folder


def open_(folder: Path) -> ThreeDScannerApp:
    files = open_files(folder)
    assert ThreeDScannerApp.claims(files)
    return ThreeDScannerApp(files)


def edit(folder: Path, frame: int, **changes: object) -> None:
    path = folder / f"frame_{frame:05d}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_depth_lands_on_the_walls(tmp_path: Path) -> None:
    assert distance_from_walls(open_(write(tmp_path))) < ROUNDING


def test_intrinsics_are_moved_from_the_pixels_corner_to_its_centre(tmp_path: Path) -> None:
    (frame,) = open_(write(tmp_path)).frames([0])
    assert (frame.camera.cx, frame.camera.cy) == (PICTURE.cx, PICTURE.cy)


def test_colour_on_some_frames_is_normal(tmp_path: Path) -> None:
    capture = open_(write(tmp_path, count=4, colour_every=3))
    assert capture.problems == ()
    assert capture.table.has_image.tolist() == [True, False, False, True]
    frames = list(capture.frames([0, 1, 3]))
    assert [frame.image() is None for frame in frames] == [False, True, False]
    assert np.abs(frames[2].image().astype(int) - 30).max() <= 2  # its own picture, JPEG apart
    assert [frame.camera.width for frame in frames] == [1920, 256, 1920]


def test_place_and_title_of_the_scan_stay_in_its_files(tmp_path: Path) -> None:
    write(tmp_path / "scan")
    broken = tmp_path / "scan/frame_00001.json"
    broken.write_text(broken.read_text()[:-3])
    capture = open_(tmp_path / "scan")

    def texts(value: object) -> str:
        if isinstance(value, np.ndarray):
            return " ".join(map(repr, value.ravel().tolist()))
        if isinstance(value, dict):
            return " ".join(texts(part) for pair in value.items() for part in pair)
        if isinstance(value, (list, tuple)):
            return " ".join(map(texts, value))
        return texts(vars(value)) if hasattr(value, "__dict__") else repr(value)

    everything = texts(vars(capture)) + texts(list(capture.frames(range(len(capture)))))
    assert "1000.4" in everything  # the time of a frame: the search does reach the table
    assert str(LATITUDE) not in everything
    assert TITLE not in everything


@pytest.mark.parametrize("text", ["{", "[]", "", '{"time": 1.0}', "\xff\xfe", "[" * 100_000])
def test_a_frame_with_a_damaged_json_is_dropped_once(tmp_path: Path, text: str) -> None:
    write(tmp_path)
    (tmp_path / "frame_00001.json").write_text(text, encoding="latin-1")
    capture = open_(tmp_path)
    assert capture.table.index.tolist() == [0, 2, 3]
    assert whats(capture) == {"frame's JSON damaged": (1, "dropped", "frame_00001.json")}
    assert distance_from_walls(capture) < ROUNDING


@pytest.mark.parametrize("intrinsics", [[0] * 9, [1, 2, 3], None, "1447", [1447, 0, 960, 0, -1447, 720, 0, 0, 1]])
def test_a_frame_without_intrinsics_is_dropped(tmp_path: Path, intrinsics: object) -> None:
    edit(write(tmp_path), 2, intrinsics=intrinsics)
    capture = open_(tmp_path)
    assert capture.table.index.tolist() == [0, 1, 3]
    assert whats(capture) == {"frame's JSON damaged": (1, "dropped", "frame_00002.json")}


def test_no_usable_json_at_all_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path)
    for path in tmp_path.glob("frame_*.json"):
        path.write_text("{")
    with pytest.raises(CaptureError, match="no frames in the capture"):
        open_(tmp_path)


def test_missing_files_are_counted_on_both_sides(tmp_path: Path) -> None:
    write(tmp_path, count=6)
    (tmp_path / "depth_00000.png").unlink()  # its colour remains
    (tmp_path / "depth_00002.png").unlink()  # nothing remains but the pose
    (tmp_path / "frame_00004.json").unlink()
    capture = open_(tmp_path)
    assert capture.table.index.tolist() == [0, 1, 3, 5]
    assert capture.table.has_depth.tolist() == [False, True, True, True]
    assert whats(capture) == {
        "frame without a pose": (1, "dropped", "frame 4"),
        "pose without colour and depth": (1, "noted", "frame 2"),
        "depth file missing": (1, "noted", "frame 0"),
    }
    (frame,) = capture.frames([0])
    assert frame.sensor() is None


def test_frames_keep_their_own_numbers_in_numeric_order(tmp_path: Path) -> None:
    write(tmp_path, count=3, colour_every=1)
    for old, new in ((2, "100000"), (1, "99999"), (0, "00007")):
        for path in tmp_path.glob(f"*_{old:05d}.*"):
            path.rename(tmp_path / path.name.replace(f"{old:05d}", new))
    capture = open_(tmp_path)
    assert capture.table.index.tolist() == [7, 99999, 100000]
    assert [frame.index for frame in capture.frames([1, 2])] == [99999, 100000]
    assert distance_from_walls(capture) < ROUNDING


def test_two_files_of_one_frame_number_are_counted(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "depth_1.png").write_bytes(b"")
    assert whats(open_(tmp_path)) == {"second file of the same frame number": (1, "dropped", "depth_1.png")}
    assert distance_from_walls(open_(tmp_path)) < ROUNDING


def test_files_of_the_operating_system_are_no_frames(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "._depth_00000.png").write_bytes(b"\0")
    (tmp_path / "._frame_00009.json").write_bytes(b"\0")
    capture = open_(tmp_path)
    assert (len(capture), capture.problems) == (4, ())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e6])
def test_a_pose_that_is_no_rotation_becomes_nan(tmp_path: Path, value: float) -> None:
    edit(write(tmp_path), 1, cameraPoseARFrame=[value] + [0.0] * 14 + [1.0])
    T_world_camera = open_(tmp_path).table.T_world_camera
    assert np.isnan(T_world_camera).all(axis=(1, 2)).tolist() == [False, True, False, False]


def test_a_pose_stored_by_columns_becomes_nan(tmp_path: Path) -> None:
    pose = walk(4)[1] @ OPENGL_FROM_OPENCV
    edit(write(tmp_path), 1, cameraPoseARFrame=pose.T.ravel().tolist())
    assert np.isnan(open_(tmp_path).table.T_world_camera[1]).all()


def test_a_mirroring_pose_is_an_error_that_names_the_frame(tmp_path: Path) -> None:
    edit(write(tmp_path), 2, cameraPoseARFrame=np.diag([-1.0, 1, 1, 1]).ravel().tolist())
    with pytest.raises(CaptureError, match=r"frame_00002\.json: its pose mirrors space"):
        open_(tmp_path)


def test_a_camera_that_never_moves_is_an_error(tmp_path: Path) -> None:
    write(tmp_path)
    for frame in range(4):
        edit(tmp_path, frame, cameraPoseARFrame=np.eye(4).ravel().tolist())
    with pytest.raises(CaptureError, match="never moves"):
        open_(tmp_path)


def test_time_that_goes_backwards_is_noted(tmp_path: Path) -> None:
    edit(write(tmp_path), 2, time=1000.1)
    assert whats(open_(tmp_path)) == {"time goes backwards": (1, "noted", "frame 2")}


def test_one_frame_is_a_capture(tmp_path: Path) -> None:
    assert distance_from_walls(open_(write(tmp_path, count=1))) < ROUNDING


def test_a_capture_without_depth_opens_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, colour_every=1)  # as the app's high-resolution mode leaves it
    for path in [*tmp_path.glob("depth_*"), *tmp_path.glob("conf_*")]:
        path.unlink()
    capture = open_(tmp_path)
    assert not capture.table.has_depth.any()
    assert whats(capture) == {"depth file missing": (4, "noted", "frame 0")}


def test_confidence_may_be_missing(tmp_path: Path) -> None:
    (write(tmp_path) / "conf_00000.png").unlink()
    capture = open_(tmp_path)
    assert whats(capture) == {"depth without confidence": (1, "noted", "depth_00000.png")}
    first, second = capture.frames([0, 1])
    assert first.sensor().confidence is None
    assert (second.sensor().confidence == 2).all()


def test_confidence_of_another_size_is_resized_to_the_depth(tmp_path: Path) -> None:
    small = np.tile(np.array([0, 1, 2, 2], np.uint8), (96, 32))  # 128x96
    (write(tmp_path) / "conf_00000.png").write_bytes(png(small))
    (frame,) = open_(tmp_path).frames([0])
    np.testing.assert_array_equal(frame.sensor().confidence, small.repeat(2, 0).repeat(2, 1))


def test_confidence_of_another_aspect_is_an_error(tmp_path: Path) -> None:
    (write(tmp_path) / "conf_00000.png").write_bytes(png(np.zeros((256, 192), np.uint8)))
    (frame,) = open_(tmp_path).frames([0])
    with pytest.raises(CaptureError, match=r"depth_00000\.png: 256x192, but its confidence map has 192x256"):
        frame.sensor()


def test_depth_of_another_size_gets_its_own_camera(tmp_path: Path) -> None:
    write(tmp_path)
    camera = PICTURE.resized(768, 576)
    (tmp_path / "depth_00002.png").write_bytes(millimetres(room_depth(walk(4)[2], camera)))
    assert distance_from_walls(open_(tmp_path)) < ROUNDING


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((256, 192), np.uint16), r"depth_00001\.png: 192x256"),
        (np.zeros((192, 256), np.uint8), r"depth_00001\.png: 8-bit with 1 channel"),
        (np.zeros((192, 256, 3), np.uint16), r"depth_00001\.png: 16-bit with 3 channel"),
    ],
)
def test_depth_that_is_none_fails_for_its_frame_alone(tmp_path: Path, pixels: np.ndarray, words: str) -> None:
    (write(tmp_path) / "depth_00001.png").write_bytes(png(pixels))
    capture = open_(tmp_path)
    first, second = capture.frames([0, 1])
    assert first.sensor() is not None
    with pytest.raises(CaptureError, match=words):
        second.sensor()


def test_a_damaged_picture_leaves_its_frames_depth(tmp_path: Path) -> None:
    (write(tmp_path) / "frame_00003.jpg").write_bytes(b"\xff\xd8 cut")
    capture = open_(tmp_path)
    (frame,) = capture.frames([3])
    with pytest.raises(CaptureError, match=r"frame_00003\.jpg: not a readable picture"):
        frame.image()
    assert distance_from_walls(capture) < ROUNDING


def test_a_picture_of_another_size_than_the_first_is_an_error(tmp_path: Path) -> None:
    (write(tmp_path) / "frame_00003.jpg").write_bytes(jpg(960, 720))
    (frame,) = open_(tmp_path).frames([3])
    with pytest.raises(CaptureError, match=r"frame_00003\.jpg: 960x720, but the first picture is 1920x1440"):
        frame.image()


def test_intrinsics_follow_resized_pictures(tmp_path: Path) -> None:
    write(tmp_path, colour_every=1)
    for path in tmp_path.glob("frame_*.jpg"):
        path.write_bytes(jpg(960, 720))
    capture = open_(tmp_path)
    (frame,) = capture.frames([0])
    assert (frame.camera.width, frame.camera.fx) == (960, PICTURE.fx / 2)
    assert distance_from_walls(capture) < ROUNDING


def test_pictures_turned_against_their_intrinsics_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, colour_every=1)
    for path in tmp_path.glob("frame_*.jpg"):
        path.write_bytes(jpg(1440, 1920))
    with pytest.raises(CaptureError, match="do not fit pictures of 1440x1920"):
        open_(tmp_path)


def test_depth_in_another_unit_is_an_error_that_names_unit_and_median(tmp_path: Path) -> None:
    write(tmp_path)
    for frame in range(4):
        tenths = np.full((192, 256), 20_000, np.uint16)  # 2 m in tenths of a millimetre
        (tmp_path / f"depth_{frame:05d}.png").write_bytes(png(tenths))
    with pytest.raises(CaptureError, match="depth read as millimetres has a median of 20 m"):
        open_(tmp_path)


def test_damaged_depth_does_not_keep_a_capture_from_opening(tmp_path: Path) -> None:
    write(tmp_path)
    for frame in (0, 1, 2):
        (tmp_path / f"depth_{frame:05d}.png").write_bytes(b"\x89PNG cut")
    assert distance_from_walls(open_(tmp_path), [3]) < ROUNDING
