import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_room import PICTURE, distance_from_walls, millimetres, png, room_depth, walk
from made_stray import DEPTH, VIDEO, encode, flat, odometry, room_picture, shaky_walk, stray_files, write

from recon.captures.archive import open_files
from recon.captures.base import Capture
from recon.captures.stray_scanner import CLONE, StrayScanner
from recon.captures.stray_tables import Odometry
from recon.captures.stray_video import pictures_by_time
from recon.errors import CaptureError
from recon.geometry.transforms import OPENGL_FROM_OPENCV

ROUNDING = 1e-3  # metres; depth is stored in whole millimetres
LEVELS = [30 + 6 * i for i in range(32)]


def capture(tmp_path: Path, files: dict[str, bytes]) -> StrayScanner:
    return StrayScanner(open_files(write(tmp_path / "scan", files)))


def whats(capture: Capture) -> list[str]:
    return [problem.what for problem in capture.problems if not problem.what.startswith("no video")]


def levels(capture: Capture) -> list[float | None]:
    """The mean grey level of each frame's picture."""
    images = [frame.image() for frame in capture.frames(range(len(capture)))]
    return [None if image is None else float(image.mean()) for image in images]


def with_rows(files: dict[str, bytes], change: Callable[[list[str]], list[str]]) -> dict[str, bytes]:
    lines = files["odometry.csv"].decode().splitlines()
    return files | {"odometry.csv": ("\n".join(change(lines)) + "\n").encode()}


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


# --- layouts ---


@pytest.mark.parametrize("columns", [7, 9, 15])
def test_every_version_of_the_table_puts_the_room_where_it_is(tmp_path: Path, columns: int) -> None:
    scan = capture(tmp_path, stray_files(columns=columns))
    assert (scan.name, scan.format, len(scan), whats(scan)) == ("scan", "Stray Scanner", 8, [])
    assert distance_from_walls(scan) < 2 * ROUNDING
    np.testing.assert_allclose(scan.table.T_world_camera, walk(8), atol=1e-8)
    np.testing.assert_allclose(np.diff(scan.table.timestamp), 1 / 60, atol=1e-9)
    assert scan.table.has_depth.all()
    assert not scan.table.has_image.any()


def test_zip_and_folder_are_the_same(tmp_path: Path) -> None:
    files = stray_files()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name, data in files.items():
            file.writestr(f"71de12f9ab/{name}", data)
    with StrayScanner(open_files(tmp_path / "a.zip")) as zipped:
        assert zipped.name == "a"
        assert distance_from_walls(zipped) < 2 * ROUNDING


def test_headerless_tables_of_the_first_builds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"odometry.csv has no header, as in app versions before March 2021"):
        capture(tmp_path, with_rows(stray_files(columns=7), lambda lines: lines[1:]))


def test_depth_in_npy_files_of_2021_is_read(tmp_path: Path) -> None:
    files = stray_files(columns=7)
    for row, pose in enumerate(walk(8)):
        del files[f"depth/{row:06d}.png"]
        files[f"depth/{row:06d}.npy"] = npy(np.round(room_depth(pose, DEPTH) * 1000).astype(np.uint16))
    assert distance_from_walls(capture(tmp_path, files)) < 2 * ROUNDING


