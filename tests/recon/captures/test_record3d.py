import json
import zipfile
from pathlib import Path

import lzfse
import numpy as np
import pytest
from made_room import PICTURE, PORTRAIT, distance_from_walls, jpg, room_depth, walk, whats

from recon.captures.archive import open_files
from recon.captures.record3d import Record3D
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.transforms import OPENGL_FROM_OPENCV, to_quaternion_xyzw

LIDAR, TRUE_DEPTH = (192, 256), (640, 480)
LANDSCAPE = PICTURE.resized(960, 720)
ROUNDING = 1e-5  # float32 of some metres


def metadata(camera: Camera, count: int, depth_size: tuple[int, int]) -> dict:
    T_world_arkit = walk(count) @ OPENGL_FROM_OPENCV
    corner = [camera.cx + 0.5, camera.cy + 0.5]
    return {
        "w": camera.width,
        "h": camera.height,
        "dw": depth_size[0],
        "dh": depth_size[1],
        "fps": 60,
        "K": [camera.fx, 0, 0, 0, camera.fy, 0, *corner, 1],
        "perFrameIntrinsicCoeffs": [[camera.fx, camera.fy, *corner]] * count,
        "poses": np.hstack([to_quaternion_xyzw(T_world_arkit), T_world_arkit[:, :3, 3]]).tolist(),
        "initPose": [0, 0, 0, 1, 0, 0, 0],
        "frameTimestamps": [0.2 * frame for frame in range(count)],
    }


def write(
    path: Path,
    camera: Camera = PORTRAIT,
    count: int = 4,
    depth_size: tuple[int, int] = LIDAR,
    with_confidence: bool = True,
    changes: dict | None = None,
    without: tuple[str, ...] = (),
    replaced: dict[str, bytes] | None = None,
) -> Path:
    """An .r3d of the made room: metadata with ``changes``, members left out or replaced."""
    content = metadata(camera, count, depth_size) | (changes or {})
    members = {"metadata": json.dumps({key: value for key, value in content.items() if value is not None}).encode()}
    for frame, T_world_camera in enumerate(walk(count)):
        depth = room_depth(T_world_camera, camera.resized(*depth_size)).astype("<f4")
        members[f"rgbd/{frame}.jpg"] = jpg(camera.width, camera.height, level=10 * frame)
        members[f"rgbd/{frame}.depth"] = lzfse.compress(depth.tobytes())
        if with_confidence:
            members[f"rgbd/{frame}.conf"] = lzfse.compress(np.full(depth.shape, 2, np.uint8).tobytes())
    members |= replaced or {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            if name not in without:
                archive.writestr(name, data)
    return path


def open_(path: Path) -> Record3D:
    files = open_files(path)
    assert Record3D.claims(files)
    return Record3D(files)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scan.r3d"


def test_portrait_depth_lands_on_the_walls(path: Path) -> None:
    with open_(write(path)) as capture:
        assert distance_from_walls(capture) < ROUNDING
        assert capture.problems == ()
        (frame,) = capture.frames([2])
        assert frame.image().shape == (960, 720, 3)
        assert (frame.sensor().confidence == 2).all()


def test_landscape_depth_lands_on_the_walls(path: Path) -> None:
    assert distance_from_walls(open_(write(path, LANDSCAPE, depth_size=(256, 192)))) < ROUNDING


def test_true_depth_has_its_own_size_and_no_confidence(path: Path) -> None:
    capture = open_(write(path, LANDSCAPE, count=2, depth_size=TRUE_DEPTH, with_confidence=False))
    (frame,) = capture.frames([1])
    sensor = frame.sensor()
    assert sensor.depth.shape == (480, 640)
    assert sensor.confidence is None
    assert whats(capture) == {"depth without confidence": (2, "noted", "rgbd/0.depth")}
    assert distance_from_walls(capture) < ROUNDING


@pytest.mark.parametrize(
    ("camera", "depth_size"),
    [(PORTRAIT, LIDAR), (LANDSCAPE, (256, 192)), (LANDSCAPE, TRUE_DEPTH), (PORTRAIT, (480, 640))],
)
def test_depth_size_follows_from_its_length_where_the_metadata_lacks_it(
    path: Path, camera: Camera, depth_size: tuple[int, int]
) -> None:
    capture = open_(write(path, camera, count=2, depth_size=depth_size, changes={"dw": None, "dh": None}))
    (frame,) = capture.frames([0])
    assert (frame.sensor().camera.width, frame.sensor().camera.height) == depth_size
    assert distance_from_walls(capture) < ROUNDING


def test_no_depth_to_tell_the_missing_size_is_an_error(path: Path) -> None:
    names = tuple(f"rgbd/{frame}.depth" for frame in range(4))
    with pytest.raises(CaptureError, match=r"no depth size \(dw, dh\)"):
        open_(write(path, changes={"dw": None}, without=names))


def test_an_absurd_depth_size_is_refused(path: Path) -> None:
    with pytest.raises(CaptureError, match="depth of 6000x8000, more than any"):
        open_(write(path, changes={"dw": 6000, "dh": 8000}))


def test_numbers_pair_files_with_poses_across_gaps(path: Path) -> None:
    gone = ("rgbd/1.jpg", "rgbd/1.depth", "rgbd/1.conf", "rgbd/4.jpg", "rgbd/5.depth")
    capture = open_(write(path, count=12, without=gone))
    assert capture.table.index.tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]  # numeric, not 0, 10, 11, 2
    assert whats(capture) == {
        "pose without colour and depth": (1, "noted", "frame 1"),
        "depth file missing": (1, "noted", "frame 5"),
        "colour file missing": (1, "noted", "frame 4"),
    }
    assert capture.table.timestamp[1] == pytest.approx(0.4)
    frames = [frame for frame in capture.frames(range(len(capture))) if frame.index != 5]
    assert distance_from_walls(capture, [frame.row for frame in frames]) < ROUNDING
    assert [round(float(frame.image().mean()) / 10) for frame in frames if frame.has_image] == [
        0,
        2,
        3,
        6,
        7,
        8,
        9,
        10,
        11,
    ]


