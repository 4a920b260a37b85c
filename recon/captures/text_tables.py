"""Small text files of drives: calibration by key, numbers by line, times of day; none of them is trusted."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.checks import poses_from_matrices
from recon.errors import CaptureError

MAX_TEXT_BYTES = 64 << 20  # poses of an hour at 100 a second have 54 MB
MAX_SENSOR_METRES = 30.0  # between two sensors of a vehicle
MAX_NUMBER = 1e9  # of a pose or a calibration's motion
MAX_SECONDS = 1e11  # since 1970 that would be 3000 years
STEP_SECONDS = (1e-3, 5.0)  # between frames; milliseconds taken for seconds are far beyond


def read_text(files: Files, name: str) -> str:
    """The text of a file, whatever its byte order mark and line ends."""
    if files.size(name) > MAX_TEXT_BYTES:
        raise CaptureError(f"{files.path}: {name} has {files.size(name):,} bytes, more than any such file")
    return files.read(name).decode("utf-8-sig", errors="replace")


def text_above(files: Files, inside: str, levels: int, name: str) -> str | None:
    """The text of ``name`` as many levels above the folder of the file ``inside``; None where there is none.

    For users who name one drive of a data set whose calibration or poses lie beside its folder. Of a zip
    there is nothing above.
    """
    if not files.path.is_dir():
        return None
    folder = files.local(inside).resolve().parent
    path = folder.joinpath(*[".."] * levels, name).resolve()
    try:
        if not path.is_file() or path.stat().st_size > MAX_TEXT_BYTES:
            return None
        return path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read ({error.strerror})") from error


def keyed_numbers(text: str) -> dict[str, Float[np.ndarray, " k"]]:
    """Numbers behind ``KEY:`` on a line of its own; lines with anything else behind it, such as dates, are left out."""
    found = {}
    for line in text.splitlines():
        key, colon, rest = line.partition(":")
        numbers = _numbers(rest)
        if colon and numbers is not None:
            found[key.strip()] = numbers
    return found


def matrix_3x4(numbers: Float[np.ndarray, " k"] | None, where: str) -> Float[np.ndarray, "4 4"]:
    """A rigid motion from its upper three rows; ``CaptureError`` where it is none."""
    if numbers is None or len(numbers) != 12:
        raise CaptureError(f"{where} is missing or has not 12 numbers; fetch the calibration again")
    T = np.eye(4)
    T[:3] = numbers.reshape(3, 4)
    return rigid_motion(T, where)


def rigid_motion(T: Float[np.ndarray, "4 4"], where: str) -> Float[np.ndarray, "4 4"]:
    """A sensor's place by another with an exactly orthonormal rotation; ``CaptureError`` where it can be none."""
    cleaned = poses_from_matrices(_of_moderate_size(T[None]), [where])[0]
    if not np.isfinite(cleaned).all():
        raise CaptureError(f"{where} is no rigid motion; its left three columns must be a rotation")
    require_on_vehicle(cleaned[:3, 3], where)
    return cleaned


def require_on_vehicle(offset: Float[np.ndarray, "3"], where: str) -> None:
    """Raises ``CaptureError`` for metres between two sensors that are not on one vehicle."""
    farthest = float(np.abs(offset).max())
    if not farthest <= MAX_SENSOR_METRES:
        raise CaptureError(
            f"{where} places sensors {farthest:g} m apart, more than the {MAX_SENSOR_METRES:g} m of any vehicle; "
            "give metres"
        )


def number_lines(text: str) -> list[Float[np.ndarray, " k"] | None]:
    """What stands on each line, None for one that is empty or no numbers; empty lines at the end do not count."""
    return [_numbers(line) for line in text.rstrip().splitlines()]


def pose_lines(text: str, name: str) -> Float[np.ndarray, "n 4 4"]:
    """A pose from each line of 12 or 16 numbers, row by row; NaN for lines that are anything else."""
    lines = number_lines(text)
    T = np.full((len(lines), 4, 4), np.nan)
    for row, numbers in enumerate(lines):
        if numbers is not None and len(numbers) in (12, 16):
            T[row, 3] = (0, 0, 0, 1)
            T[row].flat[: len(numbers)] = numbers
    return poses_from_matrices(_of_moderate_size(T), [f"{name}, line {row + 1}" for row in range(len(lines))])


def _of_moderate_size(T: Float[np.ndarray, "n 4 4"]) -> Float[np.ndarray, "n 4 4"]:
    """NaN for matrices whose squares could overflow."""
    return np.where((np.abs(T) <= MAX_NUMBER).all(axis=(1, 2), keepdims=True), T, np.nan)


def require_times(times: Float[np.ndarray, " n"], where: str, shortest: float = STEP_SECONDS[0]) -> None:
    """Raises ``CaptureError`` for a list without any time, or one that can hold no seconds.

    Args:
        shortest: plausible median step, seconds.
    """
    known = np.unique(times[np.isfinite(times)])
    if not len(known):
        raise CaptureError(f"{where}: none of its {len(times)} lines is a time; fetch or write the file again")
    if np.abs(known).max() > MAX_SECONDS:
        raise CaptureError(
            f"{where}: times up to {known[np.abs(known).argmax()]:g} are no seconds; give seconds, or nanoseconds "
            "since 1970"
        )
    step = float(np.median(np.diff(known))) if len(known) > 1 else shortest
    if not shortest <= step <= STEP_SECONDS[1]:
        raise CaptureError(
            f"{where}: the median step between its times is {step:g} s, outside {shortest:g} to {STEP_SECONDS[1]:g} s; "
            "give seconds, or nanoseconds since 1970"
        )


def times_of_day(text: str) -> Float[np.ndarray, " n"]:
    """Seconds since 1970 from lines as ``2011-09-26 13:02:44.843621376``; NaN for a line that is none."""
    return np.array([_time_of_day(line.strip()) for line in text.rstrip().splitlines()], np.float64)


def _time_of_day(line: str) -> float:
    whole, _, fraction = line.partition(".")
    try:
        moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
        return moment.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)
    except (ValueError, OverflowError):
        return math.nan


def _numbers(line: str) -> Float[np.ndarray, " k"] | None:
    words = line.split()
    try:
        return np.array([float(word) for word in words]) if words else None
    except ValueError:
        return None


def folder_of(name: str) -> str:
    """With its slash; empty at the top."""
    return f"{Path(name).parent.as_posix()}/" if "/" in name else ""
