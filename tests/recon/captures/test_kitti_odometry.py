import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from made_drive import CAMERA, MadeStreet, matrix_lines, street, write_image, write_kitti_odometry
from made_room import whats

from recon.captures.archive import open_files
from recon.captures.kitti_odometry import KittiOdometry
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.transforms import apply, invert, rigid

FRAMES = 5


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(FRAMES)


@pytest.fixture
def root(made: MadeStreet, tmp_path: Path) -> Path:
    return write_kitti_odometry(made, tmp_path / "kitti")


@pytest.fixture
def sequence(root: Path) -> Path:
    return root / "dataset" / "sequences" / "00"


def assert_exact(capture: KittiOdometry, made: MadeStreet, rows: list[int] | None = None) -> None:
    """Poses (but for the world), pictures and points are those that were written."""
    T = capture.table.T_world_camera
    for frame in capture.frames(range(len(capture))):
        number = frame.index
        first = int(capture.table.index[0])
        np.testing.assert_allclose(
            invert(T[0]) @ T[frame.row], invert(made.T_world_camera[first]) @ made.T_world_camera[number], atol=1e-9
        )
        np.testing.assert_array_equal(frame.image(), made.images[number])
        points = apply(made.T_camera_lidar, made.sweeps[number])
        np.testing.assert_allclose(frame.sensor().points, points, atol=1e-5)


def test_a_sequence_comes_back_as_it_was_written(root: Path, made: MadeStreet) -> None:
    with open_capture(root) as capture:
        assert (capture.format, capture.name, capture.up, capture.problems) == ("KITTI odometry", "kitti", "-y", ())
        assert capture.cameras == ("front",)
        np.testing.assert_allclose(capture.table.timestamp, made.timestamp, atol=1e-6)
        assert_exact(capture, made)
        (frame,) = capture.frames([0])
        np.testing.assert_allclose(frame.camera.K, CAMERA.K, rtol=1e-9)


def test_the_world_is_that_of_camera_0_which_lies_beside_the_colour_camera(root: Path) -> None:
    with open_capture(root) as capture:  # T_camera_cam0 moves by (0.06, 0.001, 0.003)
        np.testing.assert_allclose(capture.table.T_world_camera[0, :3, 3], [-0.06, -0.001, -0.003], atol=1e-9)


def test_a_zip_and_a_sequence_named_alone_are_the_same(root: Path, sequence: Path, made: MadeStreet) -> None:
    archive = root.parent / "kitti.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(root.rglob("*")):
            file.write(path, path.relative_to(root.parent))
    for place in (archive, sequence, root / "dataset" / "sequences"):
        with open_capture(place) as capture:
            assert capture.problems == ()
            assert_exact(capture, made)


def test_a_flattened_copy_has_its_poses_beside_the_sweeps(root: Path, sequence: Path, made: MadeStreet) -> None:
    shutil.move(root / "dataset" / "poses" / "00.txt", sequence / "poses.txt")
    flat = sequence.rename(root.parent / "flat")
    with open_capture(flat) as capture:
        assert capture.problems == ()
        assert_exact(capture, made)


def test_without_poses_the_frames_are_there_and_have_none(sequence: Path, made: MadeStreet) -> None:
    with open_capture(sequence.rename(sequence.parents[2] / "flat")) as capture:
        assert capture.trajectory is None
        assert np.isnan(capture.table.T_world_camera).all()
        assert capture.table.has_depth.all()


def test_all_cameras_make_rows_and_grey_becomes_rgb(sequence: Path, made: MadeStreet) -> None:
    for camera in (0, 1, 3):
        write_image(sequence / f"image_{camera}" / "000002.png", made.images[2][..., :1].repeat(3, axis=-1))
    with open_capture(sequence) as capture:
        assert capture.cameras == ("front", "front_right", "grey_left", "grey_right")
        assert capture.table.camera_name.count("front") == FRAMES
        assert len(capture) == FRAMES + 3
        (frame,) = capture.select(["grey_left"]).frames([0])
        assert frame.index == 2
        np.testing.assert_array_equal(frame.image()[..., 2], made.images[2][..., 0])
        np.testing.assert_allclose(capture.select(["grey_left"]).trajectory.at(np.zeros(1))[0], np.eye(4), atol=1e-9)


