"""What becomes of each frame of a capture, decided here alone."""

import csv
import io
from collections import Counter
from collections.abc import Iterable

import numpy as np

from recon.captures.base import FrameTable
from recon.errors import CaptureError

USED, SKIPPED, UNDECIDED = "used", "skipped", "undecided"
MAX_FAILURES_IN_A_ROW = 10
MIN_FRAMES_FOR_SHARE = 20  # before the end of a run, "more than half failed" says little about fewer


class Fates:
    """The state of every row of a table: used, or skipped for a reason; undecided until told.

    A reason is a few words, the same for all frames that share it; what concerns one frame alone
    follows after a colon.

    A skip is a choice. A failure is a skip that should not have been needed: ten in a row, or more
    than half of all that were tried, end the run with a ``CaptureError``.
    """

    def __init__(self, table: FrameTable) -> None:
        self._table = table
        self._reasons = [""] * len(table)  # USED, or why not
        self._tried = self._failed = self._failed_in_a_row = 0
        self._last_failure = ""
        self._notes: dict[int, str] = {}

    def skip(self, row: int, reason: str) -> None:
        self._reasons[row] = reason

    def use(self, row: int, note: str = "") -> None:
        """``note`` tells what is wrong with a frame that is used all the same."""
        self._reasons[row] = USED
        if note:
            self._notes[row] = note
        self._tried += 1
        self._failed_in_a_row = 0

    def fail(self, row: int, reason: str) -> None:
        self._reasons[row] = reason
        self._tried += 1
        self._failed += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row == MAX_FAILURES_IN_A_ROW:
            raise CaptureError(f"{MAX_FAILURES_IN_A_ROW} frames in a row failed; the last: {reason}")
        self._last_failure = reason
        if self._tried >= MIN_FRAMES_FOR_SHARE:
            self._require_half()

    def finish(self) -> None:
        """At the end of a run: raises ``CaptureError`` if no frame was used or more than half failed."""
        if not self.used:
            raise CaptureError(f"no frame could be used: {self.summary()}")
        self._require_half()

    def _require_half(self) -> None:
        if 2 * self._failed > self._tried:
            raise CaptureError(f"{self._failed} of {self._tried} frames failed; the last: {self._last_failure}")

    @property
    def undecided(self) -> list[int]:
        return [row for row, reason in enumerate(self._reasons) if not reason]

    @property
    def used(self) -> list[int]:
        return [row for row, reason in enumerate(self._reasons) if reason == USED]

    def skipped(self) -> dict[str, int]:
        """Frames by the reason they were skipped for, the commonest first."""
        return _by_kind(reason for reason in self._reasons if reason not in ("", USED))

    def noted(self) -> dict[str, int]:
        """Used frames by what is wrong with them, the commonest first."""
        return _by_kind(self._notes.values())

    def summary(self) -> str:
        """The reasons and their counts in a line."""
        return ", ".join(f"{count} {reason}" for reason, count in self.skipped().items()) or "the capture is empty"

    def to_csv(self) -> str:
        """The table of frames: index, timestamp, state, reason, camera; an unfinished run leaves undecided ones."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["index", "timestamp", "state", "reason", "camera"])
        for row, reason in enumerate(self._reasons):
            stamp = np.format_float_positional(self._table.timestamp[row], trim="0")
            state = {USED: USED, "": UNDECIDED}.get(reason, SKIPPED)
            told = reason if state == SKIPPED else self._notes.get(row, "")
            writer.writerow([int(self._table.index[row]), stamp, state, told, self._table.camera_name[row]])
        return text.getvalue()


def _by_kind(reasons: Iterable[str]) -> dict[str, int]:
    return dict(Counter(reason.split(": ")[0] for reason in reasons).most_common())
