import contextlib
import io
from collections.abc import Callable

import numpy as np
import pytest

from recon.captures.point_files import decode_points, sweep_points
from recon.errors import CaptureError

POINTS = np.random.default_rng(0).uniform(-40, 40, (600, 3)).astype(np.float32)
INTENSITY = np.linspace(0, 1, 600, dtype=np.float32)
RING = np.arange(600, dtype=np.float32) % 32
ROWS = np.column_stack([POINTS, INTENSITY])


def read(data: bytes, name: str, columns: tuple[str, ...] | None = None) -> np.ndarray:
    return sweep_points(decode_points(data, name, columns), name)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def lzf_of_literals_and_repeats(data: bytes) -> bytes:
    """Packed by a plain search: repetitions of at least three bytes within 8 KiB, everything else as it is."""
    packed, literals, at, seen = bytearray(), bytearray(), 0, {}

    def flush() -> None:
        while literals:
            part = literals[:32]
            packed.append(len(part) - 1)
            packed.extend(part)
            del literals[:32]

    while at < len(data):
        before = seen.get(data[at : at + 3], -1)
        seen[data[at : at + 3]] = at
        if at + 3 <= len(data) and before >= 0 and at - before <= 8192:
            length = 3
            while length < 264 and at + length < len(data) and data[before + length] == data[at + length]:
                length += 1
            flush()
            distance = at - before - 1
            code = length - 2
            packed.append((min(code, 7) << 5) | (distance >> 8))
            packed.extend([code - 7] if code >= 7 else [])
            packed.append(distance & 255)
            at += length
        else:
            literals.append(data[at])
            at += 1
    flush()
    return bytes(packed)


def pcd(encoding: str) -> bytes:
    header = (
        "# .PCD v0.7\nVERSION 0.7\nFIELDS x y _ z t\nSIZE 4 4 1 8 4\nTYPE F F U F U\nCOUNT 1 1 3 1 1\n"
        f"WIDTH 300\nHEIGHT 2\nPOINTS 600\nDATA {encoding}\n"
    ).encode()
    kinds = np.dtype([("x", "<f4"), ("y", "<f4"), ("_", "u1", 3), ("z", "<f8"), ("t", "<u4")])
    rows = np.zeros(600, kinds)
    rows["x"], rows["y"], rows["z"], rows["t"] = *POINTS.T, np.arange(600)
    if encoding == "ascii":
        lines = [f"{x!r} {y!r} 0 0 0 {z!r} {n}" for n, (x, y, z) in enumerate(POINTS.tolist())]
        return header + "\n".join(lines).encode()
    if encoding == "binary":
        return header + rows.tobytes()
    plain = b"".join(np.ascontiguousarray(rows[field]).tobytes() for field in kinds.names)
    packed = lzf_of_literals_and_repeats(plain)
    return header + len(packed).to_bytes(4, "little") + len(plain).to_bytes(4, "little") + packed


def ply(encoding: str) -> bytes:
    header = (
        f"ply\nformat {encoding} 1.0\ncomment made\nelement vertex 600\nproperty double x\nproperty float y\n"
        "property float z\nproperty uchar intensity\nelement face 0\nproperty list uchar int corners\nend_header\n"
    ).encode()
    order = ">" if "big" in encoding else "<"
    rows = np.zeros(600, [("x", f"{order}f8"), ("y", f"{order}f4"), ("z", f"{order}f4"), ("intensity", "u1")])
    rows["x"], rows["y"], rows["z"] = POINTS.T
    if encoding == "ascii":
        return header + "\n".join(f"{x!r} {y!r} {z!r} 7" for x, y, z in POINTS.tolist()).encode()
    return header + rows.tobytes()


STRUCTURED = np.zeros(600, [("intensity", "u1"), ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("timestamp", "<i8")])
STRUCTURED["x"], STRUCTURED["y"], STRUCTURED["z"] = POINTS.T


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.bin", ROWS.tobytes()),
        ("a.BIN", np.column_stack([ROWS, RING]).tobytes()),
        ("a.bin", np.column_stack([ROWS, RING, INTENSITY]).tobytes()),
        ("a.npy", npy(ROWS)),
        ("a.npy", npy(np.asfortranarray(POINTS.astype(np.float64)))),
        ("a.npy", npy(STRUCTURED)),
        ("a.pcd", pcd("ascii")),
        ("a.pcd", pcd("binary")),
        ("a.pcd", pcd("binary_compressed")),
        ("a.ply", ply("ascii")),
        ("a.ply", ply("binary_little_endian")),
        ("a.ply", ply("binary_big_endian")),
    ],
)
def test_the_same_points_come_out_of_every_form(name: str, data: bytes) -> None:
    points = read(data, name)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, POINTS, rtol=1e-6)


