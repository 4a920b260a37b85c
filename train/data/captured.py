"""Captures as training data: what a phone, a depth camera or a vehicle recorded, with its own sensor as prompt."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from recon.captures.base import Capture, LidarSweep, SensorDepth
from recon.captures.readers import open_capture
from recon.errors import UsageError
from recon.evaluation.capture_truth import CaptureTruth
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_nearest
from recon.prompts.from_lidar import sensor_depth
from recon.prompts.lidar_projection import nearest_points, spacing_px, visible_points
from train.data.base import Unusable
from train.sample import Sample

MAX_LIDAR_DEPTH = 80.0  # metres, of prompts made from a vehicle's sweeps
PROMPT_SHARE = 0.5  # of a sweep's returns; all of them are the truth
CONFIDENT = 2  # level of a phone's depth that may stand as truth


class Captured:
    """Frames of one capture that have a picture and depth.

    Truth is the folder of depth maps where one is given, with the gradients of that depth. Otherwise it is what the
    sensor measured, at the pixels where it did: all returns of a vehicle's sweep, of which half make the prompt; the
    confident pixels of a phone's depth, one pixel of the picture each, which teach only what faults added to the prompt
    took away. A video is decoded from its start for each frame: extract its pictures first.

    Args:
        path: of a capture that ``open_capture`` reads.
        truth: depth maps named by frame number, as ``000012.png``, in a folder for each camera where there are several.
    """

    def __init__(self, path: Path, truth: Path | None = None) -> None:
        self._path, self._truth = path, truth
        self._capture: Capture | None = None
        self._true: CaptureTruth | None = None
        capture = self._opened()
        self.name = capture.name
        self._rows: list[int]
        if self._true is not None:
            self._rows = list(range(len(self._true.names)))
        else:
            self._rows = np.flatnonzero(capture.table.has_image & capture.table.has_depth).tolist()
        if not self._rows:
            raise UsageError(f"{path}: no frame has a picture and depth; give another capture")

    def __len__(self) -> int:
        return len(self._rows)

    def sample(self, index: int) -> Sample:
        """See ``Dataset``."""
        capture = self._opened()
        if self._true is not None:
            return self._with_truth(self._true, self._rows[index])
        (frame,) = capture.frames([self._rows[index]])
        image, sensor = frame.image(), frame.sensor()
        if image is None or sensor is None:
            raise Unusable(f"{self._path}: frame {frame.index} has no picture or no depth")
        name = f"{frame.camera_name}/{frame.index:06d}"
        if isinstance(sensor, LidarSweep):
            prompt, depth = split_sweep(sensor, np.random.default_rng(index))
        else:
            prompt, depth = sensor, at_picture_pixels(sensor, frame.camera)
        return Sample(name, image, depth, prompt.depth, prompt.confidence, K=frame.camera.K)

    def _with_truth(self, source: CaptureTruth, row: int) -> Sample:
        (read,) = source.samples([row])
        found = read()
        if found.image is None or found.prompt is None:
            raise Unusable(f"{self._path}: frame {found.name} has no picture or no depth")
        height, width = found.image.shape[:2]
        depth = resize_nearest(found.target, width, height)
        return Sample(found.name, found.image, depth, found.prompt.depth, found.prompt.confidence, pseudo=depth)

    def _opened(self) -> Capture:
        """Opened once in each process: an open archive cannot be shared."""
        if self._capture is None:
            self._capture = open_capture(self._path)
            self._true = None if self._truth is None else CaptureTruth(self._capture, self._truth)
        return self._capture

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_capture": None, "_true": None}


def split_sweep(sweep: LidarSweep, rng: np.random.Generator) -> tuple[SensorDepth, Float[np.ndarray, "H W"]]:
    """A prompt completed from some of the returns, and the depth of all that the camera sees, 0 between them."""
    kept = rng.random(len(sweep.points)) < PROMPT_SHARE
    nearest = nearest_points(sweep.points, sweep.camera)
    depth = visible_points(nearest, spacing_px(nearest > 0), sweep.camera)
    return sensor_depth(LidarSweep(sweep.points[kept], sweep.camera), MAX_LIDAR_DEPTH), depth


def at_picture_pixels(sensor: SensorDepth, camera: Camera) -> Float[np.ndarray, "H W"]:
    """Confident depth at the pixel of the picture that each pixel of the sensor is centred on, 0 elsewhere."""
    height, width = sensor.depth.shape
    rows = ((np.arange(height) + 0.5) * camera.height / height).astype(int)
    columns = ((np.arange(width) + 0.5) * camera.width / width).astype(int)
    known = sensor.depth if sensor.confidence is None else np.where(sensor.confidence == CONFIDENT, sensor.depth, 0)
    depth = np.zeros((camera.height, camera.width), np.float32)
    depth[np.ix_(rows, columns)] = known
    return depth