def test_pickled_npy_is_never_loaded(tmp_path: Path) -> None:
    files = stray_files()
    files["depth/000000.npy"] = npy(np.array([[{}]], object))
    del files["depth/000000.png"]
    frame = next(capture(tmp_path, files).frames([0]))
    with pytest.raises(CaptureError, match="depth/000000.npy: object of shape"):
        frame.sensor()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b", ", b";"),
        lambda text: text.replace(b", ", b"\t"),
        lambda text: text.replace(b", ", b" , "),
        lambda text: text.rstrip(b"\n"),
        lambda text: text.replace(b"\n", b"\n\n"),
        lambda text: text.replace(b"timestamp, frame", b"Timestamp, Frame"),
        lambda text: text.replace(b"\n", b", , \n"),
    ],
    ids=["mark", "crlf", "semicolon", "tab", "spaces", "no last newline", "blank lines", "capitals", "empty columns"],
)
def test_harmless_variants_of_the_table_read_alike(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    files = stray_files()
    scan = capture(tmp_path, files | {"odometry.csv": change(files["odometry.csv"])})
    assert (len(scan), whats(scan)) == (8, [])
    np.testing.assert_allclose(scan.table.T_world_camera, walk(8), atol=1e-8)
    np.testing.assert_allclose(scan.table.timestamp, 1000 + np.arange(8) / 60, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda lines: [line.replace(".", ",") for line in lines],
            r"odometry.csv, line 2 has 1\d values under 9 columns",
        ),
        (
            lambda lines: [line.replace(", ", ";").replace(".", ",") for line in lines],
            r"odometry.csv, line 2: '1000,000000000' is no number; numbers need decimal points",
        ),
        (lambda lines: [*lines[:3], "1, 2, 3", *lines[3:]], "odometry.csv, line 4 has only 3 values"),
        (lambda lines: [*lines[:3], lines[3].replace("000002", "2.5"), *lines[4:]], "has 2.5 for a frame number"),
        (lambda lines: [*lines[:3], lines[3][16:], *lines[4:]], r"line 4 has only 8 values"),
        (lambda lines: [*lines[:3], "," + lines[3].split(",", 1)[1], *lines[4:]], "has no time stamp for frame 2"),
        (lambda lines: [lines[0].replace("qw", "q4"), *lines[1:]], "odometry.csv lacks the columns qw"),
        (lambda lines: lines[:1], "no frames in the capture"),
        (lambda lines: [], "odometry.csv lacks the columns x, y, z"),
        (lambda lines: [lines[0], *[line.replace(lines[2][22:], lines[1][22:]) for line in lines[1:3]]], "never moves"),
    ],
)
def test_a_table_that_makes_no_sense_is_one_sentence(
    tmp_path: Path, change: Callable[[list[str]], list[str]], sentence: str
) -> None:
    with pytest.raises(CaptureError, match=sentence):
        capture(tmp_path, with_rows(stray_files(), change))


@pytest.mark.parametrize("keep", [0.3, 0.97])
@pytest.mark.parametrize("columns", [9, 15])
def test_a_half_written_last_row_is_dropped(tmp_path: Path, columns: int, keep: float) -> None:
    files = stray_files(columns=columns)
    text = files["odometry.csv"].rstrip(b"\n")
    last = text.rindex(b"\n") + 1
    cut = text[: last + int((len(text) - last) * keep)]
    if columns == 9 and keep > 0.5:
        cut = text[: text.rindex(b",") + 2] + b"-"
    scan = capture(tmp_path, files | {"odometry.csv": cut})
    assert len(scan) == 7
    assert whats(scan) == ["last row of odometry.csv half written", "depth file without a row"]


# --- rows and files ---


def test_files_join_rows_by_number(tmp_path: Path) -> None:
    files = stray_files(frames=[1800 + 12 * row for row in range(8)])
    del files["depth/001812.png"]
    del files["confidence/001824.png"]
    files["depth/000000.png"] = files["depth/1.png"] = millimetres(np.ones((72, 96)))
    files["depth/._001800.png"] = b"junk"
    scan = capture(tmp_path, files)
    assert scan.table.index.tolist() == [1800 + 12 * row for row in range(8)]
    assert scan.table.has_depth.tolist() == [True, False] + [True] * 6
    counts = {problem.what: problem.count for problem in scan.problems if problem.what in whats(scan)}
    assert counts == {"row without a depth file": 1, "depth file without a row": 2, "depth without confidence": 1}
    sensors = [frame.sensor() for frame in scan.frames([0, 1, 2])]
    assert sensors[0] is not None
    assert sensors[1] is None
    assert sensors[2] is not None
    assert sensors[2].confidence is None
    assert distance_from_walls(scan, [0, 2, 3, 4, 5, 6, 7]) < 2 * ROUNDING


