"""Record3D's "EXR + RGB" export: rgb/0.jpg, depth/0.exr and metadata.json."""

import io
from functools import partial

import numpy as np
import OpenEXR
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.numbered import counted, frames_with_files, numbered_files, without_confidence
from recon.captures.record3d_metadata import checked_metres, read_metadata
from recon.captures.stills import FILES_TRIED, Size, Stills
from recon.errors import CaptureError

DTYPES = {"HALF": np.float16, "FLOAT": np.float32}


class Record3DExr(Stills):
    """Depth is metres, in half floats with steps of 1 mm at 1 m and 4 mm at 4 m; there is no confidence."""

    format = "Record3D EXR + RGB"
    signature = "metadata.json beside rgb/0.jpg and depth/0.exr"

    @staticmethod
    def claims(files: Files) -> bool:
        has_depth = any(name.startswith("depth/") and name.endswith(".exr") for name in files.names)
        return has_depth and "metadata.json" in files.names

    def __init__(self, files: Files) -> None:
        images, image_problems = numbered_files(files.names, r"rgb/([0-9]{1,9})\.(?:jpg|jpeg|png)")
        depths, depth_problems = numbered_files(files.names, r"depth/([0-9]{1,9})\.exr")
        metadata = read_metadata(files, "metadata.json")
        self.up = metadata.up
        index, missing_problems = frames_with_files(range(len(metadata)), images, depths)
        super().__init__(
            files,
            index=index,
            timestamp=metadata.timestamp[index],
            T_world_camera=metadata.T_world_camera[index],
            intrinsics=metadata.intrinsics[index],
            stated_size=metadata.image_size,
            images=images,
            depths=depths,
            confidences={},
            decode_depth=partial(decode_exr, largest=metadata.image_size),
            depth_unit="metres",
            depth_size=metadata.depth_size or _first_size(files, depths, metadata.image_size),
            problems=metadata.problems
            + image_problems
            + depth_problems
            + missing_problems
            + without_confidence(index, depths, {})
            + counted("colour file missing", sorted(set(index.tolist()) - set(images)), "noted"),
        )


def decode_exr(data: bytes, name: str, largest: Size) -> Float[np.ndarray, "h w"]:
    """Metres of an EXR picture with one channel, refused before it is unpacked where it is above ``largest``."""
    # The older of OpenEXR's two classes: the newer prints damage to standard output and goes on.
    try:
        picture = OpenEXR.InputFile(io.BytesIO(data))
        header = picture.header()
        window, channels = header["dataWindow"], header["channels"]
        width, height = window.max.x - window.min.x + 1, window.max.y - window.min.y + 1
        kinds = {channel: str(kind).split()[0] for channel, kind in channels.items()}
        if not (0 < width <= largest[0] and 0 < height <= largest[1]):
            raise CaptureError(
                f"{name}: {width}x{height}, more than the pictures' {largest[0]}x{largest[1]}; export the capture again"
            )
        if len(kinds) != 1 or not set(kinds.values()) <= DTYPES.keys():
            raise CaptureError(f"{name}: channels {kinds}, so not metric depth; one channel of floats is needed")
        ((channel, kind),) = kinds.items()
        values = np.frombuffer(picture.channel(channel), DTYPES[kind])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CaptureError(f"{name}: not a readable EXR picture ({error}); export the capture again") from error
    if values.size != width * height:
        raise CaptureError(f"{name}: {values.size} values for {width}x{height} pixels; export the capture again")
    return checked_metres(values.reshape(height, width), name)


def _first_size(files: Files, depths: dict[int, str], largest: Size) -> Size | None:
    """Width and height of the first depth map that can be read, for metadata that does not state it."""
    for _, name in sorted(depths.items())[:FILES_TRIED]:
        try:
            height, width = decode_exr(files.read(name), name, largest).shape
        except CaptureError:
            continue  # raised again, and counted, when its frame is read
        return width, height
    return None