def test_files_beyond_the_poses_are_dropped_and_counted(path: Path) -> None:
    capture = open_(write(path, count=4, changes={"poses": metadata(PORTRAIT, 4, LIDAR)["poses"][:3]}))
    assert capture.table.index.tolist() == [0, 1, 2]
    assert whats(capture)["frame without a pose"] == (1, "dropped", "frame 3")


def test_depth_is_finite_and_zero_where_the_sensor_saw_nothing(path: Path) -> None:
    depth = np.full((256, 192), 1.5, "<f4")
    depth[0, :4] = [np.nan, np.inf, -np.inf, -1.0]
    (frame,) = open_(write(path, replaced={"rgbd/0.depth": lzfse.compress(depth.tobytes())})).frames([0])
    assert frame.sensor().depth[0, :5].tolist() == [0, 0, 0, 0, 1.5]


@pytest.mark.parametrize(
    ("member", "data", "words"),
    [
        ("0.depth", lzfse.compress(np.ones((256, 192), "<f4").tobytes())[:-9], r"0\.depth: not readable LZFSE"),
        (
            "0.depth",
            lzfse.compress(np.ones((256, 191), "<f4").tobytes()),
            "unpacks to 195,584 bytes instead of 196,608",
        ),
        ("0.depth", lzfse.compress(np.full((256, 192), 1e30, "<f4").tobytes()), r"depth up to 1e\+30 m"),
        ("0.conf", lzfse.compress(bytes(100)), "unpacks to 100 bytes instead of 49,152"),
        ("0.conf", lzfse.compress(bytes([7]) * 49_152), "a confidence of 7 instead of 0 to 2"),
    ],
)
def test_damaged_depth_fails_for_its_frame_alone(path: Path, member: str, data: bytes, words: str) -> None:
    first, second = open_(write(path, replaced={f"rgbd/{member}": data})).frames([0, 1])
    with pytest.raises(CaptureError, match=words):
        first.sensor()
    assert second.sensor() is not None


def test_intrinsics_of_each_frame_are_preferred(path: Path) -> None:
    each = [[726 + frame, 726 + frame, 361.5, 484] for frame in range(4)]
    frames = open_(write(path, changes={"perFrameIntrinsicCoeffs": each})).frames(range(4))
    assert [frame.camera.fx for frame in frames] == [726, 727, 728, 729]


def test_the_first_frames_intrinsics_serve_all_where_there_are_no_others(path: Path) -> None:
    capture = open_(write(path, changes={"perFrameIntrinsicCoeffs": None}))
    (what,) = whats(capture)
    assert "intrinsics are of the first frame only" in what
    assert distance_from_walls(capture) < ROUNDING


def test_a_frame_without_usable_intrinsics_takes_the_first_frames(path: Path) -> None:
    each = metadata(PORTRAIT, 4, LIDAR)["perFrameIntrinsicCoeffs"]
    each = [*each[:2], [0, 0, 0, 0], each[3]]
    capture = open_(write(path, changes={"perFrameIntrinsicCoeffs": each}))
    assert whats(capture) == {"frame without intrinsics takes the first frame's": (1, "repaired", "frame 2")}
    assert distance_from_walls(capture) < ROUNDING


