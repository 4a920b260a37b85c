"""SHIFT, rendered streets with exact depth in every weather (Sun et al., arXiv:2206.08367), as it is downloaded."""

import re
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files, open_files
from recon.captures.images import MAX_DEPTH_PIXELS, decode_image, picture_size
from recon.errors import CaptureError, UsageError
from recon.geometry.camera import Camera
from train.data.base import require_folder
from train.sample import Sample

SOURCE = "download img and depth of the front view from https://www.vis.xyz/shift/download (CC BY-NC-SA 4.0)"
SPLIT, VIEW = "train", "front"
PICTURE = re.compile(r"([\w-]+/\d+)_img_front\.(jpg|png)")
CAMERA = Camera.from_focal(1280, 800, 640.0, 640.0, 639.5, 399.5)  # a field of view of 90 degrees
METRES_PER_UNIT = 1000 / (256**3 - 1)
FARTHEST = 900.0  # metres; the sky is stored as 1000


class Shift:
    """Pictures of ``ROOT/discrete/images/train/front/{img,depth}``, each a folder or a zip.

    Depth is stored in 24 bits over the red, green and blue of a PNG, the lowest in red.
    """

    name = "shift"

    def __init__(self, root: Path) -> None:
        folder = root / "discrete" / "images" / SPLIT / VIEW
        require_folder(folder, "img.zip and depth.zip, or what is in them", SOURCE)
        self._paths = {kind: _place(folder, kind) for kind in ("img", "depth")}
        self._open: dict[str, Files] = {}
        depths = set(self._files("depth").names)
        self._frames = [
            (match[1], name)
            for name in self._files("img").names
            if (match := PICTURE.fullmatch(name)) and f"{match[1]}_depth_front.png" in depths
        ]
        if not self._frames:
            raise UsageError(f"{folder}: no <sequence>/<frame>_img_front.jpg with its _depth_front.png; {SOURCE}")

    def __len__(self) -> int:
        return len(self._frames)

    def sample(self, index: int) -> Sample:
        """See ``Dataset``."""
        frame, picture = self._frames[index]
        image = decode_image(self._files("img").read(picture), f"{self._paths['img']}: {picture}")
        stored = f"{frame}_depth_front.png"
        depth = decode_depth(self._files("depth").read(stored), f"{self._paths['depth']}: {stored}")
        height, width = image.shape[:2]
        if depth.shape != (height, width):
            raise CaptureError(f"{self._paths['depth']}: {stored}: another size than its picture; download it again")
        return Sample(frame, image, depth, pseudo=depth, K=CAMERA.resized(width, height).K)

    def _files(self, kind: str) -> Files:
        """Opened once in each process: an open zip cannot be shared."""
        if kind not in self._open:
            self._open[kind] = open_files(self._paths[kind])
        return self._open[kind]

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_open": {}}


def decode_depth(data: bytes, name: str) -> Float[np.ndarray, "h w"]:
    """Metres of a depth map of 24 bits; 0 in the sky."""
    width, height = picture_size(data)
    stored = None
    if 0 < width * height <= MAX_DEPTH_PIXELS:
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint8 or stored.ndim != 3:
        raise CaptureError(f"{name}: not a depth map of 24 bits; download it again")
    blue, green, red = np.moveaxis(stored[..., :3].astype(np.float64), -1, 0)
    depth = (red + 256 * green + 65536 * blue) * METRES_PER_UNIT
    return np.where(depth <= FARTHEST, depth, 0).astype(np.float32)


def _place(folder: Path, kind: str) -> Path:
    for path in (folder / kind, folder / f"{kind}.zip"):
        if path.exists():
            return path
    raise UsageError(f"{folder}: neither {kind} nor {kind}.zip inside; {SOURCE}")
