from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_drive import CAMERA, MadeStreet, matrix_lines, street, write_generic, write_image, write_sweep
from made_room import whats

from recon.captures.base import LidarSweep
from recon.captures.drive import Drive
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.transforms import apply, invert, rigid, to_quaternion_xyzw

FRAMES = 5


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(FRAMES)


@pytest.fixture
def folder(made: MadeStreet, tmp_path: Path) -> Path:
    return write_generic(made, tmp_path / "mine")


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "calib.yaml").read_text()
    assert old in text
    (folder / "calib.yaml").write_text(text.replace(old, new))


def sweep_of(capture: Drive, row: int) -> LidarSweep:
    (frame,) = capture.frames([row])
    sweep = frame.sensor()
    assert isinstance(sweep, LidarSweep)
    return sweep


def assert_exact(capture: Drive, made: MadeStreet, poses: bool = True) -> None:
    assert len(capture) == FRAMES
    for row, frame in enumerate(capture.frames(range(FRAMES))):
        if poses:
            np.testing.assert_allclose(frame.T_world_camera, made.T_world_camera[row], atol=1e-6)
        np.testing.assert_array_equal(frame.image(), made.images[row])
        points = apply(made.T_camera_lidar, made.sweeps[row])
        np.testing.assert_allclose(sweep_of(capture, row).points, points, atol=1e-4)


@pytest.mark.parametrize(("poses_of", "up"), [("lidar", "z"), ("camera", "-y")])
def test_a_folder_comes_back_as_it_was_written(made: MadeStreet, tmp_path: Path, poses_of: str, up: str) -> None:
    with open_capture(write_generic(made, tmp_path / "mine", poses_of)) as capture:
        assert (capture.format, capture.name, capture.up, capture.problems) == ("drive folder", "mine", up, ())
        assert (capture.cameras, capture.table.index.tolist()) == (("front",), [0, 1, 2, 3, 4])
        np.testing.assert_allclose(capture.frames([0]).__next__().camera.K, CAMERA.K)
        assert_exact(capture, made)


def test_poses_of_a_body_need_the_place_of_the_lidar_on_it(folder: Path, made: MadeStreet) -> None:
    T_body_lidar = rigid(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([1.0, 0, 1.7]))
    T = made.T_world_lidar @ invert(T_body_lidar)
    np.savetxt(folder / "poses.txt", np.column_stack([made.timestamp, T[:, :3, 3], to_quaternion_xyzw(T)]))
    edit(folder, "poses_of: lidar", "poses_of: body")
    with pytest.raises(CaptureError, match="poses_of is body, so T_body_lidar is needed too"):
        open_capture(folder)
    for key, matrix in (("T_body_lidar", T_body_lidar), ("T_lidar_body", invert(T_body_lidar))):
        text = (folder / "calib.yaml").read_text()
        (folder / "calib.yaml").write_text(f"{text}{key}: {matrix.tolist()}\n")
        with open_capture(folder) as capture:
            assert_exact(capture, made)
        (folder / "calib.yaml").write_text(text)


def test_the_inverse_transform_under_its_own_name_does_too(folder: Path, made: MadeStreet) -> None:
    inverse = invert(made.T_camera_lidar).ravel().tolist()
    edit(folder, f"T_camera_lidar: {made.T_camera_lidar.ravel().tolist()}", f"T_lidar_camera: {inverse}")
    with open_capture(folder) as capture:
        assert_exact(capture, made)


def test_several_cameras_have_a_folder_and_a_transform_each(folder: Path, made: MadeStreet) -> None:
    turned = np.diag([-1.0, 1, -1, 1]) @ made.T_camera_lidar
    for number in range(FRAMES):
        name = f"{number:06d}.png"
        write_image(folder / "images" / "rear" / name, made.images[number])
        (folder / "images" / "left").mkdir(exist_ok=True)
        (folder / "images" / name).rename(folder / "images" / "left" / name)
    K = f"model: pinhole, width: 320, height: 112, K: [{CAMERA.fx}, {CAMERA.fy}, {CAMERA.cx}, {CAMERA.cy}]"
    cameras = "".join(
        f"  {name}: {{{K}, T_camera_lidar: {T.ravel().tolist()}}}\n"
        for name, T in (("left", made.T_camera_lidar), ("rear", turned))
    )
    (folder / "calib.yaml").write_text(f"cameras:\n{cameras}poses_of: lidar\n")
    with open_capture(folder) as capture:
        assert (capture.cameras, len(capture)) == (("left", "rear"), 2 * FRAMES)
        assert_exact(capture.select(["left"]), made)
        points = sweep_of(capture.select(["rear"]), 0).points
        np.testing.assert_allclose(points, apply(turned, made.sweeps[0]), atol=1e-4)


