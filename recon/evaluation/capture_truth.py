"""A capture for which somebody has better depth than its sensor gave."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from recon.captures.base import Capture, Frame, LidarSweep
from recon.depth.depth_io import read_depth
from recon.errors import UsageError
from recon.evaluation.depth_pairs import DEPTH_SUFFIXES, files_by_stem
from recon.evaluation.depth_samples import DepthSample
from recon.prompts.from_lidar import sensor_depth

MAX_LIDAR_DEPTH = 80.0  # metres, of the prompts that a vehicle's sweeps make; what its LiDAR reaches


class CaptureTruth:
    """Frames of an open capture and a folder of depth maps named by frame number, as ``000012.png``.

    Where the capture has several cameras, each has a folder of its name: ``front/000012.png``.
    """

    dataset = "capture"

    def __init__(self, capture: Capture, truth: Path) -> None:
        files = files_by_stem(truth, DEPTH_SUFFIXES, "depth maps")
        numbered = {_key(name): path for name, path in files.items() if name.rpartition("/")[2].isdecimal()}
        self._capture = capture
        several = len(set(capture.table.camera_name)) > 1
        index = capture.table.index.tolist()
        cameras = capture.table.camera_name if several else [""] * len(index)
        keys = list(zip(cameras, index, strict=True))
        self._rows = [row for row, key in enumerate(keys) if key in numbered]
        if not self._rows:
            example = f"{cameras[0]}/{index[0]:06d}.png" if several else f"{index[0]:06d}.png"
            raise UsageError(
                f"{truth}: no depth map is named by a frame of {capture.name}, whose numbers go from {min(index)} to "
                f"{max(index)}; rename them, the first to {example}"
            )
        self._files = {row: numbered[keys[row]] for row in self._rows}
        self.names = [f"{cameras[row]}/{index[row]:06d}".lstrip("/") for row in self._rows]
        unmatched = len(files) - len({keys[row] for row in self._rows})
        self.notes = [f"{unmatched} depth maps of {truth} belong to no frame"] if unmatched else []

    def samples(self, rows: Sequence[int]) -> Iterator[Callable[[], DepthSample]]:
        """See ``DepthSource``."""
        frames = self._capture.frames([self._rows[row] for row in rows])
        for row, frame in zip(rows, frames, strict=True):
            yield partial(self._read, self.names[row], frame)

    def _read(self, name: str, frame: Frame) -> DepthSample:
        sensor = frame.sensor()
        if isinstance(sensor, LidarSweep):
            sensor = sensor_depth(sensor, MAX_LIDAR_DEPTH)
        return DepthSample(name, read_depth(self._files[frame.row]), frame.image(), sensor)


def _key(name: str) -> tuple[str, int]:
    """Folder and number of a file's name."""
    folder, _, number = name.rpartition("/")
    return folder, int(number)
