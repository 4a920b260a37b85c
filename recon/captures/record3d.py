"""Record3D's own files (.r3d): a zip with JPEG colour, LZFSE-packed depth, and one metadata file."""

import math

import numpy as np
from jaxtyping import Float, UInt8

from recon.captures.archive import Files
from recon.captures.bounded_lzfse import declared_bytes, decompress
from recon.captures.numbered import counted, frames_with_files, numbered_files, without_confidence
from recon.captures.record3d_metadata import checked_metres, read_metadata
from recon.captures.stills import FILES_TRIED, Size, Stills
from recon.errors import CaptureError

MAX_DEPTH_PIXELS = 1 << 20  # the front camera's have 307,200, the LiDAR's 49,152


class Record3D(Stills):
    """Depth is float32 metres, poses are camera to world in ARKit's axes of the picture as stored."""

    format = "Record3D"
    signature = "metadata beside rgbd/0.depth"

    @staticmethod
    def claims(files: Files) -> bool:
        return "metadata" in files.names

    def __init__(self, files: Files) -> None:
        images, image_problems = numbered_files(files.names, r"rgbd/([0-9]{1,9})\.(?:jpg|jpeg|png)")
        depths, depth_problems = numbered_files(files.names, r"rgbd/([0-9]{1,9})\.depth")
        confidences, confidence_problems = numbered_files(files.names, r"rgbd/([0-9]{1,9})\.conf")
        if not images and not depths:
            raise CaptureError(f"{files.path}: no frames in the capture, only its metadata; export it again")
        metadata = read_metadata(files, "metadata")
        self.up = metadata.up
        index, missing_problems = frames_with_files(range(len(metadata)), images, depths)
        self._packed_size = metadata.depth_size or _size_from_length(files, depths, metadata.image_size)
        if math.prod(self._packed_size) > MAX_DEPTH_PIXELS:
            width, height = self._packed_size
            raise CaptureError(
                f"{files.path}: metadata states depth of {width}x{height}, more than any phone's; refused"
            )
        super().__init__(
            files,
            index=index,
            timestamp=metadata.timestamp[index],
            T_world_camera=metadata.T_world_camera[index],
            intrinsics=metadata.intrinsics[index],
            stated_size=metadata.image_size,
            images=images,
            depths=depths,
            confidences=confidences,
            decode_depth=self._unpack_depth,
            depth_unit="metres",
            decode_confidence=self._unpack_confidence,
            depth_size=self._packed_size,
            problems=metadata.problems
            + image_problems
            + depth_problems
            + confidence_problems
            + missing_problems
            + without_confidence(index, depths, confidences)
            + counted("colour file missing", sorted(set(index.tolist()) - set(images)), "noted"),
        )

    def _unpack_depth(self, data: bytes, name: str) -> Float[np.ndarray, "h w"]:
        width, height = self._packed_size
        values = np.frombuffer(decompress(data, 4 * width * height, name), "<f4")
        return checked_metres(values.reshape(height, width), name)

    def _unpack_confidence(self, data: bytes, name: str) -> UInt8[np.ndarray, "h w"]:
        width, height = self._packed_size
        levels = np.frombuffer(decompress(data, width * height, name), np.uint8).reshape(height, width)
        if levels.max(initial=0) > 2:
            raise CaptureError(f"{name}: a confidence of {levels.max()} instead of 0 to 2; export the capture again")
        return levels


def _size_from_length(files: Files, depths: dict[int, str], image_size: Size) -> Size:
    """The depth maps' size from their unpacked length at the pictures' aspect: early files do not state it."""
    for _, name in sorted(depths.items())[:FILES_TRIED]:
        try:
            pixels = declared_bytes(files.read(name), name) // 4
        except CaptureError:
            continue  # raised again, and counted, when its frame is read
        width = round(math.sqrt(pixels * image_size[0] / image_size[1]))
        if width and width * (pixels // width) == pixels:
            return width, pixels // width
    raise CaptureError(f"{files.path}: metadata states no depth size (dw, dh), nor do the depth files tell it")
