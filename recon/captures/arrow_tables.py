"""Columns of Feather and Parquet files, which pyarrow reads, an optional package; none of them is trusted."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from recon.captures.archive import Files
from recon.errors import CaptureError, UsageError

MAX_FEATHER_BYTES = 64 << 20  # a sweep has 1 MB, the boxes of a log 2 MB
MAX_VALUES_IN_ROW = 1 << 22  # numbers in one cell of a Parquet file; a Waymo range image has 1,017,600
ROWS_AT_ONCE = 4  # in memory; a range image with its poses has 7 MB
BUFFER_BYTES = 1 << 20

Columns = Mapping[str, np.ndarray]


def read_feather(files: Files, name: str, columns: Sequence[str]) -> Columns:
    """These columns of a whole file: integers as int64, other numbers as float64, the rest as objects.

    Raises:
        CaptureError: no such file, a column of it missing, damaged, or far too large.
        UsageError: pyarrow is not installed.
    """
    pyarrow = _pyarrow()
    where = f"{files.path}: {name}"
    if name not in files.names:
        raise CaptureError(f"{files.path}: no {name}; fetch it")
    if files.size(name) > MAX_FEATHER_BYTES:
        raise CaptureError(f"{where} has {files.size(name):,} bytes, more than any such file; it is refused")
    with _damage_told(where):
        table = pyarrow.ipc.open_file(pyarrow.BufferReader(files.read(name))).read_all()
        table.validate(full=True)  # before any offset in it is followed
        _require(table.column_names, columns, where)
        return {column: _array(table.column(column), f"{where}, {column}") for column in columns}


def read_parquet(files: Files, name: str, columns: Sequence[str]) -> Columns:
    """These columns of a whole file, which must be small ones; types and errors as of ``read_feather``."""
    where = f"{files.path}: {name}"
    with _damage_told(where):
        file = _open_parquet(files, name, columns)
        table = file.read(columns=list(columns))
        table.validate(full=True)
        return {column: _array(table.column(column), f"{where}, {column}") for column in columns}


class ParquetRows:
    """Rows of a Parquet file that are mostly asked for in rising order; only a few are in memory at a time.

    May be asked from several threads.
    """

    def __init__(self, files: Files, name: str, columns: Sequence[str]) -> None:
        self._where, self._columns = f"{files.path}: {name}", list(columns)
        with _damage_told(self._where):
            self._file = _open_parquet(files, name, columns)
        counts = [self._file.metadata.row_group(group).num_rows for group in range(self._file.metadata.num_row_groups)]
        self._start = np.concatenate([[0], np.cumsum(counts)])
        self._lock = threading.Lock()
        self._group, self._first, self._batch = -1, 0, None
        self._batches: Iterator[Any] = iter(())

    def __call__(self, row: int) -> dict[str, Any]:
        """The cells of a row by column: bytes, an array of numbers where it is a list, or None."""
        with self._lock, _damage_told(self._where):
            group = int(np.searchsorted(self._start, row, side="right")) - 1
            if group != self._group or row < self._first:
                self._group, self._first, self._batch = group, int(self._start[group]), None
                self._batches = self._file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=self._columns)
            while self._batch is None or row >= self._first + len(self._batch):
                self._first += 0 if self._batch is None else len(self._batch)
                self._batch = next(self._batches)
            batch: Any = self._batch
            return {column: _cell(batch.column(column)[row - self._first]) for column in self._columns}


def matrices(column: np.ndarray) -> Float[np.ndarray, "n 4 4"]:
    """Of cells with 16 numbers, row by row; NaN where a cell holds anything else."""
    T = np.full((len(column), 4, 4), np.nan)
    for row, cell in enumerate(column):
        if cell is not None and len(cell) == 16:
            T[row] = np.array([np.nan if value is None else value for value in cell], np.float64).reshape(4, 4)
    return T


def whole_numbers(column: np.ndarray, where: str) -> Int[np.ndarray, " n"]:
    """A column that must be of integers."""
    if column.dtype != np.int64:
        raise CaptureError(f"{where} holds no whole numbers; fetch the file again")
    return column


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "Argoverse 2 and Waymo need pyarrow, which is not installed; pip install 'promptda-recon[drives]'"
        ) from error
    return pyarrow


def _open_parquet(files: Files, name: str, columns: Sequence[str]) -> Any:
    pyarrow = _pyarrow()
    file = pyarrow.parquet.ParquetFile(files.local(name), buffer_size=BUFFER_BYTES)
    _require(file.schema_arrow.names, columns, f"{files.path}: {name}")
    for group in range(file.metadata.num_row_groups):
        found = file.metadata.row_group(group)
        most = max((found.column(column).num_values for column in range(found.num_columns)), default=0)
        if most > MAX_VALUES_IN_ROW * max(found.num_rows, 1):
            raise CaptureError(f"{files.path}: {name} claims {most:,} values in {found.num_rows} rows; it is refused")
    return file


def _require(there: Sequence[str], columns: Sequence[str], where: str) -> None:
    missing = [column for column in columns if column not in there]
    if missing:
        raise CaptureError(f"{where} has no column {missing[0]}; it has {', '.join(there)}")


@contextmanager
def _damage_told(where: str) -> Iterator[None]:
    pyarrow = _pyarrow()
    try:
        yield
    except (pyarrow.ArrowException, OSError, StopIteration) as error:
        why = str(error).partition("\n")[0] or "cut short"
        raise CaptureError(f"{where} is damaged ({why}); fetch it again") from error


def _array(column: Any, where: str) -> np.ndarray:
    pyarrow = _pyarrow()
    types = pyarrow.types
    if types.is_integer(column.type):
        if column.null_count:
            raise CaptureError(f"{where}: {column.null_count} cells are empty; fetch the file again")
        return np.asarray(column.to_numpy(), np.int64)
    if types.is_floating(column.type):
        return np.asarray(column.to_numpy(), np.float64)
    objects = np.empty(len(column), object)
    objects[:] = column.to_pylist()
    return objects


def _cell(scalar: Any) -> Any:
    if not scalar.is_valid:
        return None
    return scalar.values.to_numpy(zero_copy_only=False) if hasattr(scalar, "values") else scalar.as_py()