def test_pairs_are_found_by_time_and_points_moved_to_the_picture(folder: Path, made: MadeStreet) -> None:
    (folder / "images" / "000003.png").unlink()
    (folder / "lidar" / "000001.bin").unlink()
    np.savetxt(folder / "times_images.txt", 1e9 * (made.timestamp[[0, 1, 2, 4]] + 1.7e9), fmt="%d")
    np.savetxt(folder / "times_lidar.txt", made.timestamp[[0, 2, 3, 4]] + 1.7e9 + 0.02, fmt="%.9f")
    rows = np.loadtxt(folder / "poses.txt")
    rows[:, 0] += 1.7e9
    np.savetxt(folder / "poses.txt", rows, fmt="%.9f")
    with open_capture(folder) as capture:
        assert capture.table.index.tolist() == [0, 1, 2, 4]
        assert capture.table.has_depth.tolist() == [True, False, True, True]
        moved = sweep_of(capture, 2).points - apply(made.T_camera_lidar, made.sweeps[2])
        np.testing.assert_allclose(np.median(moved[:, 2]), 0.16, atol=0.01)  # 8 m/s for 20 ms


def test_without_times_names_pair_and_ten_frames_a_second_are_assumed(folder: Path, made: MadeStreet) -> None:
    for name in ("times_images.txt", "times_lidar.txt"):
        (folder / name).unlink()
    for number in (0, 1):
        (folder / "lidar" / f"{number:06d}.bin").unlink()
    with open_capture(folder) as capture:
        assert capture.table.has_depth.tolist() == [False, False, True, True, True]
        assert whats(capture) == {"no files of times, so ten frames a second are assumed": (1, "noted", "")}
        np.testing.assert_allclose(capture.table.T_world_camera, made.T_world_camera, atol=1e-6)


def test_names_that_differ_pair_in_natural_order_and_say_so(folder: Path, made: MadeStreet) -> None:
    for name in ("times_images.txt", "times_lidar.txt"):
        (folder / name).unlink()
    for number in range(FRAMES):
        (folder / "images" / f"{number:06d}.png").rename(folder / "images" / f"img{number + 8}.png")  # 8, 9, 10, 11, 12
    with open_capture(folder) as capture:
        assert_exact(capture, made)
        assert "names of sweeps and camera front differ, paired in order" in whats(capture)
    (folder / "lidar" / "000000.bin").unlink()
    with pytest.raises(CaptureError, match="5 pictures of camera front and 4 sweeps without names in common"):
        open_capture(folder)


def test_one_file_of_times_is_enough_where_names_agree(folder: Path, made: MadeStreet) -> None:
    for name in ("times_images.txt", "times_lidar.txt"):
        text = (folder / name).read_text()
        (folder / name).unlink()
        with open_capture(folder) as capture:
            assert_exact(capture, made)
        (folder / name).write_text(text)


def test_poses_by_line_belong_to_the_files_or_to_their_numbers(folder: Path, made: MadeStreet) -> None:
    (folder / "poses.txt").write_text(matrix_lines(made.T_world_lidar))
    with open_capture(folder) as capture:
        assert_exact(capture, made)
    np.savetxt(folder / "poses.txt", made.T_world_lidar.reshape(-1, 16))
    (folder / "lidar" / "000000.bin").unlink()  # five poses for the four files of 1 to 4
    np.savetxt(folder / "times_lidar.txt", made.timestamp[1:])
    with open_capture(folder) as capture:
        np.testing.assert_allclose(capture.table.T_world_camera[1:], made.T_world_camera[1:], atol=1e-6)
        assert whats(capture)["pose line without a file"] == (1, "noted", "frame 0")


