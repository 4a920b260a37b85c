"""Decoding pictures and depth maps from bytes that are not trusted."""

import contextlib
import io

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from recon.errors import CaptureError

MAX_PIXELS = 1 << 27  # 134 megapixels, above any phone's camera
MAX_DEPTH_PIXELS = 1 << 24  # sensors have 0.05 to 0.3 million; depth made at the size of a picture 12
CONFIDENCE_OF_BYTE = np.round(np.arange(256) / 127.5).astype(np.uint8)  # of apps that write 0/127/255


def decode_image(data: bytes, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """RGB of a JPEG or PNG as stored: an orientation tag is not acted upon."""
    pixels = _decode(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    rgb: UInt8[np.ndarray, "h w 3"] = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return rgb


def decode_depth_png(data: bytes, name: str, metres_per_unit: float, unknown: int = 0) -> Float[np.ndarray, "h w"]:
    """Depth in metres of a 16-bit grey PNG; 0 and ``unknown`` mean unknown."""
    stored = _decode(data, name, cv2.IMREAD_UNCHANGED, MAX_DEPTH_PIXELS)
    if stored.dtype != np.uint16 or stored.ndim != 2:
        channels = 1 if stored.ndim == 2 else stored.shape[2]
        raise CaptureError(
            f"{name}: {8 * stored.itemsize}-bit with {channels} channel(s), so not metric depth; 16-bit grey is needed"
        )
    depth = (stored * metres_per_unit).astype(np.float32)
    depth[stored == unknown] = 0
    return depth


def decode_depth_npy(data: bytes, name: str, metres_per_unit: float) -> Float[np.ndarray, "h w"]:
    """Depth in metres of a two-dimensional uint16 ``.npy``; 0 means unknown."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = read_header(file)
    except ValueError as error:
        raise CaptureError(
            f"{name}: not a readable .npy file ({len(data):,} bytes); export the capture again"
        ) from error
    stored = data[file.tell() :]
    # Nothing is allocated on the header's word: what it claims must be what is there.
    if dtype != np.uint16 or len(shape) != 2 or shape[0] * shape[1] * 2 != len(stored):
        raise CaptureError(
            f"{name}: {dtype} of shape {shape} in {len(stored):,} bytes, so not metric depth; "
            "a whole map of uint16 is needed"
        )
    values = np.frombuffer(stored, dtype).reshape(shape, order="F" if by_columns else "C")
    return (values * metres_per_unit).astype(np.float32)


def decode_confidence_png(data: bytes, name: str) -> UInt8[np.ndarray, "h w"]:
    """Levels 0, 1, 2; the codes 0/127/255 of some apps are mapped to them."""
    stored = _decode(data, name, cv2.IMREAD_UNCHANGED, MAX_DEPTH_PIXELS)
    if stored.dtype != np.uint8 or stored.ndim != 2:
        raise CaptureError(f"{name}: not an 8-bit grey picture, so no confidence map")
    levels: UInt8[np.ndarray, "h w"] = CONFIDENCE_OF_BYTE[stored] if stored.max(initial=0) > 2 else stored
    return levels


def _decode(data: bytes, name: str, flags: int, most_pixels: int = MAX_PIXELS) -> np.ndarray:
    width, height = picture_size(data)
    if width * height > most_pixels:
        raise CaptureError(f"{name}: claims {width}x{height} pixels, more than any such file has; it is refused")
    pixels: np.ndarray | None = None
    if width * height > 0:
        with contextlib.suppress(cv2.error):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise CaptureError(f"{name}: not a readable picture ({len(data):,} bytes); export the capture again")
    return pixels


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height that a PNG or JPEG header claims, without decoding; (0, 0) where there is none."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 < len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xFF:  # padding before a marker
            at += 1
            continue
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start of frame
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    return 0, 0
