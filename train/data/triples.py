"""Folders of pictures and depth maps with equal names: what `recon synth` writes, and how anyone brings data along."""

import json
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float

from recon.captures.images import decode_image
from recon.errors import CaptureError, UsageError
from recon.evaluation.depth_pairs import DEPTH, IMAGE, PICTURE_SUFFIXES, PROMPT, TrueDepthFolder, files_by_stem
from recon.geometry.camera import Camera
from train.sample import Sample

PSEUDO = "pseudo"
INTRINSICS = "intrinsics.json"
INTRINSICS_KEYS = ("width", "height", "fx", "fy", "cx", "cy")


class Triples:
    """``image/``, ``depth/`` and where they are known ``prompt/`` and ``pseudo/``, with equal stems.

    Depth is PNG (16 bit, millimetres), EXR or npz (array ``depth``), of the picture's size; prompts have a size of
    their own. Without ``pseudo/`` the gradients are held against the depth itself. ``intrinsics.json`` holds width,
    height, fx, fy, cx and cy of all the pictures, in pixels.
    """

    def __init__(self, root: Path) -> None:
        self.name = root.resolve().name
        self._root = root
        self._images = files_by_stem(root / IMAGE, PICTURE_SUFFIXES, "pictures")
        self._depths = DepthFiles(root / DEPTH)
        self._prompts = DepthFiles(root / PROMPT) if (root / PROMPT).is_dir() else None
        self._pseudo = DepthFiles(root / PSEUDO) if (root / PSEUDO).is_dir() else None
        others = [files for files in (self._prompts, self._pseudo) if files is not None]
        self._stems = [stem for stem in self._images if all(stem in files for files in (self._depths, *others))]
        if not self._stems:
            folders = [IMAGE, DEPTH, *((PROMPT,) if self._prompts else ()), *((PSEUDO,) if self._pseudo else ())]
            raise UsageError(f"{root}: no name is in {', '.join(folders)} alike; name the files equally")
        path = root / INTRINSICS
        self._camera = _read_camera(path) if path.exists() else None

    def __len__(self) -> int:
        return len(self._stems)

    def sample(self, index: int) -> Sample:
        """See ``Dataset``."""
        stem = self._stems[index]
        image = decode_image(self._images[stem].read_bytes(), str(self._images[stem]))
        depth = self._depths.read(stem)
        pseudo = self._pseudo.read(stem) if self._pseudo else depth
        for kind, map_ in ((DEPTH, depth), (PSEUDO, pseudo)):
            if map_.shape != image.shape[:2]:
                raise CaptureError(
                    f"{self._root / kind / stem}: {map_.shape[1]}x{map_.shape[0]}, but the picture is "
                    f"{image.shape[1]}x{image.shape[0]}; write both at one size"
                )
        height, width = image.shape[:2]
        return Sample(
            name=stem,
            image=image,
            depth=depth,
            prompt=self._prompts.read(stem) if self._prompts else None,
            pseudo=pseudo,
            K=self._camera.resized(width, height).K if self._camera else None,
        )


class DepthFiles:
    """Depth maps of a folder by their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = TrueDepthFolder(folder)
        self._rows = {name: row for row, name in enumerate(self._folder.names)}

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def read(self, name: str) -> Float[np.ndarray, "h w"]:
        """Metres, 0 = unknown."""
        (read,) = self._folder.samples([self._rows[name]])
        return read().target


def _read_camera(path: Path) -> Camera:
    try:
        values = [float(json.loads(path.read_text("utf-8"))[key]) for key in INTRINSICS_KEYS]
        if not all(map(math.isfinite, values)):
            raise ValueError("a value is not finite")
        return Camera.from_focal(int(values[0]), int(values[1]), *values[2:])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CaptureError(
            f"{path}: no intrinsics ({error}); give {', '.join(INTRINSICS_KEYS)} in pixels, or remove it"
        ) from error