def test_without_poses_the_frames_are_there_and_have_none(folder: Path, made: MadeStreet) -> None:
    (folder / "poses.txt").unlink()
    with pytest.raises(CaptureError, match="no poses.txt, which calib.yaml names"):
        open_capture(folder)
    edit(folder, "poses_file: poses.txt\n", "")
    with open_capture(folder) as capture:
        assert capture.trajectory is None
        assert_exact(capture, made, poses=False)


def test_poses_by_another_clock_are_one_sentence(folder: Path) -> None:
    rows = np.loadtxt(folder / "poses.txt")
    rows[:, 0] += 1.7e9
    np.savetxt(folder / "poses.txt", rows)
    with pytest.raises(CaptureError, match="poses from 1700000000.000 to .* but the files are from 0.000"):
        open_capture(folder)


def test_poses_of_no_use_are_left_out_and_counted(folder: Path) -> None:
    lines = (folder / "poses.txt").read_text().splitlines()
    broken = [
        lines[0].replace(" ", "\t"),
        "",
        "# t x y z qx qy qz qw",
        lines[1],
        lines[1],
        lines[2],
        "0.25 0 0 0 0 0 0 0",
    ]
    (folder / "poses.txt").write_text("\r\n".join([*broken, *lines[3:]]))
    with open_capture(folder) as capture:
        assert np.isfinite(capture.table.T_world_camera).all()
        assert whats(capture) == {"pose unusable or repeated": (2, "dropped", "poses.txt, line 5")}


@pytest.mark.parametrize(
    ("model", "D", "project"),
    [
        ("opencv", np.array([-0.25, 0.06, 0.001, -0.001]), cv2.projectPoints),
        ("fisheye", np.array([0.05, -0.01, 0.002, 0.0]), cv2.fisheye.projectPoints),
    ],
)
def test_the_lens_is_straightened(folder: Path, model: str, D: np.ndarray, project: Callable) -> None:
    """Points of space are seen where the pinhole camera that the reader gives projects them to."""
    distorted = np.zeros((112, 320, 3), np.uint8)
    xyz = np.array([[x, y, 10.0] for x in (-4.0, -1, 2, 4) for y in (-1.0, 1.0)])
    for u, v in project(xyz[:, None], np.zeros(3), np.zeros(3), CAMERA.K, D)[0].reshape(-1, 2):
        cv2.circle(distorted, (round(16 * u), round(16 * v)), 32, (255, 255, 255), -1, cv2.LINE_AA, 4)
    for number in range(FRAMES):
        write_image(folder / "images" / f"{number:06d}.png", distorted)
    edit(folder, "model: pinhole", f"model: {model}\n  D: {D.tolist()}")
    with open_capture(folder) as capture:
        (frame,) = capture.frames([0])
        image = frame.image()[..., 0].astype(float)
        assert image.shape == (112, 320)
        expected = xyz[:, :2] / xyz[:, 2:] * [frame.camera.fx, frame.camera.fy] + [frame.camera.cx, frame.camera.cy]
        for u, v in expected:
            left, top = round(u) - 6, round(v) - 6
            patch = image[top : top + 13, left : left + 13]
            rows, columns = np.mgrid[:13, :13]
            found = np.array([(patch * columns).sum(), (patch * rows).sum()]) / patch.sum() + [left, top]
            np.testing.assert_allclose(found, [u, v], atol=0.15)


def test_sweeps_as_measured_need_the_time_of_each_point(folder: Path) -> None:
    made = street(FRAMES, spinning=True)
    edit(folder, "deskewed: true", "deskewed: false")
    with open_capture(folder) as capture, pytest.raises(CaptureError, match=r"000000\.bin: no column time"):
        sweep_of(capture, 0)
    edit(folder, "[x, y, z, intensity]", "[x, y, z, time]")
    for number in range(FRAMES):
        write_sweep(folder / "lidar" / f"{number:06d}.bin", made.sweeps[number], made.seconds[number])
    with open_capture(folder) as capture:
        world = apply(made.T_world_camera[2], sweep_of(capture, 2).points.astype(np.float64))
    nearest_wall = np.abs(world[(world[:, 1] > 7.5) & (world[:, 1] < 8.5) & (world[:, 2] > 0.5), 1] - 8)
    assert np.percentile(nearest_wall, 95) < 0.01  # the fronts of the houses stand at y = 8


