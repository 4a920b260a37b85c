"""ScanNet++'s iPhone frames with depth of the laser scan, as the data set's own toolbox extracts and renders them."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from recon.captures.images import decode_image
from recon.depth.depth_io import read_depth
from recon.errors import CaptureError, UsageError
from recon.evaluation.depth_samples import DepthSample, plain_sensor
from recon.evaluation.depth_scores import Counting

IMAGE, PROMPT, TRUTH = ("rgb", ".jpg"), ("depth", ".png"), ("render_depth", ".png")
PAPER = "paper"
# In code of the paper's group and in Depth Anything 3's benchmark of the same first author: very probably the 20
# scenes that the paper takes from the validation split at random, which it does not name.
PAPER_SCENES = (
    "09c1414f1b", "1ada7a0617", "40aec5fffa", "3e8bba0176", "acd95847c5", "578511c8a9", "5f99900f09", "c4c04e6d6c",
    "f3d64c30f8", "7bc286c1b6", "c5439f4607", "286b55a2bf", "fb5a96b1a2", "7831862f02", "38d58a7a31", "bde1e479ad",
    "9071e139d9", "21d970d8de", "bcd2436daf", "cc5237fd77",
)  # fmt: skip
COUNTING = Counting(min_depth=0.05, max_depth=5.0)  # in code of the paper's group; the paper does not say


class ScanNetPlusPlus:
    """Frames that have all of ``ROOT/data/<scene>/iphone/{rgb/*.jpg,depth/*.png,render_depth/*.png}``.

    The toolbox writes ``rgb`` and ``depth`` from the recording (``iphone.prepare_iphone_data``) and ``render_depth``
    from the laser scan's mesh through the iPhone's own lens and poses (``common.render``); both are millimetres.
    Names are ``<scene>/<frame>``.

    Args:
        root: the folder that holds ``data``.
        split: a list of scenes, ``ROOT/splits/<split>.txt``, or paper for those that the paper probably used; None
            for all scenes that are there.
    """

    dataset = "scannetpp"

    def __init__(self, root: Path, split: str | None = None) -> None:
        self._data = root / "data"
        if not self._data.is_dir():
            raise UsageError(f"{self._data}: no such folder; give the --root that holds data/ and splits/")
        wanted = sorted(path.name for path in self._data.iterdir()) if split is None else _scenes(root, split)
        self.names = [f"{scene}/{frame}" for scene in wanted for frame in self._frames(scene)]
        absent = len(wanted) - len({name.split("/")[0] for name in self.names})
        self.notes = [f"{absent} of {len(wanted)} scenes have no frame with picture, depth and rendered depth"]
        if not absent:
            self.notes.clear()
        if not self.names:
            raise CaptureError(
                f"{self._data}: no scene with iphone/rgb, iphone/depth and iphone/render_depth; "
                "extract and render them with the toolbox of ScanNet++"
            )

    def samples(self, rows: Sequence[int]) -> Iterator[Callable[[], DepthSample]]:
        """See ``DepthSource``."""
        for row in rows:
            yield partial(self._read, self.names[row])

    def _frames(self, scene: str) -> list[str]:
        found = [
            {path.stem for path in (self._data / scene / "iphone" / kind).glob(f"frame_*{suffix}")}
            for kind, suffix in (IMAGE, PROMPT, TRUTH)
        ]
        return sorted(set.intersection(*found))

    def _read(self, name: str) -> DepthSample:
        scene, frame = name.split("/")
        image, prompt, truth = (
            self._data / scene / "iphone" / kind / f"{frame}{suffix}" for kind, suffix in (IMAGE, PROMPT, TRUTH)
        )
        picture = decode_image(image.read_bytes(), str(image))
        return DepthSample(name, read_depth(truth), picture, plain_sensor(read_depth(prompt)))


def _scenes(root: Path, split: str) -> list[str]:
    if split == PAPER:
        return list(PAPER_SCENES)
    path = root / "splits" / f"{split}.txt"
    if not re.fullmatch(r"\w+", split) or not path.is_file():
        raise UsageError(f"split is {split}; it must be {PAPER} or the name of a list in {path.parent}")
    scenes = path.read_text("utf-8", errors="replace").split()
    for scene in scenes:
        if not re.fullmatch(r"\w+", scene):
            raise CaptureError(f"{path}: {scene!r} is no scene's name; download the list again")
    return scenes
