"""Folders of depth maps and pictures whose files belong together by their names."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from recon.captures.images import decode_image
from recon.depth.depth_io import read_depth
from recon.errors import CaptureError, UsageError
from recon.evaluation.depth_samples import DepthSample, plain_sensor

DEPTH_SUFFIXES = (".png", ".exr", ".npz")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")
IMAGE, PROMPT, DEPTH = "image", "prompt", "depth"  # folders of a set of triples


class TrueDepthFolder:
    """Depth maps of a folder and its folders: the truth that predictions of the same names are held against."""

    dataset = "folder"

    def __init__(self, folder: Path) -> None:
        self._files = files_by_stem(folder, DEPTH_SUFFIXES, "depth maps")
        self.names = list(self._files)
        self.notes: list[str] = []

    def samples(self, rows: Sequence[int]) -> Iterator[Callable[[], DepthSample]]:
        """See ``DepthSource``."""
        for row in rows:
            yield partial(self._read, self.names[row])

    def _read(self, name: str) -> DepthSample:
        return DepthSample(name, read_depth(self._files[name]))


class Triples:
    """A set of training triples: folders ``image``, ``prompt`` and ``depth`` with equal stems."""

    dataset = "triples"

    def __init__(self, root: Path) -> None:
        self._depths = files_by_stem(root / DEPTH, DEPTH_SUFFIXES, "depth maps")
        self._images = files_by_stem(root / IMAGE, PICTURE_SUFFIXES, "pictures")
        self._prompts = files_by_stem(root / PROMPT, DEPTH_SUFFIXES, "depth maps")
        self.names = [name for name in self._depths if name in self._images and name in self._prompts]
        incomplete = len({*self._depths, *self._images, *self._prompts}) - len(self.names)
        self.notes = [f"{incomplete} names are not in all three folders, and left out"] if incomplete else []
        if not self.names:
            raise CaptureError(f"{root}: no name is in {IMAGE}, {PROMPT} and {DEPTH} alike; name the files equally")

    def samples(self, rows: Sequence[int]) -> Iterator[Callable[[], DepthSample]]:
        """See ``DepthSource``."""
        for row in rows:
            yield partial(self._read, self.names[row])

    def _read(self, name: str) -> DepthSample:
        return DepthSample(
            name,
            read_depth(self._depths[name]),
            decode_image(self._images[name].read_bytes(), str(self._images[name])),
            plain_sensor(read_depth(self._prompts[name])),
        )


def files_by_stem(folder: Path, suffixes: tuple[str, ...], kind: str) -> dict[str, Path]:
    """Files with these suffixes by their path in the folder without suffix, in order of name.

    Raises ``UsageError`` where there are none, or two of one name.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give one with {kind}")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in suffixes or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        other = found.setdefault(name, path)
        if other != path:
            raise UsageError(f"{path}: {other.name} has the same name; leave only one of them there")
    if not found:
        raise UsageError(f"{folder}: no {kind} inside ({' '.join(suffixes)}); give another folder")
    return found