def test_the_nearest_range_is_the_users(folder: Path, made: MadeStreet) -> None:
    (folder / "calib.yaml").write_text((folder / "calib.yaml").read_text() + "min_range: 5.0\nup: unknown\n")
    with open_capture(folder) as capture:
        assert np.linalg.norm(capture.sweep(0), axis=1).min() >= 5
        assert capture.up == "unknown"


def test_pictures_of_half_the_stated_size_have_half_the_focal_length(folder: Path, made: MadeStreet) -> None:
    for number in range(FRAMES):
        write_image(folder / "images" / f"{number:06d}.png", made.images[number][::2, ::2])
    with open_capture(folder) as capture:
        (frame,) = capture.frames([0])
        np.testing.assert_allclose(frame.camera.K, CAMERA.resized(160, 56).K)


def millimetres(folder: Path, made: MadeStreet) -> None:
    for number in range(FRAMES):
        write_sweep(folder / "lidar" / f"{number:06d}.bin", 1000 * made.sweeps[number])


def far(folder: Path, made: MadeStreet) -> None:
    T = made.T_camera_lidar.copy()
    T[0, 3] = 50e3
    edit(folder, str(made.T_camera_lidar.ravel().tolist()), str(T.ravel().tolist()))


def huge(folder: Path, made: MadeStreet) -> None:
    edit(folder, str(made.T_camera_lidar.ravel().tolist()), str(["1e300"] * 16))


def scale_times(path: Path, factor: float, offset: float = 0.0) -> None:
    rows = np.loadtxt(path, ndmin=2)
    rows[:, 0] = factor * rows[:, 0] + offset
    np.savetxt(path, rows if rows.shape[1] > 1 else rows[:, 0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3\n", "lines of 3 numbers, so the drive has no poses"),
        ("", "lines of no numbers, so the drive has no poses"),
        ("1e300 " * 12 + "\n", "none of its 1 poses is usable, so the drive has no poses"),
    ],
)
def test_a_broken_file_of_poses_is_noted_and_the_drive_has_none(
    folder: Path, made: MadeStreet, text: str, words: str
) -> None:
    (folder / "poses.txt").write_text(text)
    with open_capture(folder) as capture:
        assert capture.trajectory is None
        assert any(what.startswith(f"poses.txt: {words}") for what in whats(capture))
        assert_exact(capture, made, poses=False)


