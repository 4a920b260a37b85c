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
    """Frames of an open capture and a folder of depth maps named by frame number, as ``000012.png``."""

    dataset = "capture"

    def __init__(self, capture: Capture, truth: Path) -> None:
        files = files_by_stem(truth, DEPTH_SUFFIXES, "depth maps")
        by_number = {int(name): path for name, path in files.items() if name.isdecimal()}
        if not by_number:
            raise UsageError(f"{truth}: no file is named by a frame's number, as 000012.png; rename the depth maps")
        self._capture = capture
        index = capture.table.index.tolist()
        self._rows = [row for row, number in enumerate(index) if number in by_number]
        if not self._rows:
            raise UsageError(
                f"{truth}: numbers from {min(by_number)} to {max(by_number)}, of which {capture.name} has no frame, "
                f"whose numbers go from {min(index)} to {max(index)}; rename the depth maps"
            )
        self._files = {row: by_number[index[row]] for row in self._rows}
        self.names = [f"{index[row]:06d}" for row in self._rows]
        unmatched = len(files) - len({index[row] for row in self._rows})
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
