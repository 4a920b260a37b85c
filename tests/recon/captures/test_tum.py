from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_room import distance_from_walls, jpg, png, room_depth, walk, whats

from recon.captures.archive import open_files
from recon.captures.tum import Tum, nearest_times
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.transforms import to_quaternion_xyzw

FREIBURG3 = Camera.from_focal(640, 480, 535.4, 539.2, 320.1, 247.6)
SMALL = FREIBURG3.resized(160, 120)  # saves time; intrinsics are scaled to the pictures
ROUNDING = 0.0002  # metres: half of 1/5000 along a ray 1.5 times as long
SECONDS = 1_305_031_102.0  # as the sequences begin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sequence whose colour lags by 8 ms, whose poses lead by 3 ms and come three times as often."""
    folder = tmp_path / "rgbd_dataset_freiburg3_made"
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    lists = {
        "rgb.txt": ["# color images"],
        "depth.txt": ["# depth maps"],
        "groundtruth.txt": ["# tx ty tz qx qy qz qw"],
    }
    for row, T_world_camera in enumerate(walk(4)):
        time = SECONDS + row / 30
        depth = np.round(room_depth(T_world_camera, SMALL) * 5000).astype(np.uint16)
        (folder / f"depth/{time:.6f}.png").write_bytes(png(depth))
        (folder / f"rgb/{time + 0.008:.6f}.png").write_bytes(jpg(160, 120, level=10 * row))
        lists["depth.txt"].append(f"{time:.6f} depth/{time:.6f}.png")
        lists["rgb.txt"].append(f"{time + 0.008:.6f} rgb/{time + 0.008:.6f}.png")
        numbers = [*T_world_camera[:3, 3], *to_quaternion_xyzw(T_world_camera)]
        pose = " ".join(f"{number:.9f}" for number in numbers)
        lists["groundtruth.txt"] += [f"{time - 0.003:.4f} {pose}", f"{time + 0.01:.4f} 9 9 9 0 0 0 1"]
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def open_(folder: Path) -> Tum:
    files = open_files(folder)
    assert Tum.claims(files)
    return Tum(files)


def edit(path: Path, line: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")


def test_depth_lands_on_the_walls(folder: Path) -> None:
    capture = open_(folder)
    assert capture.problems == ()
    assert distance_from_walls(capture) < ROUNDING
    assert [round(float(frame.image().mean()) / 10) for frame in capture.frames(range(4))] == [0, 1, 2, 3]


def test_the_unit_is_a_five_thousandth_of_a_metre(folder: Path) -> None:
    stored = np.full((120, 160), 7500, np.uint16)
    stored[0, 0] = 0
    next(iter(sorted(folder.glob("depth/*")))).write_bytes(png(stored))
    (frame,) = open_(folder).frames([0])
    np.testing.assert_allclose(frame.sensor().depth[0, :2], [0, 1.5], rtol=1e-6)


TIMES = st.lists(st.integers(0, 400), max_size=30, unique=True).map(lambda ms: np.array(sorted(ms)) / 1000)


@given(TIMES, TIMES)
def test_partners_are_near_and_each_used_once(times: np.ndarray, others: np.ndarray) -> None:
    partner = nearest_times(times, others)
    used = partner[partner >= 0]
    assert len(set(used.tolist())) == len(used)
    assert (np.abs(times[partner >= 0] - others[used]) <= 0.02).all()


@given(TIMES, TIMES)
def test_no_two_that_are_left_over_are_nearer_than_what_they_lost_to(times: np.ndarray, others: np.ndarray) -> None:
    partner = nearest_times(times, others)
    gap_of_other = np.full(len(others), np.inf)
    gap_of_other[partner[partner >= 0]] = np.abs(times[partner >= 0] - others[partner[partner >= 0]])
    for time in times[partner < 0]:
        right = int(np.searchsorted(others, time))
        for other in range(max(right - 1, 0), min(right + 1, len(others))):  # its neighbours on either side
            gap = abs(time - others[other])
            assert gap > 0.02 or gap >= gap_of_other[other] - 1e-9


def test_two_near_one_share_it_not() -> None:
    assert nearest_times(np.array([0.0, 0.015]), np.array([0.010])).tolist() == [-1, 0]


def test_what_has_no_partner_within_20_ms_is_counted(folder: Path) -> None:
    edit(folder / "rgb.txt", 3, f"{SECONDS + 1 / 30 + 0.025:.6f} rgb/late.png")
    lines = (folder / "groundtruth.txt").read_text().splitlines()
    (folder / "groundtruth.txt").write_text("\n".join(lines[:-2]) + "\n")
    capture = open_(folder)
    assert np.isnan(capture.table.T_world_camera[:, 0, 0]).tolist() == [False, False, False, True]
    assert capture.table.has_image.tolist() == [True, False, True, True]
    assert whats(capture) == {
        "depth map without a pose within 20 ms": (1, "noted", "frame 3"),
        "depth map without colour within 20 ms": (1, "noted", "frame 1"),
        "colour without a depth map within 20 ms": (1, "dropped", "rgb/late.png"),
    }


def test_listed_files_that_are_missing_are_counted(folder: Path) -> None:
    images, depths = sorted(folder.glob("rgb/*")), sorted(folder.glob("depth/*"))
    images[1].unlink()
    depths[2].unlink()
    capture = open_(folder)
    assert capture.table.has_image.tolist() == [True, False, True, True]
    assert capture.table.has_depth.tolist() == [True, True, False, True]
    assert whats(capture) == {
        "depth file missing": (1, "noted", f"depth/{depths[2].name}"),
        "colour file missing": (1, "noted", f"rgb/{images[1].name}"),
    }


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "C:\\secret.png"])
def test_names_that_lead_out_of_the_capture_are_missing_files(folder: Path, name: str) -> None:
    (folder.parent / "secret.png").write_bytes(b"")
    edit(folder / "depth.txt", 2, f"{SECONDS:.6f} {name}")
    capture = open_(folder)
    assert not capture.table.has_depth[0]
    assert whats(capture)["depth file missing"][0] == 1