def test_there_is_a_front_camera_where_grey_alone_was_fetched(sequence: Path, made: MadeStreet) -> None:
    (sequence / "image_2").rename(sequence / "image_0")
    with open_capture(sequence) as capture:
        assert capture.cameras == ("front",)
        np.testing.assert_allclose(capture.table.T_world_camera[0], np.eye(4), atol=1e-9)


def test_the_keys_of_the_object_benchmark_do_too(sequence: Path, made: MadeStreet) -> None:
    turn = rigid(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.zeros(3))
    lines = (sequence / "calib.txt").read_text().splitlines()
    Tr = np.eye(4)
    Tr[:3] = np.array([float(word) for word in lines[4].split()[1:]]).reshape(3, 4)
    rotation = " ".join(str(value) for value in turn[:3, :3].ravel())
    lines[4:] = [f"R0_rect: {rotation}", f"Tr_velo_to_cam: {matrix_lines((invert(turn) @ Tr)[None])}"]
    (sequence / "calib.txt").write_text("\n".join(lines))
    with open_capture(sequence) as capture:
        assert_exact(capture, made)


def test_numbers_in_names_choose_the_lines_of_times_and_poses(sequence: Path, made: MadeStreet) -> None:
    for number in (0, 1, 3):
        (sequence / "velodyne" / f"{number:06d}.bin").unlink()
    for number in (0, 1):
        (sequence / "image_2" / f"{number:06d}.png").unlink()
    with open_capture(sequence) as capture:
        assert capture.table.index.tolist() == [2, 3, 4]
        assert capture.table.has_depth.tolist() == [True, False, True]
        assert whats(capture) == {"sweep missing": (1, "noted", "frame 3")}
        (frame,) = capture.frames([2])
        np.testing.assert_allclose(frame.sensor().points, apply(made.T_camera_lidar, made.sweeps[4]), atol=1e-5)


def test_fewer_poses_and_times_than_frames_are_counted(root: Path, sequence: Path) -> None:
    for path, kept in ((root / "dataset" / "poses" / "00.txt", 3), (sequence / "times.txt", 4)):
        path.write_text("\n".join(path.read_text().splitlines()[:kept]))
    with open_capture(root) as capture:
        assert np.isfinite(capture.table.T_world_camera).all(axis=(1, 2)).tolist() == [True, True, True, False]
        assert whats(capture) == {
            "frame without a pose": (1, "noted", "frame 3"),
            "picture of camera front without a time": (1, "dropped", "sequences/00/image_2/000004.png"),
            "sweep without a time": (1, "dropped", "sequences/00/velodyne/000004.bin"),
        }


def test_without_times_ten_frames_a_second_are_assumed(sequence: Path) -> None:
    (sequence / "times.txt").unlink()
    with open_capture(sequence) as capture:
        np.testing.assert_allclose(capture.table.timestamp, np.arange(FRAMES) / 10)
        assert list(whats(capture)) == ["no times.txt, so ten frames a second are assumed"]


def test_times_that_do_not_rise_and_empty_lines_cost_their_frames_alone(sequence: Path) -> None:
    (sequence / "times.txt").write_text("0.0\n\n0.2\n0.2\n0.4\n\n")
    with open_capture(sequence) as capture:
        assert capture.table.index.tolist() == [0, 2, 4]
        assert whats(capture)["picture of camera front not later than the one before"][0] == 1


@pytest.mark.parametrize("line", ["", "nan " * 12, "1 0 0", "2 " * 12, "1,0 " * 12, "inf " * 12])
def test_a_pose_of_no_use_costs_its_line_alone(root: Path, line: str) -> None:
    path = root / "dataset" / "poses" / "00.txt"
    lines = path.read_text().splitlines()
    lines[4] = line + ("" if line else "\n# end")
    path.write_text("\n".join(lines))
    with open_capture(root) as capture:
        assert np.isfinite(capture.table.T_world_camera).all(axis=(1, 2)).tolist() == [True] * 4 + [False]


