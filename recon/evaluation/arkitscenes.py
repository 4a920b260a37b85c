"""ARKitScenes' depth upsampling set, prepared as its authors' evaluation does (arXiv:2111.08897)."""

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from recon.captures.images import decode_depth_png, decode_image
from recon.errors import CaptureError, UsageError
from recon.evaluation.depth_samples import DepthSample, plain_sensor
from recon.evaluation.depth_scores import Counting

METADATA = "metadata.csv"
SPLITS = ("Validation", "Training")
WIDE, TRUTH, PROMPT = "wide", "highres_depth", "lowres_depth"
METRES_PER_UNIT = 0.001
# Rows and columns of the truth and of the prompt at each upsampling factor, before turning upright.
SIZES = {
    2: ((384, 512), (192, 256)),
    4: ((768, 1024), (192, 256)),
    8: ((1440, 1920), (180, 240)),
}
FACTOR = 4  # where none is asked for
CROP = 32  # sides become multiples of it, which at these sizes they are
# The authors' code has no unknown predictions: a pixel of 0 is a prediction of 0.
COUNTING = Counting(min_depth=0.01, unknown_is_zero=True)
TURN = {  # by where the sky is in the stored picture
    "Up": None,
    "Left": cv2.ROTATE_90_CLOCKWISE,
    "Right": cv2.ROTATE_90_COUNTERCLOCKWISE,
    "Down": cv2.ROTATE_180,
}


class ARKitScenes:
    """One split of the set: ``ROOT/{Training,Validation}/<video>/{wide,highres_depth,lowres_depth}/*.png``.

    Pictures are resized bilinearly and depth by nearest pixel, as OpenCV does both, then turned upright by the
    video's sky direction in ``ROOT/metadata.csv``. Names are ``<video>/<file>``.

    Args:
        root: the folder that holds ``metadata.csv``.
        split: Validation or Training.
        factor: of upsampling: 2, 4 or 8.
    """

    dataset = "arkitscenes"

    def __init__(self, root: Path, split: str = SPLITS[0], factor: int = FACTOR) -> None:
        if split not in SPLITS:
            raise UsageError(f"split is {split}; it must be {' or '.join(SPLITS)}")
        if factor not in SIZES:
            raise UsageError(f"factor is {factor}; it must be {', '.join(str(size) for size in SIZES)}")
        self._folder = root / split
        if not self._folder.is_dir():
            raise UsageError(f"{self._folder}: no such folder; give the --root that holds {split}/ and {METADATA}")
        self._size, self._prompt_size = SIZES[factor]
        listed = _sky_directions(root / METADATA, split)
        pictures = {video: sorted((self._folder / video / WIDE).glob("*.png")) for video in listed}
        self._sky = {f"{video}/{path.stem}": listed[video] for video, paths in pictures.items() for path in paths}
        self.names = list(self._sky)
        absent = sum(not paths for paths in pictures.values())
        self.notes = [f"{absent} of {len(listed)} videos in {METADATA} have no pictures here"] if absent else []
        if not self.names:
            raise CaptureError(f"{self._folder}: no <video>/{WIDE}/*.png of a video in {METADATA}; download the set")

    def samples(self, rows: Sequence[int]) -> Iterator[Callable[[], DepthSample]]:
        """See ``DepthSource``."""
        for row in rows:
            yield partial(self._read, self.names[row])

    def _read(self, name: str) -> DepthSample:
        video, stem = name.split("/")
        sky = self._sky[name]

        def path(kind: str) -> Path:
            return self._folder / video / kind / f"{stem}.png"

        image = decode_image(_bytes(path(WIDE)), str(path(WIDE)))
        target = _depth(path(TRUTH), self._size, sky)
        return DepthSample(
            name,
            _cropped(target),
            _cropped(_upright(_resized(image, self._size, cv2.INTER_LINEAR), sky)),
            plain_sensor(_depth(path(PROMPT), self._prompt_size, sky)),
        )


def _sky_directions(path: Path, split: str) -> dict[str, str]:
    """Of each video of the split, in the table's order."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path}: cannot be read ({error}); it belongs to the set and says which way is up in each video"
        ) from error
    found = {}
    for row in table:
        video, fold, sky = (row.get(key) or "" for key in ("video_id", "fold", "sky_direction"))
        if fold != split:
            continue
        if not video.isdecimal() or sky not in TURN:
            raise CaptureError(
                f"{path}: video {video!r} has sky_direction {sky!r}; mend or remove the row ({', '.join(TURN)})"
            )
        found[video] = sky
    if not found:
        raise CaptureError(f"{path}: no row with video_id, sky_direction and the fold {split}; download it again")
    return found


def _depth(path: Path, size: tuple[int, int], sky: str) -> np.ndarray:
    depth = decode_depth_png(_bytes(path), str(path), METRES_PER_UNIT)
    return _upright(_resized(depth, size, cv2.INTER_NEAREST), sky)


def _resized(pixels: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    height, width = size
    return pixels if pixels.shape[:2] == size else cv2.resize(pixels, (width, height), interpolation=interpolation)


def _upright(pixels: np.ndarray, sky: str) -> np.ndarray:
    turn = TURN[sky]
    return pixels if turn is None else cv2.rotate(pixels, turn)


def _cropped(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    return pixels[: height - height % CROP, : width - width % CROP]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read ({error.strerror}); download the video again") from error