def test_rows_in_disorder_are_sorted_and_repeated_times_dropped(folder: Path) -> None:
    header, first, second, *rest = (folder / "depth.txt").read_text().splitlines()
    (folder / "depth.txt").write_text(
        "\r\n".join(["\ufeff" + header, second, first.replace(" ", "\t"), "", *rest, rest[0]]), "utf-8"
    )
    capture = open_(folder)
    assert whats(capture) == {
        "time repeated in a list": (1, "dropped", "depth.txt, entry 5"),
        "time goes backwards in a list": (2, "repaired", "depth.txt, entry 2"),
    }
    assert (np.diff(capture.table.timestamp) > 0).all()
    assert distance_from_walls(capture) < ROUNDING


def test_a_last_line_cut_short_is_dropped(folder: Path) -> None:
    path = folder / "groundtruth.txt"
    path.write_text(path.read_text() + f"{SECONDS + 1:.4f} 1.0 2.")
    assert whats(open_(folder)) == {"last line of a list cut short": (1, "dropped", "groundtruth.txt, line 10")}


@pytest.mark.parametrize(
    ("name", "line", "text", "words"),
    [
        ("groundtruth.txt", 3, "1305031102,1 1,5 0 0 0 0 0 1", r"line 3: '1305031102,1 .* decimal points"),
        ("groundtruth.txt", 2, "1305031102.1 1 2 3", r"line 2: .* is not a time and seven numbers"),
        ("depth.txt", 2, "1305031102.1", r"depth\.txt, line 2: '1305031102\.1' is not a time and a file name"),
        ("rgb.txt", 2, "nan rgb/1.png", r"rgb\.txt, line 2: 'nan rgb/1\.png' is not"),
    ],
)
def test_a_broken_line_is_named(folder: Path, name: str, line: int, text: str, words: str) -> None:
    edit(folder / name, line, text)
    with pytest.raises(CaptureError, match=words):
        open_(folder)


@pytest.mark.parametrize(
    ("name", "words"), [("depth.txt", "no frames in the capture"), ("groundtruth.txt", "none of the 4 stored poses")]
)
def test_an_empty_list_is_one_sentence(folder: Path, name: str, words: str) -> None:
    (folder / name).write_text("# nothing\n")
    with pytest.raises(CaptureError, match=words):
        open_(folder)


@pytest.mark.parametrize("pose", ["0 0 0 0 0 0 0", "nan 0 0 0 0 0 1", "0 0 0 0 0 0 1.02"])
def test_a_pose_of_no_use_becomes_nan(folder: Path, pose: str) -> None:
    edit(folder / "groundtruth.txt", 2, f"{SECONDS:.4f} {pose}")
    assert np.isnan(open_(folder).table.T_world_camera[:, 0, 0]).tolist() == [True, False, False, False]


def test_a_camera_that_never_moves_is_an_error(folder: Path) -> None:
    lines = [f"{SECONDS + row / 30:.4f} 1 2 3 0 0 0 1" for row in range(4)]
    (folder / "groundtruth.txt").write_text("\n".join(lines))
    with pytest.raises(CaptureError, match="never moves"):
        open_(folder)


@pytest.mark.parametrize(
    ("name", "fx", "note"),
    [
        ("rgbd_dataset_freiburg1_desk", 517.3, "lens distortion of freiburg1 is not corrected"),
        ("fr2_xyz", 520.9, "lens distortion of freiburg2 is not corrected"),
        ("Freiburg3_long", 535.4, None),
        ("office", 525.0, "intrinsics are not in the files nor in the folder's name (freiburg1 to 3), so generic"),
        ("freiburg12", 525.0, "intrinsics are not in the files nor"),
    ],
)
def test_the_folders_name_tells_the_intrinsics(folder: Path, name: str, fx: float, note: str | None) -> None:
    capture = open_(folder.rename(folder.parent / name))
    (frame,) = capture.frames([0])
    assert frame.camera.fx == pytest.approx(fx / 4)
    assert [what.startswith(note) for what in whats(capture)] == ([True] if note else [])
