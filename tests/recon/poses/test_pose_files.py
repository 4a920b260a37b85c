from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.captures.base import FrameTable
from recon.errors import CaptureError, UsageError
from recon.geometry.transforms import from_quaternion_xyzw
from recon.poses.files import poses_from_file
from recon.run_folder import RunFolder

PRINTED = 1e-8  # trajectory.txt has nine decimals

quaternions = arrays(np.float64, (6, 4), elements=st.floats(-1, 1)).filter(
    lambda q: (np.linalg.norm(q, axis=1) > 0.01).all()
)
motions = st.builds(from_quaternion_xyzw, quaternions, arrays(np.float64, (6, 3), elements=st.floats(-1e4, 1e4)))


def table(timestamps: list[float] | np.ndarray, index: list[int] | None = None) -> FrameTable:
    count = len(timestamps)
    return FrameTable(
        index=np.arange(count) if index is None else np.array(index),
        timestamp=np.array(timestamps, float),
        T_world_camera=np.full((count, 4, 4), np.nan),
        has_image=np.ones(count, bool),
        has_depth=np.ones(count, bool),
    )


@given(motions)
def test_a_runs_trajectory_can_be_given_back_to_it(tmp_path_factory: pytest.TempPathFactory, T: np.ndarray) -> None:
    folder = tmp_path_factory.getbasetemp() / "trajectory"
    frames = table(1.6e9 + np.arange(6) / 30)
    RunFolder(folder).write_trajectory(frames.timestamp, T)
    np.testing.assert_allclose(poses_from_file(folder / "trajectory.txt", frames), T, atol=PRINTED)


@given(motions)
def test_kitti_poses_are_those_of_the_frames_with_their_lines_numbers(
    tmp_path_factory: pytest.TempPathFactory, T: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "kitti.txt"
    np.savetxt(path, T[:, :3].reshape(6, 12), fmt="%.12e")
    poses = poses_from_file(path, table([0, 1, 2, 3], index=[5, 0, 2, 6]))
    np.testing.assert_allclose(poses[:3], T[[5, 0, 2]], atol=1e-7)
    assert np.isnan(poses[3]).all()


def tum(path: Path, times: list[float]) -> Path:
    """Poses whose x is their time."""
    path.write_text("# comment\n\n" + "".join(f"{time} {time} 0 0 0 0 0 1\n" for time in times))
    return path


def test_the_nearest_pose_within_20_ms_counts(tmp_path: Path) -> None:
    path = tum(tmp_path / "poses.txt", [1.0, 1.1, 1.2])
    poses = poses_from_file(path, table([0.97, 0.985, 1.019, 1.05, 1.09, 1.2, 1.215, 1.25]))
    np.testing.assert_array_equal(poses[:, 0, 3], [np.nan, 1, 1, np.nan, 1.1, 1.2, 1.2, np.nan])


def test_the_nearer_of_two_poses_wins_in_any_order(tmp_path: Path) -> None:
    path = tum(tmp_path / "poses.txt", [1.015, 1.0, 1.03])
    np.testing.assert_array_equal(poses_from_file(path, table([1.005, 1.01, 1.02]))[:, 0, 3], [1, 1.015, 1.015])


def test_a_file_of_one_pose_serves_one_frame(tmp_path: Path) -> None:
    path = tum(tmp_path / "poses.txt", [2.0])
    np.testing.assert_array_equal(poses_from_file(path, table([1, 2, 3]))[:, 0, 3], [np.nan, 2, np.nan])


def test_commas_and_a_byte_order_mark_are_read_over(tmp_path: Path) -> None:
    path = tmp_path / "poses.csv"
    path.write_bytes(b"\xef\xbb\xbf0,1,2,3,0,0,0,1  # first\n")
    np.testing.assert_array_equal(poses_from_file(path, table([0]))[0, :3, 3], [1, 2, 3])


@pytest.mark.parametrize("row", ["1 0 0 0 0 0 0 0", "1 0 0 0 nan 0 0 1", "1 inf 0 0 0 0 0 1", "1 0 0 0 0 0 0 5"])
def test_a_row_that_is_no_rigid_motion_gives_no_pose(tmp_path: Path, row: str) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(f"0 0 0 0 0 0 0 1\n{row}\n")
    poses = poses_from_file(path, table([0, 1]))
    np.testing.assert_array_equal(poses[0], np.eye(4))
    assert np.isnan(poses[1]).all()


def test_a_scaled_kitti_matrix_gives_no_pose(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n2 0 0 0 0 2 0 0 0 0 2 0\n")
    assert np.isnan(poses_from_file(path, table([0, 1]))[1]).all()


def test_a_mirrored_pose_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n-1 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(CaptureError, match=r"poses.txt, pose 1: its pose mirrors space"):
        poses_from_file(path, table([0, 1]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no poses inside"),
        ("# only a comment\n", "no poses inside"),
        ("1 2 3\n", "line 1: 3 numbers; TUM poses have 8, KITTI's 12"),
        ("0 0 0 0 0 0 0 1\n1 0 0 0 0 1 0 0 0 0 1 0\n", "line 2: 12 numbers"),
        ("0 0 0 zero 0 0 0 1\n", "line 1: could not convert string to float: 'zero'; poses are numbers"),
        ("500 0 0 0 0 0 0 1\n", "fits none of the 2 frames; TUM times, here 500.000 to 500.000 s"),
    ],
)
def test_a_file_that_is_no_pose_file_is_one_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(content)
    with pytest.raises(UsageError, match=words) as caught:
        poses_from_file(path, table([0, 1]))
    assert str(caught.value).startswith(str(path))


def test_kitti_poses_of_other_frames_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(UsageError, match=r"KITTI's lines, here 0 to 0, must agree with .* \(7 to 9\)"):
        poses_from_file(path, table([0, 1], index=[7, 9]))


def test_a_file_that_is_not_there_or_not_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    for path, sentence in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "no such file"),
        (tmp_path / "binary", "not text"),
    ):
        with pytest.raises(UsageError, match=sentence):
            poses_from_file(path, table([0]))
