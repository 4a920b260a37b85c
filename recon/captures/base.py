"""What every reader gives: a table of poses and times, and frames whose pixels are read when asked for."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from recon.geometry.camera import Camera

Up = Literal["y", "-y", "z", "unknown"]
MAIN_CAMERA = "main"  # of captures that have only one
CAMERA_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,40}")  # it becomes part of file names


@dataclass(frozen=True, eq=False)
class SensorDepth:
    """A depth map as the sensor gave it."""

    depth: Float[np.ndarray, "h w"]  # z-depth, float32 metres, 0 = unknown; always finite
    confidence: UInt8[np.ndarray, "h w"] | None  # 0 low, 1 medium, 2 high
    camera: Camera


@dataclass(frozen=True, eq=False)
class MovingBox:
    """A box around something that moves by itself, at the time of a frame."""

    T_camera_box: Float[np.ndarray, "4 4"]  # its centre and axes, in the axes of the frame's camera
    size: Float[np.ndarray, "3"]  # along its axes, metres


@dataclass(frozen=True, eq=False)
class LidarSweep:
    """What a vehicle's LiDAR measured, moved to the time of a frame and into the axes of its camera."""

    points: Float[np.ndarray, "n 3"]  # float32 metres, finite; also beside and behind the camera
    camera: Camera  # of the frame's pictures
    moving: tuple[MovingBox, ...] = ()  # where the data set tells them


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment of a capture; ``image`` and ``sensor`` read pixels each time they are called.

    Both raise ``CaptureError`` where a file is there and cannot be read, and return None where
    the capture has none for this frame.
    """

    row: int  # of the capture's table
    index: int  # the capture's own frame number
    timestamp: float  # seconds
    T_world_camera: Float[np.ndarray, "4 4"]
    camera: Camera  # of the image; of the depth where there is no image
    has_image: bool
    image: Callable[[], UInt8[np.ndarray, "H W 3"] | None]  # RGB
    sensor: Callable[[], SensorDepth | LidarSweep | None]
    camera_name: str = MAIN_CAMERA


@dataclass(frozen=True, eq=False)
class FrameTable:
    """What is known of all frames without decoding any, one row a frame, in the order of recording."""

    index: Int[np.ndarray, " n"]  # the capture's own frame numbers
    timestamp: Float[np.ndarray, " n"]  # seconds
    T_world_camera: Float[np.ndarray, "n 4 4"]  # NaN where the files hold no usable pose
    has_image: Bool[np.ndarray, " n"]
    has_depth: Bool[np.ndarray, " n"]
    camera_name: tuple[str, ...] = ()  # of each row; left out where there is only one camera
    on_vehicle: bool = False  # faster than a hand, and standing still at times

    def __post_init__(self) -> None:
        if not self.camera_name:
            object.__setattr__(self, "camera_name", (MAIN_CAMERA,) * len(self.index))
        if unfit := [name for name in set(self.camera_name) if not CAMERA_NAME.fullmatch(name)]:
            raise ValueError(f"FrameTable.camera_name is {unfit[0]!r}; it must be letters, digits, _ and -")
        lengths = {name: len(getattr(self, name)) for name in self.__dataclass_fields__ if name != "on_vehicle"}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"FrameTable columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Problem:
    """Something a reader found, and what came of it."""

    what: str  # for a person, as in "depth file missing"
    count: int  # frames or files concerned
    effect: Literal["dropped", "repaired", "noted"]
    example: str = ""  # the first file or frame concerned


@runtime_checkable  # for the shape checks of the test run
class Capture(Protocol):
    """A recording, open for reading; closing it frees the archive and its temporary files."""

    name: str
    format: str  # as in "Stray Scanner"
    up: Up  # the upward axis of its world
    table: FrameTable
    problems: tuple[Problem, ...]

    def __len__(self) -> int: ...

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        """Frames of these rows of the table, which must increase: video decodes forwards only.

        Without images every frame's ``image`` gives None, and no video is decoded on the way.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> "Capture": ...

    def __exit__(self, *exception: object) -> None: ...