def test_repeated_and_disordered_rows_are_repaired_and_counted(tmp_path: Path) -> None:
    files = with_rows(stray_files(), lambda lines: [*lines[:3], lines[5], *lines[3:5], *lines[6:], lines[4]])
    scan = capture(tmp_path, files)
    assert scan.table.index.tolist() == list(range(8))
    np.testing.assert_allclose(scan.table.T_world_camera, walk(8), atol=1e-8)
    assert whats(scan) == ["frame number repeated", "rows out of order"]


@pytest.mark.parametrize(
    "pose", ["nan, 0, 0, 0, 0, 0, 1", "0, inf, 0, 0, 0, 0, 1", "0, 0, 0, 0, 0, 0, 0", ", , , , , , "]
)
def test_a_row_without_a_usable_pose_stays_in_the_table(tmp_path: Path, pose: str) -> None:
    files = with_rows(stray_files(), lambda lines: [*lines[:4], f"1000.05, 000003, {pose}", *lines[5:]])
    scan = capture(tmp_path, files)
    assert len(scan) == 8
    assert np.isnan(scan.table.T_world_camera[3]).all()
    assert np.isfinite(scan.table.T_world_camera[[0, 1, 2, 4, 5, 6, 7]]).all()


def test_no_depth_for_any_row_is_one_sentence(tmp_path: Path) -> None:
    files = {name: data for name, data in stray_files().items() if not name.startswith("depth/")}
    for others, count in (({"depth/000099.png": b""}, 1), ({"rgb.mp4": b""}, 0)):
        with pytest.raises(
            CaptureError, match=f"none of the {count} files in depth/ has the number of one of the 8 rows"
        ):
            capture(tmp_path / str(count), files | others)


def test_damaged_depth_costs_its_own_frame_only(tmp_path: Path) -> None:
    files = stray_files()
    files["depth/000000.png"] = files["depth/000000.png"][:100]
    files["depth/000001.png"] = png(np.zeros((72, 96, 3), np.uint8))
    files["depth/000002.png"] = millimetres(room_depth(walk(3)[2], PICTURE.resized(72, 96)))
    scan = capture(tmp_path, files)
    frames = list(scan.frames(range(8)))
    for row, sentence in enumerate(
        ["not a readable picture", "8-bit with 3 channel", "72x96, but the picture is 1920x1440"]
    ):
        with pytest.raises(CaptureError, match=f"depth/{row:06d}.png: {sentence}"):
            frames[row].sensor()
    assert distance_from_walls(scan, range(3, 8)) < 2 * ROUNDING


def test_depth_maps_may_differ_in_size(tmp_path: Path) -> None:
    files = stray_files()
    files["depth/000002.png"] = millimetres(room_depth(walk(3)[2], PICTURE.resized(128, 96)))
    scan = capture(tmp_path, files)
    assert distance_from_walls(scan) < 2 * ROUNDING
    (frame,) = scan.frames([2])
    sensor = frame.sensor()
    assert sensor is not None
    assert sensor.confidence is not None
    assert sensor.depth.shape == sensor.confidence.shape == (96, 128)


def test_all_depth_unreadable_is_one_sentence(tmp_path: Path) -> None:
    files = stray_files()
    preview = png(np.zeros((72, 96, 3), np.uint8))
    with pytest.raises(CaptureError, match="depth/000000.png: 8-bit with 3 channel"):
        capture(tmp_path, files | {name: preview for name in files if name.startswith("depth/")})


def test_depth_in_another_unit_is_one_sentence(tmp_path: Path) -> None:
    files = stray_files()
    for row, pose in enumerate(walk(8)):
        files[f"depth/{row:06d}.png"] = png(np.round(room_depth(pose, DEPTH)).astype(np.uint16))  # whole metres
    with pytest.raises(CaptureError, match=r"depth read as millimetres has a median of 0.003 m"):
        capture(tmp_path, files)


# --- intrinsics ---


