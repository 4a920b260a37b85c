"""Poses from a text file in place of the capture's own."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from recon.captures.base import FrameTable
from recon.captures.checks import poses_from_matrices, poses_from_quaternions
from recon.errors import UsageError

MAX_TIME_DIFFERENCE = 0.02  # seconds between a frame and the pose that counts as its own
MAX_BYTES = 64 << 20  # of the text; ten hours at 10 Hz
TUM_COLUMNS = 8  # timestamp tx ty tz qx qy qz qw
KITTI_COLUMNS = 12  # the upper three rows of the matrix, row by row


def poses_from_file(path: Path, table: FrameTable) -> Float[np.ndarray, "n 4 4"]:
    """``T_world_camera`` for each row of the table, NaN where the file has none that is a rigid motion.

    TUM text is matched by time within 20 ms, KITTI text by frame number counted from 0.
    Raises ``UsageError`` for a file that is neither, or that fits no frame, and ``CaptureError`` for
    a pose that mirrors space.
    """
    numbers = _read_numbers(path)
    if numbers.shape[1] == KITTI_COLUMNS:
        T = np.zeros((len(numbers), 4, 4))
        T[:, :3] = numbers.reshape(-1, 3, 4)
        T[:, 3, 3] = 1.0
        stored = poses_from_matrices(T, [f"{path}, pose {number}" for number in range(len(T))])
        nearest = np.clip(table.index, 0, len(stored) - 1)
        found = nearest == table.index
        wanted = f"KITTI's lines, here 0 to {len(stored) - 1}, must agree"
        having = f"the capture's frame numbers ({table.index[0]} to {table.index[-1]})"
    else:
        numbers = numbers[np.argsort(numbers[:, 0], kind="stable")]
        times = numbers[:, 0]
        stored = poses_from_quaternions(numbers[:, 4:], numbers[:, 1:4])
        nearest = _nearest(times, table.timestamp)
        found = np.abs(times[nearest] - table.timestamp) <= MAX_TIME_DIFFERENCE
        wanted = f"TUM times, here {times[0]:.3f} to {times[-1]:.3f} s, must agree within 20 ms"
        having = f"the capture's ({table.timestamp[0]:.3f} to {table.timestamp[-1]:.3f} s)"
    if not found.any():
        raise UsageError(f"{path}: fits none of the {len(table)} frames; {wanted} with {having}")
    return np.where(found[:, None, None], stored[nearest], np.nan)


def _nearest(sorted_times: Float[np.ndarray, " m"], times: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """For each of the times the place of the nearest sorted one."""
    after = np.clip(np.searchsorted(sorted_times, times), 0, len(sorted_times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(times - sorted_times[before] < sorted_times[after] - times, before, after)


def _read_numbers(path: Path) -> Float[np.ndarray, "n k"]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file; give a TUM or KITTI pose file")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: {path.stat().st_size:,} bytes, more than any file of poses has")
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give a TUM or KITTI pose file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not text; give a TUM or KITTI pose file") from error
    rows = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: {error}; poses are numbers") from error
        if len(rows[-1]) not in (TUM_COLUMNS, KITTI_COLUMNS) or len(rows[-1]) != len(rows[0]):
            raise UsageError(
                f"{path}, line {number}: {len(rows[-1])} numbers; TUM poses have {TUM_COLUMNS}, KITTI's {KITTI_COLUMNS}"
            )
    if not rows:
        raise UsageError(f"{path}: no poses inside; give a TUM or KITTI pose file")
    return np.array(rows)
