"""Blocks of voxels in a nameless file on disk."""

import tempfile
import weakref
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from recon.errors import ResourceError


class BlockFile:
    """Records of float32, one a block, found by the block's key.

    The file has no name in its folder, so that it is gone with the process, however that ends. In memory are 16
    bytes a block; where blocks were taken out, later ones go.

    Args:
        folder: must exist, on a disk rather than in memory.
        values: float32 numbers in a record.
    """

    def __init__(self, folder: Path, values: int) -> None:
        self._folder = folder
        self._values = values
        self._keys = np.zeros(0, np.int64)  # sorted
        self._rows = np.zeros(0, np.int64)  # of these keys, in the file
        self._free = np.zeros(0, np.int64)  # rows that hold nothing any more
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed below)
        except OSError as error:
            raise self._failure(error) from error
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> Int[np.ndarray, " n"]:
        """Of all blocks, sorted."""
        return self._keys

    def has(self, keys: Int[np.ndarray, " k"]) -> Bool[np.ndarray, " k"]:
        """Which of these blocks are here."""
        if not len(self._keys):
            return np.zeros(len(keys), np.bool_)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray(self._keys[place] == keys)

    def put(self, keys: Int[np.ndarray, " k"], records: Float[np.ndarray, "k values"]) -> None:
        """Writes blocks that are not here yet.

        Raises:
            ResourceError: the disk is full or fails.
        """
        total = len(self._keys) + len(self._free)
        rows = np.concatenate([self._free, np.arange(total, total + max(0, len(keys) - len(self._free)))])
        rows, self._free = rows[: len(keys)], rows[len(keys) :]
        try:
            for start, stop in _runs(rows):
                self._seek(int(rows[start]))
                self._file.write(np.ascontiguousarray(records[start:stop], np.float32).data)
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error
        self._keys, self._rows = np.concatenate([self._keys, keys]), np.concatenate([self._rows, rows])
        order = np.argsort(self._keys)
        self._keys, self._rows = self._keys[order], self._rows[order]

    def read(self, keys: Int[np.ndarray, " k"]) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, "k values"]]:
        """These blocks, all of which are here, in the order of the file: their keys and records.

        Raises:
            ResourceError: the disk fails.
        """
        rows = self._rows[np.searchsorted(self._keys, keys)]
        order = np.argsort(rows)
        rows = rows[order]
        records = np.empty((len(rows), self._values), np.float32)
        try:
            for start, stop in _runs(rows):
                self._seek(int(rows[start]))
                view = records[start:stop].data.cast("B")
                if self._file.readinto(view) != len(view):
                    raise OSError("the file is shorter than what was written to it")
        except OSError as error:
            raise self._failure(error) from error
        return keys[order], records

    def take(self, keys: Int[np.ndarray, " k"]) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, "k values"]]:
        """As ``read``; afterwards the blocks are here no more."""
        taken = self.read(keys)
        place = np.searchsorted(self._keys, keys)
        self._free = np.sort(np.concatenate([self._free, self._rows[place]]))
        self._keys, self._rows = np.delete(self._keys, place), np.delete(self._rows, place)
        return taken

    def _seek(self, row: int) -> None:
        self._file.seek(row * self._values * np.dtype(np.float32).itemsize)

    def _failure(self, error: OSError) -> ResourceError:
        size = len(self) * self._values * np.dtype(np.float32).itemsize
        return ResourceError(
            f"{self._folder}: a temporary file there holds {size / 1e9:.1f} GB of the volume and cannot go on: "
            f"{error.strerror or error}; free some space on that disk, write to another one, or use larger voxels"
        )


def _runs(rows: Int[np.ndarray, " k"]) -> list[tuple[int, int]]:
    """Start and stop of each stretch of rows that follow each other."""
    edges = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
    return [(start, stop) for start, stop in pairwise(edges) if start < stop]