def test_intrinsics_count_from_the_corner_and_fit_the_pictures(tmp_path: Path) -> None:
    files = stray_files(columns=15)
    files["rgb.mp4"] = encode(tmp_path / "v.mp4", [room_picture(pose) for pose in walk(8)])
    scan = capture(tmp_path, files)
    frame = next(scan.frames([0]))
    np.testing.assert_allclose(frame.camera.K, VIDEO.K, rtol=1e-9)
    sensor = frame.sensor()
    assert sensor is not None
    np.testing.assert_allclose(sensor.camera.K, DEPTH.K, rtol=1e-9)


def test_without_pictures_the_camera_is_the_depths(tmp_path: Path) -> None:
    frame = next(capture(tmp_path, stray_files()).frames([0]))
    assert (frame.camera.width, frame.camera.height, frame.has_image, frame.image()) == (96, 72, False, None)
    np.testing.assert_allclose(frame.camera.K, DEPTH.K, rtol=1e-9)


def test_rows_without_intrinsics_take_the_capture_s(tmp_path: Path) -> None:
    files = stray_files(columns=15)
    lacking = files["odometry.csv"].decode().splitlines()
    lacking[4] = ", ".join(lacking[4].split(", ")[:9]) + ", , , , , , "
    scan = capture(tmp_path / "some", files | {"odometry.csv": "\n".join(lacking).encode()})
    assert whats(scan) == ["row without intrinsics of its own"]
    assert distance_from_walls(scan) < 2 * ROUNDING
    del files["camera_matrix.csv"]
    assert distance_from_walls(capture(tmp_path / "all", files)) < 2 * ROUNDING


@pytest.mark.parametrize("matrix", [None, b"0, 0, 0\n0, 0, 0\n0, 0, 0", b"-1, 0, 960\n0, -1, 720\n0, 0, 1"])
def test_no_intrinsics_at_all_are_one_sentence(tmp_path: Path, matrix: bytes | None) -> None:
    files = stray_files()
    del files["camera_matrix.csv"]
    with pytest.raises(CaptureError, match="no camera intrinsics"):
        capture(tmp_path, files if matrix is None else files | {"camera_matrix.csv": matrix})


def test_intrinsics_that_fit_neither_the_app_nor_the_pictures_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"principal point at \(50, 40\)"):
        capture(tmp_path, stray_files() | {"camera_matrix.csv": b"100, 0, 50.5\n0, 100, 40.5\n0, 0, 1"})


# --- axes ---


def test_arkit_axes_of_clones_are_found_by_the_depth(tmp_path: Path) -> None:
    files = stray_files()
    files["odometry.csv"] = "\n".join(odometry(walk(8) @ OPENGL_FROM_OPENCV)).encode()
    scan = capture(tmp_path, files)
    np.testing.assert_allclose(scan.table.T_world_camera, walk(8), atol=1e-8)
    assert whats(scan) == [CLONE]
    assert distance_from_walls(scan) < 2 * ROUNDING


def test_poses_that_do_not_belong_to_the_depth_are_one_sentence(tmp_path: Path) -> None:
    files = stray_files()
    for row in (2, 3, 6, 7):  # pairs are two rows apart
        files[f"depth/{row:06d}.png"] = millimetres(np.full((72, 96), 0.5))
    with pytest.raises(CaptureError, match="surfaces seen from neighbouring frames lie .* cm apart under the poses"):
        capture(tmp_path, files)


def test_axes_that_cannot_be_checked_are_noted(tmp_path: Path) -> None:
    scan = capture(tmp_path, stray_files(walk(1)))
    assert whats(scan) == ["pose axes not checked, as no two views with sure depth overlap"]


# --- video ---


def with_video(tmp_path: Path, files: dict[str, bytes], name: str = "rgb.mp4", **how: object) -> dict[str, bytes]:
    count = how.pop("count", len([name for name in files if name.startswith("depth/")]))
    return files | {name: encode(tmp_path / name, [flat(level, 96, 72) for level in LEVELS[:count]], **how)}


