"""Points from the bytes of a sweep's file: rows of float32, NumPy arrays, PCD and PLY; none of them is trusted."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Num

from recon.captures.point_headers import Layout, pcd_layout, ply_layout, unpack_lzf
from recon.errors import CaptureError

SUFFIXES = (".bin", ".npy", ".pcd", ".ply")
XYZ = ("x", "y", "z")
KITTI_COLUMNS = (*XYZ, "intensity")
# Tried in this order where nobody says what a row of a .bin file holds: KITTI, nuScenes, Boreas, coordinates alone.
USUAL_COLUMNS = (KITTI_COLUMNS, (*KITTI_COLUMNS, "ring"), (*KITTI_COLUMNS, "ring", "time"), XYZ)
FARTHEST_METRES = 1000.0  # no LiDAR of a vehicle reaches that far
MIN_SANE_SHARE = 0.99  # of the measured points that must lie within it
MAX_INTENSITY = 65535.0
MAX_RING = 255.0
TEXT_MINIMUM_BYTES = 4096  # below which counts of bytes say little
MAX_REPLACED_SHARE = 0.05  # of bytes; "?" is rare in float32, and half of the bytes have no place in text
REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()  # which stands, as "?", where bytes were no text

Columns = Mapping[str, Num[np.ndarray, " n"]]


def decode_points(data: bytes, name: str, bin_columns: Sequence[str] | None = None) -> Columns:
    """Columns of a sweep by name, at least x, y, z, by the suffix of the file's name.

    Args:
        bin_columns: what a row of a ``.bin`` or of a plain ``.npy`` holds; None to find out.
    """
    suffix = name[name.rfind(".") :].lower()
    if suffix == ".bin":
        columns = _decode_bin(data, name, bin_columns)
    elif suffix == ".npy":
        columns = _decode_npy(data, name, bin_columns)
    elif suffix == ".pcd":
        columns = _decode_pcd(data, name)
    elif suffix == ".ply":
        columns = _decode_ply(data, name)
    else:
        raise CaptureError(f"{name}: sweeps are read from {', '.join(SUFFIXES)}; convert it")
    missing = [axis for axis in XYZ if axis not in columns]
    if missing:
        raise CaptureError(f"{name}: no column {', '.join(missing)}; it has {', '.join(columns)}")
    return columns


def sweep_points(columns: Columns, name: str) -> Float[np.ndarray, "n 3"]:
    """Their coordinates as float32; ``CaptureError`` where they cannot be metres around a LiDAR."""
    points = np.stack([columns[axis] for axis in XYZ], axis=1)  # in the file's precision, as coordinates may be huge
    measured = ~np.isnan(points).any(axis=1)
    near = (np.abs(points[measured]) < FARTHEST_METRES).all(axis=1)
    if near.mean() < MIN_SANE_SHARE if len(near) else False:
        raise CaptureError(
            f"{name}: {100 * (1 - near.mean()):.0f} % of its points lie more than {FARTHEST_METRES:.0f} m away; the "
            "file is damaged, or its columns or unit are others"
        )
    sane = np.where((np.abs(points) < FARTHEST_METRES).all(axis=1)[:, None], points, np.nan)
    return sane.astype(np.float32)


def refuse_text_conversion(data: bytes, name: str) -> None:
    """Raises ``CaptureError`` for binary values that went through a program that took them for text."""
    replaced = max(data.count(REPLACEMENT), data.count(b"?") if data.isascii() else 0)
    if len(data) >= TEXT_MINIMUM_BYTES and replaced > MAX_REPLACED_SHARE * len(data):
        raise CaptureError(f"{name}: its bytes were converted as if they were text; fetch it again in binary mode")


def _decode_bin(data: bytes, name: str, columns: Sequence[str] | None) -> Columns:
    refuse_text_conversion(data, name)
    if columns is None:
        fitting = [names for names in USUAL_COLUMNS if _plausible(data, names)]
        if not fitting:
            raise CaptureError(
                f"{name}: {len(data):,} bytes are no rows of 3 to 6 plausible float32 values; the file is damaged, or "
                "give lidar_columns"
            )
        columns = fitting[0]
    if len(data) % (4 * len(columns)):
        raise CaptureError(
            f"{name}: {len(data):,} bytes are no whole number of points of {len(columns)} float32 values "
            f"({', '.join(columns)}); the file is cut short or has other columns"
        )
    rows = np.frombuffer(data, "<f4").reshape(-1, len(columns))
    return dict(zip(columns, rows.T, strict=True))


def _plausible(data: bytes, columns: Sequence[str]) -> bool:
    """Whether the bytes can be rows of these columns."""
    if len(data) % (4 * len(columns)):
        return False
    rows = np.frombuffer(data, "<f4").reshape(-1, len(columns))
    values = dict(zip(columns, rows[~np.isnan(rows[:, :3]).any(axis=1)].T, strict=True))
    if not len(values["x"]):
        return True
    sane = all(np.mean(np.abs(values[axis]) < FARTHEST_METRES) >= MIN_SANE_SHARE for axis in XYZ)
    if sane and "intensity" in values:
        sane = bool(((values["intensity"] >= 0) & (values["intensity"] <= MAX_INTENSITY)).all())
    if sane and "ring" in values:
        ring = values["ring"]
        sane = bool(((ring >= 0) & (ring <= MAX_RING) & (ring == np.round(ring))).all())
    return sane


def _decode_npy(data: bytes, name: str, columns: Sequence[str] | None) -> Columns:
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = read_header(file)
    except ValueError as error:
        raise CaptureError(f"{name}: not a readable .npy file ({len(data):,} bytes)") from error
    stored = data[file.tell() :]
    # Nothing is allocated on the header's word: what it claims must be what is there.
    if dtype.hasobject or dtype.itemsize == 0 or np.prod([*shape, dtype.itemsize], dtype=object) != len(stored):
        raise CaptureError(
            f"{name}: {dtype} of shape {shape} in {len(stored):,} bytes; numbers, all of them, are needed"
        )
    values = np.frombuffer(stored, dtype).reshape(shape, order="F" if by_columns else "C")
    if dtype.names is not None:
        return {field: values[field].ravel() for field in dtype.names if dtype[field].kind in "iuf"}
    if values.ndim != 2 or dtype.kind not in "iuf" or values.shape[1] < 3:
        raise CaptureError(f"{name}: {dtype} of shape {shape}; rows of at least x, y, z are needed")
    names = columns or next((usual for usual in USUAL_COLUMNS if len(usual) == values.shape[1]), XYZ)
    if columns is not None and len(columns) != values.shape[1]:
        raise CaptureError(f"{name}: rows of {values.shape[1]} values, but lidar_columns are {', '.join(columns)}")
    return dict(zip(names, values.T, strict=False))


def _decode_pcd(data: bytes, name: str) -> Columns:
    layout, encoding = pcd_layout(data, name)
    if encoding == "ascii":
        return _ascii(data[layout.start :], layout, name)
    if encoding == "binary_compressed":
        unpacked = unpack_lzf(data, layout, name)
        columns, at = {}, 0
        for field in layout.dtype.names or ():
            kind = layout.dtype[field]
            columns[field] = np.frombuffer(unpacked, kind.base, layout.count * kind.itemsize // kind.base.itemsize, at)
            at += layout.count * kind.itemsize
        return _scalars(columns, layout)
    return _binary(data, layout, name)


def _decode_ply(data: bytes, name: str) -> Columns:
    layout, encoding = ply_layout(data, name)
    return _ascii(data[layout.start :], layout, name) if encoding == "ascii" else _binary(data, layout, name)


def _binary(data: bytes, layout: Layout, name: str) -> Columns:
    if layout.count * layout.dtype.itemsize > len(data) - layout.start:
        raise CaptureError(
            f"{name}: {layout.count:,} points of {layout.dtype.itemsize} bytes are promised and {len(data):,} bytes "
            "there; the file is cut short"
        )
    rows = np.frombuffer(data, layout.dtype, layout.count, layout.start)
    return _scalars({field: rows[field] for field in layout.dtype.names or ()}, layout)


def _scalars(columns: dict[str, np.ndarray], layout: Layout) -> Columns:
    """Without padding and fields of several values."""
    return {
        field: values
        for field, values in columns.items()
        if not field.startswith("_") and not layout.dtype[field].shape
    }


def _ascii(data: bytes, layout: Layout, name: str) -> Columns:
    fields = [field for field in layout.dtype.names or () for _ in range(int(np.prod(layout.dtype[field].shape)))]
    words = data.split(None, layout.count * len(fields))[: layout.count * len(fields)]
    try:
        rows = np.array(words, np.float64).reshape(layout.count, len(fields))
    except ValueError as error:
        raise CaptureError(
            f"{name}: not the {layout.count:,} rows of {len(fields)} numbers that are promised; the file is cut short"
        ) from error
    return {field: rows[:, place] for place, field in enumerate(fields) if fields.count(field) == 1}
