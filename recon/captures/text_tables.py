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
    """The motion with an exactly orthonormal rotation; ``CaptureError`` where it is not nearly one."""
    cleaned = poses_from_matrices(T[None], [where])[0]
    if not np.isfinite(cleaned).all():
        raise CaptureError(f"{where} is no rigid motion; its left three columns must be a rotation")
    return cleaned


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
    return poses_from_matrices(T, [f"{name}, line {row + 1}" for row in range(len(lines))])


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