def test_as_many_pictures_as_rows_belong_to_each_other_in_order(tmp_path: Path) -> None:
    scan = capture(tmp_path, with_video(tmp_path, stray_files()))
    assert scan.problems == ()
    assert scan.table.has_image.all()
    np.testing.assert_allclose(levels(scan), LEVELS[:8], atol=2)


def test_the_picture_that_the_app_hides_at_60_a_second_leaves_its_row_without(tmp_path: Path) -> None:
    scan = capture(tmp_path, with_video(tmp_path, stray_files(), times=range(-1, 7)))
    assert scan.table.has_image.tolist() == [False] + [True] * 7
    (problem,) = scan.problems
    assert (problem.what, problem.count, problem.effect) == ("video shorter than odometry.csv", 1, "noted")
    assert problem.example == "picture 0 belongs to row 1, as the app hides its first picture"
    first, *others = levels(scan)
    assert first is None
    np.testing.assert_allclose(others, LEVELS[1:8], atol=2)


@pytest.mark.parametrize("offset", [0, 1])
def test_motion_tells_which_row_the_first_picture_belongs_to(tmp_path: Path, offset: int) -> None:
    T = shaky_walk(30)
    files = stray_files(T)
    files["rgb.mp4"] = encode(tmp_path / "v.mp4", [room_picture(pose) for pose in T[offset : 29 + offset]])
    files |= {name: b"damaged" for name in files if name.startswith("depth/") and int(name[6:12]) % 9 == 4}
    scan = capture(tmp_path, files)
    (problem,) = scan.problems
    assert problem.example == f"picture 0 belongs to row {offset}, as the motion shows"
    rows = np.flatnonzero(scan.table.has_image)
    assert rows.tolist() == list(range(offset, 29 + offset))
    for frame in scan.frames(rows.tolist()):
        image = frame.image()
        assert image is not None
        assert np.abs(image.astype(int) - room_picture(T[frame.row])).mean() < 4  # of 255; the codec's


def test_a_half_written_row_still_had_its_picture(tmp_path: Path) -> None:
    files = with_video(tmp_path, stray_files(), times=range(-1, 7))
    text = files["odometry.csv"]
    scan = capture(tmp_path, files | {"odometry.csv": text[:-40]})
    np.testing.assert_allclose(levels(scan)[1:], LEVELS[1:7], atol=2)
    assert levels(scan)[0] is None


def test_rows_after_the_end_of_a_cut_video_have_no_picture(tmp_path: Path) -> None:
    slow = stray_files() | {"odometry.csv": "\n".join(odometry(walk(8), rate=5)).encode()}
    scan = capture(tmp_path, with_video(tmp_path, slow, count=5))
    assert scan.table.has_image.tolist() == [True] * 5 + [False] * 3
    assert whats(scan) == ["video shorter than odometry.csv"]
    np.testing.assert_allclose(levels(scan)[:5], LEVELS[:5], atol=2)


def test_a_thinned_table_finds_its_pictures_by_frame_number(tmp_path: Path) -> None:
    scan = capture(tmp_path, with_video(tmp_path, stray_files(frames=range(0, 32, 4)), count=29))
    assert whats(scan) == ["rows left out of odometry.csv, pictures found by frame number"]
    np.testing.assert_allclose(levels(scan), LEVELS[:29:4], atol=2)


def test_frames_may_be_skipped_and_read_again(tmp_path: Path) -> None:
    scan = capture(tmp_path, with_video(tmp_path, stray_files()))
    for rows in ([1, 5], [0, 2, 7], [3]):
        images = [frame.image() for frame in scan.frames(rows)]
        np.testing.assert_allclose([image.mean() for image in images], [LEVELS[row] for row in rows], atol=2)


def test_without_images_no_video_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = capture(tmp_path, with_video(tmp_path, stray_files()))
    monkeypatch.setattr("recon.captures.video.Video.pictures", None)
    frames = list(scan.frames(range(8), with_images=False))
    assert [frame.image() for frame in frames] == [None] * 8
    assert all(frame.has_image for frame in frames)