def test_the_same_text_with_a_mark_tabs_and_carriage_returns(root: Path, sequence: Path, made: MadeStreet) -> None:
    for path in (root / "dataset" / "poses" / "00.txt", sequence / "times.txt", sequence / "calib.txt"):
        text = path.read_text().replace(" ", " \t").replace("\n", "  \r\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    with open_capture(root) as capture:
        assert (len(capture), capture.problems) == (FRAMES, ())
        assert_exact(capture, made)
    text = (sequence / "calib.txt").read_text("utf-8-sig")
    (sequence / "calib.txt").write_text("calib_time: 09-Jan-2012 14:00:15\n" + text)
    with open_capture(sequence) as capture:
        assert (len(capture), capture.problems) == (FRAMES, ())
        assert_exact(capture, made)


def test_a_mirrored_pose_is_one_sentence(root: Path) -> None:
    path = root / "dataset" / "poses" / "00.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 -1 0\n" * FRAMES)
    with pytest.raises(CaptureError, match="poses/00.txt, line 1: its pose mirrors space"):
        open_capture(root)


@pytest.mark.parametrize("text", ["", "nan\n", "1 0 0 0 0 1 0 0 0 0 2 0\n" * FRAMES, "1e300 " * 12])
def test_poses_of_which_none_is_usable_are_noted_and_the_drive_has_none(root: Path, text: str) -> None:
    (root / "dataset" / "poses" / "00.txt").write_text(text)
    with open_capture(root) as capture:
        assert capture.trajectory is None
        ((what, (count, _, _)),) = whats(capture).items()
        assert what.startswith("poses/00.txt: none of its ")
        assert "the drive has no poses" in what
        assert (count, len(capture)) == (1, FRAMES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "none of its 0 lines is a time"),
        ("x\n" * FRAMES, "none of its 5 lines is a time"),
        ("0\n100\n200\n300\n400\n", "the median step between its times is 100 s"),
        ("0\n1e-4\n2e-4\n", "the median step between its times is 0.0001 s"),
        ("1.7e15\n1.7001e15\n", "are no seconds"),
    ],
)
def test_times_that_can_be_none_of_frames_are_named(sequence: Path, text: str, words: str) -> None:
    (sequence / "times.txt").write_text(text)
    with pytest.raises(CaptureError, match=f"times.txt: .*{words}"):
        open_capture(sequence)


def entry(text: str, key: str, place: int, value: float) -> str:
    """The calibration with another number in one line."""
    lines = [line.split() for line in text.splitlines()]
    for words in lines:
        if words[0] == f"{key}:":
            words[1 + place] = repr(value)
    return "\n".join(map(" ".join, lines))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("Tr:", "Te:"), "calib.txt: no Tr, .* has P0, P1, P2, P3, Te"),
        (lambda text: text[:-40], "calib.txt, Tr is missing or has not 12 numbers"),
        (lambda text: text.replace("P2:", "Q2:"), "P2 is missing"),
        (
            lambda text: "\n".join(line if line[:2] != "Tr" else "Tr: " + "2 " * 12 for line in text.splitlines()),
            "rigid",
        ),
        (lambda text: entry(text, "Tr", 3, 5e4), "calib.txt, Tr places sensors 50000 m apart"),
        (lambda text: entry(text, "Tr", 0, 1e300), "calib.txt, Tr is no rigid motion"),
        (lambda text: entry(text, "P2", 3, 1e7), "calib.txt, P2 places sensors"),
        (lambda text: entry(text, "P2", 0, 7e300), "focal lengths 7e.300 and .* 320 pixels wide"),
        (lambda text: "", "calib.txt: no Tr, which places the LiDAR; it has no numbers"),
    ],
)
def test_broken_calibration_is_one_sentence(sequence: Path, change: object, words: str) -> None:
    (sequence / "calib.txt").write_text(change((sequence / "calib.txt").read_text()))
    with pytest.raises(CaptureError, match=words):
        open_capture(sequence)


def test_a_missing_calibration_is_named(sequence: Path) -> None:
    (sequence / "calib.txt").unlink()
    with pytest.raises(CaptureError, match="no calib.txt; fetch KITTI's odometry calibration"):
        open_capture(sequence)


def test_sweeps_that_were_not_fetched_are_named(sequence: Path) -> None:
    shutil.rmtree(sequence / "velodyne")
    with pytest.raises(CaptureError, match="no sweeps in velodyne"):
        open_capture(sequence)


