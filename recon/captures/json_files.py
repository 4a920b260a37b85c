"""JSON files of a capture, not trusted."""

import json
from typing import Any

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.errors import CaptureError

MAX_JSON_BYTES = 48 << 20  # 40 minutes of Record3D at 60 frames a second, which take 50 times that in memory


def read_object(files: Files, name: str) -> dict[str, Any]:
    """The object in a file; ``CaptureError`` says where the text breaks."""
    if files.size(name) > MAX_JSON_BYTES:
        raise CaptureError(f"{files.path}: {name} has {files.size(name):,} bytes, more than any app writes")
    try:
        value = json.loads(files.read(name).decode("utf-8-sig"), parse_int=float)
    except json.JSONDecodeError as error:
        raise CaptureError(
            f"{files.path}: {name} is not JSON from line {error.lineno}, column {error.colno} on ({error.msg}); "
            "export the capture again"
        ) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise CaptureError(f"{files.path}: {name} is not readable JSON; export the capture again") from error
    if not isinstance(value, dict):
        raise CaptureError(f"{files.path}: {name} holds no JSON object; export the capture again")
    return value


def numbers(value: Any, count: int) -> Float[np.ndarray, " count"]:
    """A JSON list of exactly ``count`` numbers, or as many NaN where it is anything else."""
    if isinstance(value, list) and len(value) == count and all(isinstance(number, float) for number in value):
        return np.array(value, np.float64)
    return np.full(count, np.nan)


def number(value: Any) -> float:
    """A JSON number, or NaN where it is anything else."""
    return value if isinstance(value, float) else float("nan")


def rows_of_numbers(value: Any, count: int) -> Float[np.ndarray, "n count"]:
    """A JSON list of lists of ``count`` numbers each; a row that is anything else becomes NaN."""
    rows = value if isinstance(value, list) else []
    return np.array([numbers(row, count) for row in rows], np.float64).reshape(len(rows), count)