@pytest.mark.parametrize("name", ["rgb.mov", "rgb.mp4"])
def test_clones_with_true_times_are_paired_by_time(tmp_path: Path, name: str) -> None:
    T = walk(8) @ OPENGL_FROM_OPENCV
    files = stray_files()
    lines = [line.replace(", 00000", ", ") for line in odometry(T)]
    files = {number.replace("/00000", "/"): data for number, data in files.items()}
    for row in range(8):
        files[f"confidence/{row}.png"] = png(np.full((72, 96), 255, np.uint8))
    files["odometry.csv"] = "\n".join(lines).encode()
    left_out = [0, 1, 3, 4, 6, 7]  # pictures 2 and 5 were left out by the busy encoder
    files[name] = encode(tmp_path / name, [flat(LEVELS[i], 96, 72) for i in left_out], times=left_out)
    scan = capture(tmp_path, files)
    assert np.flatnonzero(scan.table.has_image).tolist() == left_out
    seen = levels(scan)
    np.testing.assert_allclose([seen[row] for row in left_out], [LEVELS[row] for row in left_out], atol=2)
    assert whats(scan) == [CLONE, "picture left out of the video"]
    assert distance_from_walls(scan) < 2 * ROUNDING
    sensor = next(scan.frames([0])).sensor()
    assert sensor is not None
    assert sensor.confidence is not None
    assert (sensor.confidence == 2).all()


def test_a_mov_has_true_times_whatever_the_axes(tmp_path: Path) -> None:
    scan = capture(tmp_path, with_video(tmp_path, stray_files(), "rgb.mov", times=[0, 1, 2, 4, 5, 6, 7], count=7))
    assert scan.table.has_image.tolist() == [True] * 3 + [False] + [True] * 4


def test_each_row_takes_the_picture_within_half_a_step_and_each_picture_once() -> None:
    timestamp = np.array([50.0, 50.1, 50.2, 50.3, 50.305])
    nowhere = np.full((5, 4, 4), np.nan)
    table = Odometry(np.arange(5), timestamp, True, nowhere, np.ones((5, 4)), 5, ())
    pictures, (problem,) = pictures_by_time(table, np.array([0.01, 0.16, 0.3, 0.9]))
    assert pictures.tolist() == [0, -1, 1, 2, -1]
    assert (problem.count, problem.example) == (2, "frame 1")


def test_times_of_the_version_without_any_are_the_video_s(tmp_path: Path) -> None:
    times = [0, 1, 2, 4, 5, 6, 7, 9]
    scan = capture(tmp_path, with_video(tmp_path, stray_files(columns=7), times=times))
    np.testing.assert_allclose(scan.table.timestamp, np.array(times) / 60, atol=1e-4)


@pytest.mark.parametrize(
    ("video", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
        (b"\0\0\0\x18ftypmp42" + bytes(500), "cannot be opened as a video"),
        (b"", "cannot be opened as a video"),
    ],
)
def test_without_a_readable_video_the_geometry_remains(tmp_path: Path, video: bytes, reason: str) -> None:
    scan = capture(tmp_path, stray_files() | {"rgb.mp4": video})
    (problem,) = scan.problems
    assert (problem.what, problem.count, problem.effect) == ("video not readable, so no colour", 8, "noted")
    assert reason in problem.example
    assert not scan.table.has_image.any()
    assert distance_from_walls(scan) < 2 * ROUNDING


def test_no_video_is_noted(tmp_path: Path) -> None:
    (problem,) = capture(tmp_path, stray_files()).problems
    assert (problem.what, problem.count) == ("no video (rgb.mp4 or rgb.mov), so no colour", 8)


def test_closing_removes_the_extracted_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as file:
        for name, data in with_video(tmp_path, stray_files()).items():
            file.writestr(name, data)
    with StrayScanner(open_files(tmp_path / "scan.zip")) as scan:
        np.testing.assert_allclose(levels(scan), LEVELS[:8], atol=2)
        assert list((tmp_path / "temporary").iterdir())
    assert not list((tmp_path / "temporary").iterdir())
