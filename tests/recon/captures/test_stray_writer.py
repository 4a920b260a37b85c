import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.captures.writers.stray_scanner import WrittenFrame, write_stray_scanner
from recon.errors import UsageError
from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid

CAMERA = Camera.from_focal(96, 64, 80.0, 81.0, 46.5, 30.25)
COUNT = 90  # more than the encoder holds back before it writes


def made_frames(count: int = COUNT, with_image: bool = True) -> Iterator[WrittenFrame]:
    """Each frame has a bright square at another place, its own pose, intrinsics and depth."""
    rng = np.random.default_rng(0)
    for row in range(count):
        image = np.full((64, 96, 3), (40, 90, 160), np.uint8)
        image[16:48, row % 72 : row % 72 + 24] = (230, 60, 20)
        camera = Camera.from_focal(96, 64, 80.0 + row, 81.0, 46.5, 30.25)
        pose = rigid(Rotation.random(rng=row).as_matrix(), rng.normal(0, 2, 3))
        depth = rng.uniform(0.2, 6.0, (12, 16)).astype(np.float32)
        confidence = rng.integers(0, 3, (12, 16)).astype(np.uint8)
        yield WrittenFrame(pose, camera, image if with_image else None, depth, confidence)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stray") / "scan"
    write_stray_scanner(folder, made_frames(), fps=5, crf=12)
    return folder


def rows_of(capture: Path) -> list[dict[str, str]]:
    with (capture / "odometry.csv").open(newline="") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def decoded(capture: Path) -> list[np.ndarray]:
    with av.open(str(capture / "rgb.mp4")) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_header_is_the_apps_newest_and_rows_end_in_two_empty_columns(capture: Path) -> None:
    lines = (capture / "odometry.csv").read_text().splitlines()
    assert lines[0] == (
        "timestamp, frame, x, y, z, qx, qy, qz, qw, fx, fy, cx, cy, distortion_center_x, distortion_center_y"
    )
    assert len(lines) == COUNT + 1
    assert all(line.endswith(", , ") and line.count(",") == 14 for line in lines[1:])
    assert lines[3].split(", ")[1] == "000002"


def test_poses_come_back_as_camera_to_world_in_opencv_axes(capture: Path) -> None:
    for row, frame in zip(rows_of(capture), made_frames(), strict=True):
        rotation = Rotation.from_quat([float(row[key]) for key in ("qx", "qy", "qz", "qw")]).as_matrix()
        np.testing.assert_allclose(rotation, frame.T_world_camera[:3, :3], atol=1e-14)  # float64 rounding
        position = [float(row[key]) for key in "xyz"]
        np.testing.assert_array_equal(position, frame.T_world_camera[:3, 3])


def test_intrinsics_count_from_the_corner_of_the_first_pixel(capture: Path) -> None:
    row = rows_of(capture)[4]
    assert [float(row[key]) for key in ("fx", "fy", "cx", "cy")] == [84.0, 81.0, 47.0, 30.75]
    text = (capture / "camera_matrix.csv").read_text()
    matrix = np.array([line.split(", ") for line in text.split("\n")], float)
    np.testing.assert_array_equal(matrix, [[80.0 + COUNT - 1, 0, 47.0], [0, 81.0, 30.75], [0, 0, 1]])


def test_rows_follow_one_another_at_the_apps_rate(capture: Path) -> None:
    times = np.array([float(row["timestamp"]) for row in rows_of(capture)])
    np.testing.assert_allclose(np.diff(times), 0.2, atol=1e-12)