def test_rows_of_five_values_are_told_from_rows_of_four_by_what_they_hold() -> None:
    rows = np.column_stack([ROWS, RING])[:400]  # 8000 bytes are also 500 rows of 16
    columns = decode_points(rows.tobytes(), "a.bin")
    assert list(columns) == ["x", "y", "z", "intensity", "ring"]
    np.testing.assert_array_equal(columns["ring"], RING[:400])


def test_named_columns_are_taken_at_their_word() -> None:
    rows = np.column_stack([INTENSITY, POINTS])
    np.testing.assert_array_equal(read(rows.tobytes(), "a.bin", ("intensity", "x", "y", "z")), POINTS)
    np.testing.assert_array_equal(read(npy(rows), "a.npy", ("intensity", "x", "y", "z")), POINTS)


def test_single_far_and_missing_points_become_nan() -> None:
    rows = ROWS.copy()
    rows[[1, 2, 3], [0, 1, 2]] = [np.nan, np.inf, 5e9]
    points = read(rows.tobytes(), "a.bin", ("x", "y", "z", "intensity"))
    assert np.flatnonzero(np.isnan(points).any(axis=1)).tolist() == [1, 2, 3]


def test_no_bytes_are_no_points() -> None:
    assert read(b"", "a.bin").shape == (0, 3)


PROMISED = pcd("binary").replace(b"POINTS 600", b"POINTS 999999999999")
FAR_REPEAT = pcd("binary_compressed")[: pcd("binary_compressed").index(b"compressed\n") + 11]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.bin", ROWS.tobytes()[:-6], "no rows of 3 to 6 plausible float32 values"),
        ("a.bin", (1e6 * ROWS).tobytes(), "no rows of 3 to 6 plausible"),
        ("a.npy", npy(ROWS)[:-6], "numbers, all of them, are needed"),
        ("a.npy", npy(np.array([{}], dtype=object)), "numbers, all of them, are needed"),
        ("a.npy", npy(POINTS[:, :2]), "rows of at least x, y, z"),
        ("a.npy", npy(POINTS * 1e4), "lie more than 1000 m away"),
        ("a.npy", b"\x93NUMPY", "not a readable .npy"),
        ("a.pcd", pcd("binary")[:-6], "the file is cut short"),
        ("a.pcd", pcd("ascii")[:-200], "the file is cut short"),
        ("a.pcd", pcd("binary_compressed")[:-6], "the file is cut short"),
        ("a.pcd", FAR_REPEAT + b"\x03\0\0\0\0\0\0\0\x20\xff\xff", "packed points are damaged"),
        ("a.pcd", FAR_REPEAT + b"\x02\0\0\0\0\0\0\0\0\x07", "unpacks to 1 of"),
        ("a.pcd", PROMISED, "claims 999,999,999,999 points"),
        ("a.pcd", pcd("binary").replace(b"COUNT 1 1 3", b"COUNT 1 1 999999999"), "PCD header|refused"),
        ("a.pcd", pcd("binary").replace(b"SIZE 4", b"SIZE 3"), "PCD header describes no points"),
        ("a.pcd", pcd("binary").replace(b"FIELDS x y _ z t", b"FIELDS x y _ w t"), "no column z; it has x, y, w, t"),
        ("a.pcd", b"VERSION 0.7\n", "no PCD header"),
        ("a.ply", ply("ascii").replace(b"vertex", b"corner"), "PLY header describes no points"),
        ("a.ply", ply("ascii").replace(b"double", b"half"), "PLY header describes no points"),
        ("a.ply", ply("ascii").replace(b"vertex 600", b"vertex -6"), "refused"),
        ("a.ply", b"ply\n", "no PLY header"),
        ("a.laz", b"", "sweeps are read from .bin, .npy, .pcd, .ply"),
    ],
)
def test_what_is_no_sweep_is_one_sentence(name: str, data: bytes, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        read(data, name)


@pytest.mark.parametrize("whole", [lambda: pcd("binary"), lambda: pcd("binary_compressed"), lambda: ply("ascii")])
def test_damaged_bytes_end_in_points_or_a_sentence(whole: Callable[[], bytes]) -> None:
    data = whole()
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(0, min(len(data), 400), 3):
            damaged[place] = rng.integers(0, 256)
        with contextlib.suppress(CaptureError):
            points = read(bytes(damaged), "a.ply" if data[:3] == b"ply" else "a.pcd")
            assert len(points) <= len(data)
