from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.captures.base import FrameTable
from recon.errors import CaptureError
from recon.fates import Fates
from recon.geometry.transforms import from_quaternion_xyzw
from recon.keyframes import choose_windows, sharpness
from recon.settings import Settings
from recon.surroundings import ROOM

FPS = 30
DEFAULTS = Settings()


def table(x: np.ndarray, has_image: np.ndarray | None = None, has_depth: np.ndarray | None = None) -> FrameTable:
    """A camera moving along the x axis, metres a frame apart."""
    count = len(x)
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, 0, 3] = x
    everywhere = np.ones(count, bool)
    return FrameTable(
        index=100 + np.arange(count),
        timestamp=np.arange(count) / FPS,
        T_world_camera=T,
        has_image=everywhere if has_image is None else has_image,
        has_depth=everywhere if has_depth is None else has_depth,
    )


def straight(count: int, step: float = 0.0101) -> FrameTable:
    return table(step * np.arange(count))


def choose(frames: FrameTable, settings: Settings = DEFAULTS) -> tuple[list[list[int]], Fates]:
    fates = Fates(frames)
    return choose_windows(frames, settings, fates), fates


@st.composite
def walks(draw: st.DrawFn) -> Callable[[], FrameTable]:
    """What makes a table; made in the test, as beartype draws random numbers to check its rows."""
    count = draw(st.integers(2, 60))
    step = draw(st.lists(st.floats(0.001, 0.7), min_size=count, max_size=count))
    flags = st.lists(st.booleans(), min_size=count, max_size=count).map(np.array)
    has_image, has_depth = draw(flags), draw(flags)
    has_depth[draw(st.integers(0, count - 1))] = True
    row, factor = draw(st.integers(0, count - 1)), draw(st.sampled_from([1.0, np.nan]))

    def make() -> FrameTable:
        frames = table(np.cumsum(step), has_image, has_depth)
        frames.T_world_camera[row] *= factor
        return frames

    return make


@given(
    walks(),
    st.sampled_from(["auto", "all", "3"]),
    st.none() | st.integers(1, 20),
    st.none() | st.integers(100, 110),
    st.none() | st.integers(120, 170),
)
def test_windows_increase_and_every_other_row_has_its_fate(
    walk: Callable[[], FrameTable], keyframes: str, max_frames: int | None, start: int | None, stop: int | None
) -> None:
    frames = walk()
    fates = Fates(frames)
    settings = Settings(keyframes=keyframes, max_frames=max_frames, start=start, stop=stop)
    try:
        windows = choose_windows(frames, settings, fates)
    except CaptureError as error:
        assert not fates.undecided
        assert "no usable frame" in str(error)  # noqa: PT017
        return
    rows = [row for window in windows for row in window]
    assert rows == sorted(set(rows))
    assert all(1 <= len(window) <= ROOM.view_frames for window in windows)
    assert rows == fates.undecided
    assert len(rows) + sum(fates.skipped().values()) == len(frames)
    assert max_frames is None or len(windows) <= max_frames
    index = frames.index[rows]
    assert (index >= (start or 0)).all()
    assert (index < (stop or 10**9)).all()
    assert frames.has_depth[rows].all()
    assert np.isfinite(frames.T_world_camera[rows]).all()


def test_views_along_a_straight_path_are_six_centimetres_apart() -> None:
    windows, _ = choose(straight(61))
    firsts = [window[0] for window in windows]
    assert firsts == list(range(0, 61, 6))
    assert ROOM.view_metres <= 6 * 0.0101 < ROOM.view_metres + 0.0101


def test_turning_in_place_gives_views_five_degrees_apart() -> None:
    frames = straight(31, 0.0001)
    half_angles = np.deg2rad(np.arange(31.0)) / 2
    about_y = np.stack([0 * half_angles, np.sin(half_angles), 0 * half_angles, np.cos(half_angles)], axis=1)
    frames.T_world_camera[:] = from_quaternion_xyzw(about_y, frames.T_world_camera[:, :3, 3])
    starts = [window[0] for window in choose(frames)[0]]
    assert starts[0] == 0
    assert set(np.diff(starts)) <= {5, 6}  # the angle of five degrees itself may round below