def test_depth_is_whole_millimetres_and_confidence_unchanged(capture: Path) -> None:
    for row, frame in enumerate(made_frames()):
        depth_mm = cv2.imread(str(capture / "depth" / f"{row:06d}.png"), cv2.IMREAD_UNCHANGED)
        assert depth_mm.dtype == np.uint16
        assert frame.depth is not None
        np.testing.assert_allclose(depth_mm / 1000, frame.depth, atol=0.00050001)  # half a millimetre
        confidence = cv2.imread(str(capture / "confidence" / f"{row:06d}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(confidence, frame.confidence)


def test_video_frame_k_is_row_k_in_two_decoders(capture: Path) -> None:
    images = decoded(capture)
    assert len(images) == COUNT
    for row, image in enumerate(images):
        red = image[32, :, 0].astype(int) - image[32, :, 2]
        square = np.flatnonzero(red > 50)
        assert abs(square.mean() - (row % 72 + 11.5)) < 1.5
    video = cv2.VideoCapture(str(capture / "rgb.mp4"))
    seen = 0
    while video.read()[0]:
        seen += 1
    assert seen == COUNT


def test_colours_survive_the_video(capture: Path) -> None:
    for image, frame in zip(decoded(capture), made_frames(), strict=True):
        assert frame.image is not None
        difference = np.abs(image.astype(int) - frame.image)
        assert np.median(difference, axis=(0, 1)).max() <= 3  # limited range and chroma at half resolution
        assert difference.mean() < 4


def test_a_zip_holds_one_folder_with_the_apps_files(tmp_path: Path) -> None:
    write_stray_scanner(tmp_path / "kitchen.zip", made_frames(2), fps=60)
    with zipfile.ZipFile(tmp_path / "kitchen.zip") as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    whole = {"rgb.mp4", "camera_matrix.csv", "odometry.csv", "imu.csv"}
    numbered = {f"{kind}/00000{row}.png" for kind in ("depth", "confidence") for row in range(2)}
    assert names == {f"kitchen/{name}" for name in whole | numbered}
    assert [path.name for path in tmp_path.iterdir()] == ["kitchen.zip"]


def test_without_images_the_intrinsics_are_those_of_the_apps_video(tmp_path: Path) -> None:
    write_stray_scanner(tmp_path / "scan", made_frames(2, with_image=False), fps=30)
    assert not (tmp_path / "scan" / "rgb.mp4").exists()
    row = rows_of(tmp_path / "scan")[0]
    np.testing.assert_allclose(float(row["fx"]), 80.0 * 1920 / 96)
    np.testing.assert_allclose(float(row["cx"]), 47.0 * 1920 / 96)


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[WrittenFrame]:
        yield from made_frames(3)
        raise RuntimeError("the camera fell into the sea")

    with pytest.raises(RuntimeError, match="sea"):
        write_stray_scanner(tmp_path / "scan.zip", failing())
    assert list(tmp_path.iterdir()) == []


def test_a_frame_is_asked_for_only_after_the_one_before_was_written(tmp_path: Path) -> None:
    written = []

    def watching() -> Iterator[WrittenFrame]:
        for frame in made_frames(4):
            written.append(len(list(tmp_path.glob(".scan.*/scan/depth/*.png"))))
            yield frame

    write_stray_scanner(tmp_path / "scan", watching())
    assert written == [0, 1, 2, 3]


def test_what_stands_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "scan.zip").write_text("precious")
    with pytest.raises(UsageError, match=r"scan\.zip: exists already"):
        write_stray_scanner(tmp_path / "scan.zip", made_frames(1))
    assert (tmp_path / "scan.zip").read_text() == "precious"


@pytest.mark.parametrize(
    ("depth", "words"), [(np.nan, "finite"), (-0.1, "within 0"), (70.0, r"65\.535")], ids=["nan", "negative", "far"]
)
def test_depth_that_the_format_cannot_hold_is_refused(tmp_path: Path, depth: float, words: str) -> None:
    frame = WrittenFrame(np.eye(4), CAMERA, None, np.full((3, 4), depth, np.float32))
    with pytest.raises(ValueError, match=words):
        write_stray_scanner(tmp_path / "scan", [frame])


def test_frames_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    with_image = next(made_frames(1))
    without = next(made_frames(1, with_image=False))
    with pytest.raises(ValueError, match="frame 1: either all"):
        write_stray_scanner(tmp_path / "a", [with_image, without])
    with pytest.raises(ValueError, match="at least one frame"):
        write_stray_scanner(tmp_path / "b", [])
    with pytest.raises(ValueError, match="fps is 24"):
        write_stray_scanner(tmp_path / "c", [with_image], fps=24)
    assert list(tmp_path.iterdir()) == []
