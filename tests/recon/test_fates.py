import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.captures.base import FrameTable
from recon.errors import CaptureError
from recon.fates import Fates


def table(count: int) -> FrameTable:
    return FrameTable(
        index=10 + np.arange(count),
        timestamp=0.1 * np.arange(count),
        T_world_camera=np.tile(np.eye(4), (count, 1, 1)),
        has_image=np.ones(count, bool),
        has_depth=np.ones(count, bool),
    )


def test_each_frame_is_told_with_its_state_and_reason() -> None:
    fates = Fates(table(4))
    fates.use(0)
    fates.skip(1, "no new view")
    fates.fail(2, "picture unreadable: 000012.jpg: cut off, at byte 5")
    assert fates.to_csv() == (
        "index,timestamp,state,reason,camera\n"
        "10,0.0,used,,main\n"
        "11,0.1,skipped,no new view,main\n"
        '12,0.2,skipped,"picture unreadable: 000012.jpg: cut off, at byte 5",main\n'
        "13,0.30000000000000004,undecided,,main\n"
    )
    assert fates.used == [0]
    assert fates.undecided == [3]


def test_reasons_are_counted_without_what_concerns_one_frame() -> None:
    fates = Fates(table(6))
    for row in range(3):
        fates.fail(row, f"depth unreadable: {row:06d}.png: not a readable picture ({row} bytes); export again")
    fates.skip(3, "no new view")
    assert fates.skipped() == {"depth unreadable": 3, "no new view": 1}
    assert fates.summary() == "3 depth unreadable, 1 no new view"


def test_ten_failures_in_a_row_end_the_run_with_the_last_reason() -> None:
    fates = Fates(table(100))
    for row in range(50):
        fates.use(row)
    for row in range(50, 59):
        fates.fail(row, "broken")
    with pytest.raises(CaptureError, match="10 frames in a row failed; the last: cut off"):
        fates.fail(59, "cut off")
    assert fates.skipped() == {"broken": 9, "cut off": 1}


def test_more_than_half_failing_ends_the_run_once_twenty_were_tried() -> None:
    fates = Fates(table(40))
    for row in range(0, 20, 2):
        fates.fail(row, "broken")
        fates.use(row + 1)
    with pytest.raises(CaptureError, match="11 of 21 frames failed"):
        fates.fail(20, "broken")


@given(st.lists(st.sampled_from(["no new view", "no depth"]), max_size=60))
def test_skipping_never_ends_a_run(reasons: list[str]) -> None:
    fates = Fates(table(len(reasons)))
    for row, reason in enumerate(reasons):
        fates.skip(row, reason)
    assert sum(fates.skipped().values()) == len(reasons)


def test_an_empty_capture_says_so() -> None:
    assert Fates(table(0)).summary() == "the capture is empty"