def test_lines_of_poses_without_a_file_are_counted_once(folder: Path, made: MadeStreet) -> None:
    more = np.concatenate([made.T_world_lidar, np.repeat(made.T_world_lidar[-1:], 4, axis=0)])
    (folder / "poses.txt").write_text(matrix_lines(more))
    with open_capture(folder) as capture:
        assert whats(capture) == {"pose line without a file": (4, "noted", "frame 5")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder, made: edit(folder, "T_camera_lidar", "extrinsic"), "'extrinsic' is not known here"),
        (lambda folder, made: edit(folder, "  width: 320\n", ""), "no width; 1 number is needed"),
        (lambda folder, made: edit(folder, "width: 320", "width: 1.0e+300"), "no size of pictures"),
        (lambda folder, made: edit(folder, "width: 320", "width: -320"), "width is -320; it must be positive"),
        (lambda folder, made: edit(folder, "width: 320", f"width: 1{'0' * 400}"), "a finite number is needed"),
        (lambda folder, made: edit(folder, "width: 320", "width: abc"), "width is abc; a finite number is needed"),
        (lambda folder, made: edit(folder, "K: [180.0,", "K: [.nan,"), "K is .nan.*; finite numbers are needed"),
        (
            lambda folder, made: edit(folder, "K: [180.0,", "K: [1.0e+300,"),
            "focal lengths 1e.300 and 180 .* 320 pixels",
        ),
        (lambda folder, made: edit(folder, "K: [180.0,", "K: [0.5,"), "focal lengths 0.5 and 180"),
        (lambda folder, made: edit(folder, "width: 320", "width: 200"), "320x112, but the picture is 200x112"),
        (lambda folder, made: edit(folder, "K: [180.0,", "K: [0,"), "K is .*fx, fy, cx, cy or their 3x3"),
        (lambda folder, made: edit(folder, "K: [180.0,", "K: ["), "K is .*; 4 or 9 numbers are needed"),
        (lambda folder, made: edit(folder, "pinhole", "[pinhole]"), "model is .'pinhole'.; one of pinhole, opencv"),
        (lambda folder, made: edit(folder, "pinhole", "fisheye"), "no D; 4 numbers are needed"),
        (lambda folder, made: edit(folder, "pinhole", "pinhole\n  D: [0.1, 0]"), "D with model pinhole"),
        (lambda folder, made: edit(folder, "T_camera_lidar: [0.0", "T_camera_lidar: [2.0"), "is no rigid motion"),
        (lambda folder, made: edit(folder, "[0.0, -1.0,", "[0.0, 1.0,"), "mirrors space"),
        (lambda folder, made: edit(folder, "poses_of: lidar", "poses_of: imu"), r"poses_of is 'imu'; lidar, body or"),
        (lambda folder, made: edit(folder, "deskewed: true", "deskewed: maybe"), "true or false"),
        (lambda folder, made: edit(folder, "[x, y, z, intensity]", "[x, y]"), "lidar_columns is"),
        (lambda folder, made: edit(folder, "[x, y, z, intensity]", "[x, y, z, x]"), "names a column twice"),
        (lambda folder, made: edit(folder, "version: 1", "version: 2"), "version is 2; 1 is known"),
        (lambda folder, made: edit(folder, "version: 1", "version: 1\nup: down"), "up is 'down'"),
        (lambda folder, made: edit(folder, "version: 1", "\tversion: ["), "line 1: not readable as YAML"),
        (lambda folder, made: (folder / "calib.yaml").write_text("[" * 50_000), "not readable as YAML"),
        (lambda folder, made: (folder / "calib.yaml").write_text("!!python/object/apply:os.getcwd []"), "not readable"),
        (lambda folder, made: (folder / "calib.yaml").write_text("#" * 70_000), "more than any calibration"),
        (lambda folder, made: (folder / "calib.yaml").write_text(""), "calib.yaml: nothing where keys and values"),
        (far, "calib.yaml: T_camera_lidar places sensors 50000 m apart"),
        (huge, "calib.yaml: T_camera_lidar is no rigid motion"),
        (lambda folder, made: edit(folder, "camera:", "cameras:"), "above 4 cameras"),
        (
            lambda folder, made: edit(folder, "poses_file: poses.txt", "poses_file: ../../x"),
            "poses_file must lie inside the drive",
        ),
        (lambda folder, made: (folder / "times_lidar.txt").write_text("1\n2\n"), "has 2 lines for 5 files"),
        (
            lambda folder, made: (folder / "times_lidar.txt").write_text("x\n" * 5),
            "times_lidar.txt: none of its 5 lines",
        ),
        (
            lambda folder, made: scale_times(folder / "times_images.txt", 1e3),
            "times_images.txt: the median step .* 100 s",
        ),
        (lambda folder, made: scale_times(folder / "times_images.txt", 1e-3), "times_images.txt: .* 0.0001 s, outside"),
        (lambda folder, made: scale_times(folder / "times_lidar.txt", 1, 1.7e12), "up to 1.7e.12 are no seconds"),
        (lambda folder, made: scale_times(folder / "poses.txt", 1e3), "poses.txt: the median step"),
        (millimetres, "half of the LiDAR's points lie within"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    folder: Path, made: MadeStreet, change: Callable[[Path, MadeStreet], object], words: str
) -> None:
    change(folder, made)
    with pytest.raises(CaptureError, match=words):
        open_capture(folder)


def test_no_sweeps_that_can_be_read_is_one_sentence(folder: Path) -> None:
    for path in (folder / "lidar").iterdir():
        path.rename(path.with_suffix(".laz"))
    with pytest.raises(CaptureError, match="no sweeps .* among 5 files in lidar"):
        open_capture(folder)


def test_numbers_may_be_written_as_computers_do(folder: Path, made: MadeStreet) -> None:
    edit(folder, "width: 320", "width: 3.2e2")
    edit(folder, "K: [180.0, 180.0,", "K: [1.8e2, 18e1,")  # which YAML 1.1 takes for words
    with open_capture(folder) as capture:
        assert_exact(capture, made)