def test_windows_hold_only_frames_near_the_first() -> None:
    windows, _ = choose(straight(61))
    assert windows[0] == [0, 1, 2]  # 2 cm is below 35 % of 6 cm, 3 cm is not


def test_a_resting_camera_does_not_fill_a_window_without_end() -> None:
    windows, fates = choose(straight(100, 1e-5))
    assert windows == [[0, 1, 2, 3]]
    assert fates.skipped() == {"no new view": 96}


def test_frames_with_colour_stand_in_for_those_without() -> None:
    every_third = np.arange(61) % 3 == 2
    windows, _ = choose(table(0.0101 * np.arange(61), has_image=every_third))
    assert windows[0] == [2]
    assert all(every_third[window].all() for window in windows)


def test_without_any_colour_the_first_of_each_window_is_taken() -> None:
    windows, _ = choose(table(0.0101 * np.arange(13), has_image=np.zeros(13, bool)))
    assert windows == [[0], [6], [12]]


def test_every_nth_usable_frame_is_taken_when_asked() -> None:
    windows, fates = choose(straight(10), Settings(keyframes="4"))
    assert windows == [[0], [4], [8]]
    assert fates.skipped() == {"between --keyframes": 7}


def test_start_and_stop_are_frame_numbers_and_stop_is_excluded() -> None:
    windows, fates = choose(straight(10), Settings(keyframes="all", start=103, stop=106))
    assert windows == [[3], [4], [5]]
    assert fates.skipped() == {"outside --start and --stop": 7}


def test_a_limit_on_frames_spreads_them_evenly_and_keeps_both_ends() -> None:
    windows, fates = choose(straight(101), Settings(keyframes="all", max_frames=5))
    assert windows == [[0], [25], [50], [75], [100]]
    assert fates.skipped() == {"above --max-frames": 96}


def test_bad_poses_and_missing_depth_are_told_apart() -> None:
    frames = straight(12)
    frames.T_world_camera[4] = np.nan
    frames.T_world_camera[8] = frames.T_world_camera[7]
    frames.has_depth[2] = False
    windows, fates = choose(frames, Settings(keyframes="all"))
    assert [row for (row,) in windows] == [0, 1, 3, 5, 6, 7, 9, 10, 11]
    assert fates.skipped() == {"no depth": 1, "no usable pose": 1, "pose frozen": 1}


def test_a_capture_without_a_usable_frame_says_why() -> None:
    frames = straight(3)
    frames.T_world_camera[:] = np.nan
    with pytest.raises(CaptureError, match="no usable frame among 3: 3 no usable pose"):
        choose(frames)


def test_a_picture_is_less_sharp_the_more_it_is_blurred() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (960, 720), interpolation=cv2.INTER_NEAREST)
    blurred = [image, *(cv2.GaussianBlur(image, (0, 0), sigma) for sigma in (2, 4, 8))]
    scores = [sharpness(picture) for picture in blurred]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 2 * scores[1]
    assert sharpness(np.full((30, 40, 3), 90, np.uint8)) == 0


@pytest.mark.parametrize("shape", [(1, 2000, 3), (2000, 1, 3), (1, 1, 3)])
def test_pictures_of_any_shape_have_a_sharpness(shape: tuple[int, int, int]) -> None:
    assert sharpness(np.zeros(shape, np.uint8)) == 0


def test_no_picture_is_passed_over_where_pictures_are_rare() -> None:
    has_image = np.arange(60) % 12 == 5
    windows, _ = choose(table(0.034 * np.arange(60), has_image))  # the 3D Scanner App's spacing
    chosen = {row for window in windows for row in window}
    assert set(np.flatnonzero(has_image).tolist()) <= chosen
    assert len(windows) < 45


def test_a_slow_look_gives_a_view_every_fifth_of_a_second_and_a_still_one_none() -> None:
    windows, _ = choose(straight(60, step=0.006))  # 3.6 cm in a fifth of a second
    assert [window[0] for window in windows] == list(range(0, 60, 6))
    assert len(choose(straight(60, step=0.0005))[0]) == 2  # 3 cm in all, of which 2.4 cm count
