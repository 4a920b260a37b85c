"""The text tables of a Stray Scanner capture: ``odometry.csv`` in all its versions, ``camera_matrix.csv``."""

import csv
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from recon.captures.archive import Files
from recon.captures.base import Problem
from recon.captures.checks import poses_from_quaternions, recording_order
from recon.errors import CaptureError

ODOMETRY = "odometry.csv"
CAMERA_MATRIX = "camera_matrix.csv"
Row = tuple[int, list[str]]  # line number, fields

POSE_COLUMNS = ("x", "y", "z", "qx", "qy", "qz", "qw")
COLUMNS = ("timestamp", "frame", *POSE_COLUMNS, "fx", "fy", "cx", "cy")
MAX_TABLE_BYTES = 64 << 20  # an hour at 60 frames a second has some 40 MB, and takes 20 times that unpacked
MAX_FRAME_NUMBER = 10**9
APP_RATE = 60.0  # frames a second; of the versions before August 2021, which store no times


@dataclass(frozen=True, eq=False)
class Odometry:
    """One row a frame, by rising frame number."""

    frame: Int[np.ndarray, " n"]
    timestamp: Float[np.ndarray, " n"]  # seconds
    has_clock: bool  # False where the file has no times, and the app's rate stands in
    T_world_camera: Float[np.ndarray, "n 4 4"]  # as stored; NaN where unusable
    intrinsics: Float[np.ndarray, "n 4"]  # fx, fy, cx, cy in pixels from the corner; NaN where the file has none
    written: int  # rows that the app began, and so video frames
    problems: tuple[Problem, ...]


def read_odometry(files: Files) -> Odometry:
    """The table by its header's names; ``CaptureError`` names the line that makes no sense."""
    where = f"{files.path}: {ODOMETRY}"
    rows = _rows(files, ODOMETRY)
    header = [field.lower() for field in rows[0][1]] if rows else []
    missing = [column for column in POSE_COLUMNS if column not in header]
    if missing and header and _is_number(header[0]):
        raise CaptureError(
            f"{where} has no header, as in app versions before March 2021, whose depth is not metric; "
            "record with a newer version"
        )
    if missing:
        raise CaptureError(f"{where} lacks the columns {', '.join(missing)}; export the capture again")
    values, unfinished = _values(rows[1:], header, where)
    frame = _frame_numbers(values[:, 1], where) if "frame" in header else np.arange(len(values))
    timestamp, has_clock = values[:, 0], "timestamp" in header
    if not has_clock:
        timestamp = np.arange(len(values)) / APP_RATE
    if not np.isfinite(timestamp).all():
        untimed = frame[int((~np.isfinite(timestamp)).argmax())]
        raise CaptureError(f"{where} has no time stamp for frame {untimed}; export the capture again")
    order, repairs = recording_order(frame, timestamp)
    return Odometry(
        frame=frame[order],
        timestamp=timestamp[order],
        has_clock=has_clock,
        T_world_camera=poses_from_quaternions(values[order, 5:9], values[order, 2:5]),
        intrinsics=values[order, 9:],
        written=len(order) + len(unfinished),
        problems=unfinished + repairs,
    )


def read_camera_matrix(files: Files) -> Float[np.ndarray, "4"]:
    """fx, fy, cx, cy in pixels from the corner; NaN where the file is absent."""
    if CAMERA_MATRIX not in files.names:
        return np.full(4, np.nan)
    where = f"{files.path}: {CAMERA_MATRIX}"
    rows = _rows(files, CAMERA_MATRIX)
    if len(rows) != 3 or any(len(row) < 3 for _, row in rows):
        raise CaptureError(f"{where} is not three rows of three numbers; export the capture again")
    K = np.array([[_value(row, column, f"{where}, line {line}") for column in range(3)] for line, row in rows])
    return K[[0, 1, 0, 1], [0, 1, 2, 2]]


def _rows(files: Files, name: str) -> list[Row]:
    """Line numbers and fields, without blanks around them, of the lines that are not blank."""
    where = f"{files.path}: {name}"
    if files.size(name) > MAX_TABLE_BYTES:
        raise CaptureError(f"{where} has {files.size(name):,} bytes, more than any recording; it is refused")
    try:
        text = files.read(name).decode("utf-8-sig")
        first_line = text.partition("\n")[0]
        delimiter = next((mark for mark in ",;\t" if mark in first_line), ",")
        reader = csv.reader(text.splitlines(), delimiter=delimiter)
        rows = [(reader.line_num, [field.strip() for field in row]) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CaptureError(f"{where} is not a readable table ({error}); export the capture again") from error
    return [(line, row) for line, row in rows if any(row)]


def _values(
    rows: list[Row], header: list[str], where: str
) -> tuple[Float[np.ndarray, "n columns"], tuple[Problem, ...]]:
    """The wanted columns, NaN where the header lacks one; a last row that the app did not finish is dropped."""
    columns = [header.index(name) if name in header else None for name in COLUMNS]
    values = np.full((len(rows), len(COLUMNS)), np.nan)
    for i, (line, row) in enumerate(rows):
        if any(row[len(header) :]):
            raise CaptureError(
                f"{where}, line {line} has {len(row)} values under {len(header)} columns; "
                "numbers need decimal points, not commas"
            )
        try:
            if len(row) < len(rows[0][1]):
                raise CaptureError(f"{where}, line {line} has only {len(row)} values; export the capture again")
            values[i] = [np.nan if c is None else _value(row, c, f"{where}, line {line}") for c in columns]
        except CaptureError:
            if i == 0 or i < len(rows) - 1:
                raise
            return values[:-1], (Problem("last row of odometry.csv half written", 1, "dropped", f"line {line}"),)
    return values, ()


def _value(row: list[str], column: int, where: str) -> float:
    """The number in a column; NaN where the field is empty."""
    if column >= len(row):
        raise CaptureError(f"{where} has only {len(row)} values; export the capture again")
    try:
        return float(row[column]) if row[column] else float("nan")
    except ValueError:
        raise CaptureError(f"{where}: {row[column]!r} is no number; numbers need decimal points") from None


def _frame_numbers(values: Float[np.ndarray, " n"], where: str) -> Int[np.ndarray, " n"]:
    whole = (np.abs(values) <= MAX_FRAME_NUMBER) & (np.floor(values) == values)  # False for NaN
    if not whole.all():
        raise CaptureError(f"{where} has {values[~whole][0]:g} for a frame number; export the capture again")
    return values.astype(np.int64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
