"""What depth is judged on: images with a prompt and the truth, from whatever source."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from recon.captures.base import SensorDepth
from recon.geometry.camera import Camera


@dataclass(frozen=True, eq=False)
class DepthSample:
    """One moment with its true depth, upright or as its source has it."""

    name: str  # by which files of predictions are found: a path without its suffix
    target: Float[np.ndarray, "h w"]  # z-depth, float32 metres, 0 = unknown
    image: UInt8[np.ndarray, "H W 3"] | None = None  # RGB of the same view, of any size
    prompt: SensorDepth | None = None  # coarse depth of the same view, of any size


@runtime_checkable  # for the shape checks of the test run
class DepthSource(Protocol):
    """Samples in a fixed order, read one at a time."""

    dataset: str  # as the paper's tables and a report name it
    names: list[str]  # of the samples
    notes: list[str]  # what was wrong with the files, for whoever reads the numbers

    def samples(self, rows: Sequence[int]) -> Iterator[Callable[[], DepthSample]]:
        """What reads each of these samples, whose numbers must increase.

        Reading raises ``CaptureError`` where a file is missing or cannot be read.
        """
        ...


def plain_sensor(depth: Float[np.ndarray, "h w"]) -> SensorDepth:
    """A depth map (m) without confidence as a sensor's; only the size of its camera means something."""
    height, width = depth.shape
    camera = Camera.from_focal(width, height, float(width), float(width), (width - 1) / 2, (height - 1) / 2)
    return SensorDepth(depth, None, camera)
