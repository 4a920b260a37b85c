"""What the headers of PCD and PLY files promise, and unpacking PCD's compressed form."""

from dataclasses import dataclass

import numpy as np

from recon.errors import CaptureError

MAX_HEADER_BYTES = 1 << 16
MAX_FIELDS = 64
MAX_POINTS = 1 << 27
MAX_UNPACKED_BYTES = 1 << 30
PCD_KINDS = {"I": "i", "U": "u", "F": "f"}
PLY_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Where the points of a file begin, how many there are, and the fields of each."""

    start: int  # bytes from the beginning
    count: int
    dtype: np.dtype


def pcd_layout(data: bytes, name: str) -> tuple[Layout, str]:
    """Of a PCD file, with "ascii", "binary" or "binary_compressed"; ``CaptureError`` where it has no such header."""
    entries: dict[str, list[str]] = {}
    start = 0
    while "DATA" not in entries:
        end = data.find(b"\n", start, MAX_HEADER_BYTES)
        if end < 0:
            raise CaptureError(f"{name}: no PCD header; the file is damaged")
        key, *values = data[start:end].decode("ascii", errors="replace").split("#")[0].split() or [""]
        entries[key.upper()] = values
        start = end + 1
    try:
        fields = entries["FIELDS"]
        sizes = [int(size) for size in entries["SIZE"]]
        kinds = [PCD_KINDS[kind] for kind in entries["TYPE"]]
        counts = [int(count) for count in entries.get("COUNT", ["1"] * len(fields))]
        points = (
            int(entries["POINTS"][0]) if "POINTS" in entries else int(entries["WIDTH"][0]) * int(entries["HEIGHT"][0])
        )
        columns = [
            (field, f"<{kind}{size}", *([(count,)] if count != 1 else []))
            for field, kind, size, count in zip(fields, kinds, sizes, counts, strict=True)
        ]
        encoding = entries["DATA"][0]
        return _layout(start, points, columns, name), encoding
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise CaptureError(f"{name}: its PCD header describes no points ({error}); it is damaged") from error


def ply_layout(data: bytes, name: str) -> tuple[Layout, str]:
    """Of a PLY file's vertices, with "ascii" or "binary"; ``CaptureError`` where they do not come first or are none."""
    end = data.find(b"end_header", 0, MAX_HEADER_BYTES)
    start = data.find(b"\n", end) + 1
    if not data.startswith(b"ply") or end < 0 or not start:
        raise CaptureError(f"{name}: no PLY header; the file is damaged")
    lines = [line.split() for line in data[:end].decode("ascii", errors="replace").splitlines()]
    try:
        encoding = next(line[1] for line in lines if line[:1] == ["format"])
        order = ">" if encoding == "binary_big_endian" else "<"
        elements = [place for place, line in enumerate(lines) if line[:1] == ["element"]]
        first, stop = elements[0], (*elements[1:], len(lines))[0]
        if lines[first][1] != "vertex":
            raise ValueError(f"{lines[first][1]} before vertex")
        columns = [(line[2], order + PLY_TYPES[line[1]]) for line in lines[first:stop] if line[:1] == ["property"]]
        if encoding not in ("ascii", "binary_little_endian", "binary_big_endian"):
            raise ValueError(f"format {encoding}")
        return _layout(start, int(lines[first][2]), columns, name), encoding.split("_")[0]
    except (KeyError, ValueError, IndexError, TypeError, StopIteration) as error:
        raise CaptureError(f"{name}: its PLY header describes no points ({error}); write x, y, z") from error


def _layout(start: int, points: int, columns: list, name: str) -> Layout:
    # Padding has the same name again and again.
    named = [(f"_{place}" if field == "_" else field, *rest) for place, (field, *rest) in enumerate(columns)]
    if not 0 <= points <= MAX_POINTS or not 0 < len(named) <= MAX_FIELDS:
        raise CaptureError(f"{name}: claims {points:,} points of {len(named)} fields; it is refused")
    dtype = np.dtype(named)
    if not 0 < dtype.itemsize <= MAX_HEADER_BYTES:
        raise CaptureError(f"{name}: claims points of {dtype.itemsize:,} bytes; it is refused")
    return Layout(start, points, dtype)


def unpack_lzf(data: bytes, layout: Layout, name: str) -> bytes:
    """The fields of a compressed PCD one after another; ``CaptureError`` where they are not what the header promises.

    LZF: a control byte below 32 tells of that many bytes more one to copy as they are; another of 2 to 264
    bytes to repeat from up to 8 KiB before.
    """
    expected = layout.count * layout.dtype.itemsize
    size = int.from_bytes(data[layout.start : layout.start + 4], "little")
    packed = data[layout.start + 8 : layout.start + 8 + size]
    if expected > MAX_UNPACKED_BYTES or len(packed) != size:
        raise CaptureError(f"{name}: {len(packed):,} of {size:,} packed bytes; the file is cut short")
    unpacked = bytearray()
    at = 0
    while at < size and len(unpacked) <= expected:
        control = packed[at]
        at += 1
        if control < 32:
            unpacked += packed[at : at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        header = packed[at : at + 2]
        if length == 7 and header:
            length += header[0]
            at += 1
            header = header[1:]
        start = len(unpacked) - ((control & 31) << 8) - (header[0] if header else 0) - 1
        if not header or start < 0:
            raise CaptureError(f"{name}: its packed points are damaged; fetch it again")
        at += 1
        length += 2
        while length > 0:  # a repetition may reach into itself
            piece = unpacked[start : start + length]
            unpacked += piece
            start, length = start + len(piece), length - len(piece)
    if len(unpacked) != expected:
        raise CaptureError(f"{name}: unpacks to {len(unpacked):,} of {expected:,} bytes; the file is damaged")
    return bytes(unpacked)
