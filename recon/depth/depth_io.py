"""Depth maps as files: PNG for everyone, EXR and npz for those who need every bit."""

import json
import math
import zipfile
import zlib
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from recon import atomic
from recon.captures.images import MAX_PIXELS, decode_depth_png
from recon.errors import CaptureError, UsageError

DepthFormat = Literal["png", "exr", "npz"]
MAX_MM_DEPTH = 65.0  # metres; above, 16 bits of millimetres would overflow
METRES_PER_MM = 0.001
METRES_PER_KITTI_UNIT = 1 / 256
SIDECAR_SUFFIX = ".units.json"  # beside a PNG in another unit than millimetres
EXR_DTYPES = {"HALF": np.float16, "FLOAT": np.float32, "UINT": np.uint32}
UNREADABLE = (  # what the three readers raise on damaged files
    OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, MemoryError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
PNG_LEVEL = 1  # twice the speed of the default at 3 % more bytes


def write_depth(path: Path, depth: Float[np.ndarray, "h w"], file_format: DepthFormat) -> Path:
    """Writes metres (0 = unknown) beside ``path``'s stem and returns the file.

    PNG holds millimetres; where the depth passes 65 m, metres x 256 as KITTI does, which a sidecar
    ``<stem>.units.json`` states.
    """
    path = path.with_suffix(f".{file_format}")
    if file_format == "png":
        far = float(depth.max(initial=0)) > MAX_MM_DEPTH
        metres_per_unit = METRES_PER_KITTI_UNIT if far else METRES_PER_MM
        atomic.write_bytes(path, encode_depth_png(depth, metres_per_unit))
        sidecar = path.with_suffix(SIDECAR_SUFFIX)
        if far:
            atomic.write_bytes(sidecar, encode_metres_per_unit(metres_per_unit))
        else:
            sidecar.unlink(missing_ok=True)
    elif file_format == "exr":
        import OpenEXR

        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        pixels = np.ascontiguousarray(depth, np.float32)
        with atomic.replacing(path) as temporary, OpenEXR.File(header, {"Z": pixels}) as file:
            file.write(str(temporary))
    else:
        with atomic.replacing(path) as temporary:
            np.savez_compressed(temporary, depth=depth)
    return path


def read_depth(path: Path) -> Float[np.ndarray, "h w"]:
    """Metres of a file that ``write_depth`` or a phone's app wrote: 16-bit PNG (millimetres unless its
    sidecar says otherwise), EXR (channel Z, or its only one) or npz (array ``depth``)."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file; give a depth map as .png, .exr or .npz")
    suffix = path.suffix.lower()
    if suffix not in (".png", ".exr", ".npz"):
        raise UsageError(f"{path}: depth is read from .png (16 bit), .exr and .npz")
    try:
        if suffix == ".png":
            sidecar = path.with_suffix(SIDECAR_SUFFIX)
            unit = read_metres_per_unit(sidecar) if sidecar.exists() else METRES_PER_MM
            return decode_depth_png(path.read_bytes(), str(path), unit)
        depth = _read_exr(path) if suffix == ".exr" else _read_npz(path)
    except UNREADABLE as error:
        raise CaptureError(f"{path}: not a readable depth map ({error}); write it again") from error
    if depth.ndim != 2:
        raise CaptureError(f"{path}: an array of shape {depth.shape}; a depth map has two axes")
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))


def encode_depth_png(depth: Float[np.ndarray, "h w"], metres_per_unit: float) -> bytes:
    """A 16-bit PNG; depth that rounds above 65535 units becomes unknown."""
    units = np.rint(depth / metres_per_unit)
    stored = np.where((units > 0) & (units <= np.iinfo(np.uint16).max), units, 0).astype(np.uint16)
    return cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])[1].tobytes()


def encode_metres_per_unit(metres_per_unit: float) -> bytes:
    """The sidecar of a PNG in this unit."""
    return json.dumps({"metres_per_unit": metres_per_unit}).encode()


def read_metres_per_unit(sidecar: Path) -> float:
    """What ``encode_metres_per_unit`` wrote; ``CaptureError`` where it does not say a length."""
    try:
        unit = float(json.loads(sidecar.read_text("utf-8"))["metres_per_unit"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CaptureError(f"{sidecar}: does not say metres_per_unit; remove or mend it") from error
    if not (unit > 0 and math.isfinite(unit)):
        raise CaptureError(f"{sidecar}: metres_per_unit is {unit}, no length; remove or mend it")
    return unit


def colour_depth(depth: Float[np.ndarray, "h w"], low: float, high: float) -> UInt8[np.ndarray, "h w 3"]:
    """A picture of the depth between two values in metres: near is red, far is blue, unknown black."""
    share = np.clip((depth - low) / max(high - low, 1e-6), 0, 1)
    colours = cv2.applyColorMap((255 * (1 - share)).astype(np.uint8), cv2.COLORMAP_TURBO)
    return np.where(depth[..., None] > 0, cv2.cvtColor(colours, cv2.COLOR_BGR2RGB), np.uint8(0))


def encode_jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A picture for looking at."""
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def _read_npz(path: Path) -> Float[np.ndarray, "..."]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return _as_float32(arrays["depth"])


def _read_exr(path: Path) -> Float[np.ndarray, "h w"]:
    import OpenEXR

    # The older of OpenEXR's two classes: the newer prints damage to standard output and goes on.
    picture = OpenEXR.InputFile(str(path))
    try:
        header = picture.header()
        window, channels = header["dataWindow"], header["channels"]
        width, height = window.max.x - window.min.x + 1, window.max.y - window.min.y + 1
        if not 0 < width * height <= MAX_PIXELS:
            raise ValueError(f"{width}x{height} pixels")
        if "Z" not in channels and len(channels) != 1:
            raise ValueError(f"channels {', '.join(sorted(channels))}, none of them Z")
        name = "Z" if "Z" in channels else next(iter(channels))
        values = np.frombuffer(picture.channel(name), EXR_DTYPES[str(channels[name].type)])
        return _as_float32(values.reshape(height, width))
    finally:
        picture.close()


def _as_float32(values: np.ndarray) -> Float[np.ndarray, "..."]:
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which is unknown
        return np.asarray(values, np.float32)