@pytest.mark.parametrize("K", [None, [0] * 9, [1, 2], [-726, 0, 0, 0, 726, 0, 361, 484, 1]])
def test_no_intrinsics_is_one_sentence(path: Path, K: object) -> None:
    with pytest.raises(CaptureError, match="no camera intrinsics"):
        open_(write(path, changes={"K": K, "perFrameIntrinsicCoeffs": None}))


def test_intrinsics_follow_pictures_smaller_than_stated(path: Path) -> None:
    small = {f"rgbd/{frame}.jpg": jpg(360, 480) for frame in range(4)}
    capture = open_(write(path, replaced=small))
    (frame,) = capture.frames([0])
    assert (frame.camera.width, frame.camera.fx, frame.camera.cx) == (360, PORTRAIT.fx / 2, 361.5 / 2 - 0.5)
    assert distance_from_walls(capture) < ROUNDING


def test_pictures_turned_against_their_intrinsics_are_an_error(path: Path) -> None:
    with pytest.raises(CaptureError, match="do not fit pictures of 960x720"):
        open_(write(path, replaced={f"rgbd/{frame}.jpg": jpg(960, 720) for frame in range(4)}))


def test_without_time_stamps_the_stated_rate_gives_them(path: Path) -> None:
    capture = open_(write(path, changes={"frameTimestamps": None, "fps": 30}))
    np.testing.assert_allclose(capture.table.timestamp, np.arange(4) / 30)
    assert whats(capture) == {"no time stamps, so 30 frames a second are taken": (4, "noted", "")}


def test_a_world_that_starts_at_the_first_camera_is_noted(path: Path) -> None:
    poses = metadata(PORTRAIT, 4, LIDAR)["poses"]
    capture = open_(write(path, changes={"poses": [[1e-8, 0, 0, 0.9999999, 0, 0, 0], *poses[1:]]}))
    (what,) = whats(capture)
    assert "which way is up is unknown" in what


def test_an_initial_pose_is_noted_and_the_poses_kept(path: Path) -> None:
    capture = open_(write(path, changes={"initPose": [0, 0, 0, 1, 1, 0, 0]}))
    assert list(whats(capture)) == ["initPose is not the identity; poses are kept as stored"]
    assert distance_from_walls(capture) < ROUNDING


def test_quaternions_are_normalised_within_a_percent_whatever_their_sign(path: Path) -> None:
    poses = np.array(metadata(PORTRAIT, 4, LIDAR)["poses"])
    poses[1, :4] *= -1.009
    capture = open_(write(path, changes={"poses": poses.tolist()}))
    assert distance_from_walls(capture) < ROUNDING


@pytest.mark.parametrize(
    "row", [[0] * 7, [0, 0, 0, 1.02, 0, 0, 0], [0, 0, 0, float("nan"), 0, 0, 0], [1, 2], None, "x"]
)
def test_a_pose_of_no_use_becomes_nan(path: Path, row: object) -> None:
    poses = metadata(PORTRAIT, 4, LIDAR)["poses"]
    T_world_camera = open_(write(path, changes={"poses": [*poses[:3], row]})).table.T_world_camera
    assert np.isnan(T_world_camera).all(axis=(1, 2)).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poses": None}, "holds no camera poses"),
        ({"poses": []}, "holds no camera poses"),
        ({"poses": [[0] * 7] * 4}, "none of the 4 stored poses is usable"),
        ({"poses": [[0, 0, 0, 1, 0, 0, 0]] * 4}, "never moves"),
        ({"w": None}, r"does not state the pictures' size \(w, h\)"),
        ({"h": -960}, r"does not state the pictures' size"),
        ({"w": 1e9}, r"does not state the pictures' size"),
    ],
)
def test_useless_metadata_is_one_sentence(path: Path, changes: dict, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        open_(write(path, changes=changes))


def test_broken_metadata_is_located(path: Path) -> None:
    with pytest.raises(CaptureError, match=r"metadata is not JSON from line 2, column 8 on"):
        open_(write(path, replaced={"metadata": b'{"w": 720,\n "h": 9'}))


def test_metadata_alone_is_no_capture(tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text(json.dumps(metadata(PORTRAIT, 4, LIDAR)))
    with pytest.raises(CaptureError, match="no frames in the capture, only its metadata"):
        open_(tmp_path)


def test_a_renamed_or_unpacked_capture_is_the_same(path: Path, tmp_path: Path) -> None:
    write(path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    renamed = path.rename(tmp_path / "scan.zip")
    assert distance_from_walls(open_(renamed)) == distance_from_walls(open_(tmp_path / "unpacked")) < ROUNDING


def test_audio_and_preview_are_not_read(path: Path) -> None:
    capture = open_(write(path, replaced={"sound.m4a": b"voices", "icon": b"face"}))
    assert capture.problems == ()
    assert "m4a" not in str(vars(capture.table))