def test_pictures_of_another_size_than_the_calibration_are_one_sentence(sequence: Path, made: MadeStreet) -> None:
    for path in (sequence / "image_2").iterdir():
        write_image(path, made.images[0][::2, ::2])
    with pytest.raises(CaptureError, match="do not fit pictures of 160x56"):
        open_capture(sequence)


def test_several_sequences_are_one_sentence(root: Path, made: MadeStreet) -> None:
    write_kitti_odometry(made, root, sequence="07")
    with pytest.raises(CaptureError, match=r"2 captures inside \(sequences/00, sequences/07\)"):
        open_capture(root)
    with open_capture(root / "dataset" / "sequences" / "07") as capture:
        assert (capture.name, capture.problems) == ("07", ())
        assert np.isfinite(capture.table.T_world_camera).all()


def test_of_several_sequences_the_only_one_with_sweeps_is_taken(root: Path, made: MadeStreet) -> None:
    other = write_kitti_odometry(made, root, sequence="07") / "dataset" / "sequences" / "07"
    shutil.rmtree(other / "velodyne")
    with open_capture(root) as capture:
        assert_exact(capture, made)


def damage(path: Path, kind: str) -> None:
    data = path.read_bytes()
    if kind == "cut":
        path.write_bytes(data[:-7])
    elif kind == "text":
        path.write_bytes(bytes(byte if byte < 128 else ord("?") for byte in data))
    elif kind == "utf-8":
        path.write_bytes(data.decode("utf-8", errors="replace").encode()[: len(data) // 16 * 16])
    elif kind == "pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    elif kind == "shifted":
        path.write_bytes(data[2:] + data[:2])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("cut", "no whole number of points of 4 float32 values"),
        ("text", "converted as if they were text"),
        ("utf-8", "converted as if they were text"),
        ("pointer", "Git LFS"),
        ("shifted", "lie more than 1000 m away"),
    ],
)
def test_a_damaged_sweep_fails_for_its_frame_alone(sequence: Path, made: MadeStreet, kind: str, words: str) -> None:
    damage(sequence / "velodyne" / "000001.bin", kind)
    with open_capture(sequence) as capture:
        first, second = capture.frames([0, 1])
        assert len(first.sensor().points) == len(made.sweeps[0])
        with pytest.raises(CaptureError, match=f"000001.bin.*{words}"):
            second.sensor()


def test_empty_sweeps_and_points_that_are_none_leave_the_others(sequence: Path, made: MadeStreet) -> None:
    (sequence / "velodyne" / "000000.bin").write_bytes(b"")
    path = sequence / "velodyne" / "000001.bin"
    path.write_bytes(np.array([[np.nan] * 4, [0] * 4, [1, 0, 0, 0.5]], "<f4").tobytes() + path.read_bytes())
    with open_capture(sequence) as capture:
        first, second = capture.frames([0, 1])
        assert len(first.sensor().points) == 0
        np.testing.assert_allclose(second.sensor().points, apply(made.T_camera_lidar, made.sweeps[1]), atol=1e-5)


def test_a_damaged_picture_fails_for_its_frame_alone(sequence: Path) -> None:
    (sequence / "image_2" / "000000.png").write_bytes(b"\x89PNG")
    with open_capture(sequence) as capture:
        first, second = capture.frames([0, 1])
        with pytest.raises(CaptureError, match="000000.png"):
            first.image()
        assert second.image() is not None


def test_system_files_in_between_change_nothing(sequence: Path, made: MadeStreet) -> None:
    (sequence / "velodyne" / "._000001.bin").write_bytes(b"\0" * 64)
    (sequence / "image_2" / ".DS_Store").write_bytes(b"\0" * 64)
    with open_capture(sequence) as capture:
        assert_exact(capture, made)


def test_the_object_benchmark_is_told_apart(sequence: Path) -> None:
    (sequence / "calib.txt").unlink()
    (sequence / "calib").mkdir()
    (sequence / "calib" / "000000.txt").write_text("P0: 1\n")
    with pytest.raises(CaptureError, match="object benchmark"):
        KittiOdometry(open_files(sequence))
