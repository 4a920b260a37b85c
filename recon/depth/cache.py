"""Predicted depth kept in a run folder, so that an interrupted or repeated run does not predict again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from recon import atomic
from recon.captures.base import FrameTable
from recon.captures.images import decode_depth_png
from recon.depth.depth_io import encode_depth_png, encode_metres_per_unit, read_metres_per_unit
from recon.errors import CaptureError, UsageError

KEY_FILE = "key.json"
UNITS = 65535  # the depth's maximum takes the whole range of 16 bits: below 0.1 mm in rooms
MIN_RANGE = 1e-3  # metres; a map without depth needs a scale too


class DepthCache:
    """One 16-bit PNG a row of the capture's table, each with its scale in a sidecar.

    ``key`` holds everything that the depth depends on; what was kept under another key, or is not to
    be kept, is deleted. Raises ``UsageError`` for a folder that holds anything else.
    """

    def __init__(self, folder: Path, key: Mapping[str, object], keep: bool = True) -> None:
        self._folder = folder
        wanted = json.dumps(key, sort_keys=True)
        stored = folder / KEY_FILE
        if keep and stored.is_file() and stored.read_text("utf-8") == wanted:
            return
        folder.mkdir(parents=True, exist_ok=True)
        inside = [path for path in folder.iterdir() if path != stored]
        if not stored.is_file() and any(not path.name.startswith(".") for path in inside):
            raise UsageError(f"{folder}: holds files that are not of a run, as a capture's; choose another --run-dir")
        for path in filter(Path.is_file, inside):  # before the key changes: none may pass for the new key's
            path.unlink()
        atomic.write_bytes(stored, wanted.encode())

    def load(self, row: int) -> Float[np.ndarray, "h w"] | None:
        """Metres, or None where this row was not predicted or its file is damaged."""
        picture, sidecar = self._files(row)
        try:
            return decode_depth_png(picture.read_bytes(), str(picture), read_metres_per_unit(sidecar))
        except (OSError, CaptureError):
            return None

    def store(self, row: int, depth: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """Keeps the depth and returns what ``load`` will give, so that a resumed run equals an unbroken one."""
        picture, sidecar = self._files(row)
        metres_per_unit = max(float(depth.max(initial=0)), MIN_RANGE) / UNITS
        sidecar.unlink(missing_ok=True)  # never an earlier scale beside a new picture
        data = encode_depth_png(depth, metres_per_unit)
        atomic.write_bytes(picture, data)
        atomic.write_bytes(sidecar, encode_metres_per_unit(metres_per_unit))
        return decode_depth_png(data, str(picture), metres_per_unit)

    def _files(self, row: int) -> tuple[Path, Path]:
        return self._folder / f"{row:06d}.png", self._folder / f"{row:06d}.json"


def table_identity(table: FrameTable) -> str:
    """What tells one capture from another: its frames' numbers, times and poses."""
    columns = (table.index, table.timestamp, table.T_world_camera)
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()
