"""The stages between a capture and depth maps, each an iterator that feeds the next.

Every item belongs to one row of the capture's table. A frame that cannot be decoded or predicted
travels on as a ``Lost`` with its reason: whoever consumes the line decides its fate.
"""

import contextlib
import dataclasses
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, UInt8

from recon.captures.base import Capture, Frame, LidarSweep, SensorDepth
from recon.captures.checks import depth_fault
from recon.depth.cache import DepthCache
from recon.depth.depth_map import DepthMap
from recon.depth.predictor import Predictor
from recon.errors import CaptureError
from recon.fates import Fates
from recon.fusion.filters import clean_depth
from recon.geometry.resampling import resize_nearest
from recon.keyframes import sharpness
from recon.prompts.from_lidar import moving_pixels, sensor_depth
from recon.prompts.from_sensor import MIN_DEPTH, confident_pixels, prompt_from_sensor
from recon.prompts.prompt import Prompt
from recon.stream import Stopwatch, Stream

NO_DEPTH = "no confident depth in range"
LESS_SHARP = "a sharper frame stands for it"

Skips = dict[int, str]  # the other rows of a frame's window, and why each was passed over


@dataclass(frozen=True, eq=False)
class View:
    """A decoded frame."""

    frame: Frame
    image: UInt8[np.ndarray, "H W 3"] | None
    sensor: SensorDepth
    moving: Bool[np.ndarray, "h w"] | None  # pixels of a LiDAR's depth in boxes of moving objects; None: from a phone
    passed_over: Skips
    note: str = ""  # what is wrong with a frame that is used all the same

    @property
    def row(self) -> int:
        return self.frame.row


@dataclass(frozen=True)
class Lost:
    """A row that gives no depth, and why."""

    row: int
    reason: str
    failed: bool  # something broke; else the frame just holds no depth
    passed_over: Skips


@dataclass(frozen=True, eq=False)
class DepthView:
    """A frame with the depth to fuse."""

    view: View
    depth_map: DepthMap

    @property
    def row(self) -> int:
        return self.view.row

    @property
    def passed_over(self) -> Skips:
        return self.view.passed_over


def decode(
    capture: Capture, windows: Sequence[Sequence[int]], farthest: float, workers: int, busy: Stopwatch
) -> Stream[View | Lost]:
    """The sharpest frame of each window, decoded by several threads, in order.

    ``farthest`` limits the depth that is made of a LiDAR's points, metres.
    """
    frames = capture.frames([row for window in windows for row in window])
    pending: deque[Future[View | Lost]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for window in windows:
                with busy:
                    group = [next(frames) for _ in window]
                    pending.append(pool.submit(_sharpest, group, farthest))
                    done = pending.popleft().result() if len(pending) > workers else None
                if done is not None:
                    yield done
            while pending:
                with busy:
                    done = pending.popleft().result()
                yield done
        finally:
            for future in pending:
                future.cancel()


def _sharpest(group: list[Frame], farthest: float) -> View | Lost:
    """The sharpest frame of a window; one whose picture is missing or cannot be read only for want of any."""
    best: tuple[float, Frame, UInt8[np.ndarray, "H W 3"] | None] | None = None
    notes: dict[int, str] = {}
    for frame in group:
        try:
            image = frame.image()
        except CaptureError as error:
            notes[frame.row] = f"picture unreadable: {error}"
            image = None
        score = -1.0 if image is None else sharpness(image) if len(group) > 1 else 0.0
        if best is None or score > best[0]:
            best = score, frame, image
    if best is None:
        raise ValueError("a window without frames")
    _, frame, image = best
    passed_over = {other.row: notes.get(other.row, LESS_SHARP) for other in group if other is not frame}
    try:
        measured = frame.sensor()
    except CaptureError as error:
        return Lost(frame.row, f"depth unreadable: {error}", True, passed_over)
    if measured is None:
        return Lost(frame.row, "no depth", False, passed_over)
    sensor = sensor_depth(measured, farthest) if isinstance(measured, LidarSweep) else measured
    moving = moving_pixels(measured, sensor.camera) if isinstance(measured, LidarSweep) else None
    if fault := depth_fault(sensor.depth):
        return Lost(frame.row, fault, False, passed_over)
    return View(frame, image, sensor, moving, passed_over, notes.get(frame.row, ""))


Item = TypeVar("Item")
Made = TypeVar("Made")


def each(items: Stream[Item | Lost], make: Callable[[Item], Made | Lost], busy: Stopwatch) -> Stream[Made | Lost]:
    """What ``make`` makes of each item; what is lost already goes by."""
    with contextlib.closing(items):
        for item in items:
            if isinstance(item, Lost):
                yield item
            else:
                with busy:
                    made = make(item)
                yield made


def in_groups(
    items: Stream[Item | Lost], size: int, make: Callable[[list[Item]], list[Made | Lost]], busy: Stopwatch
) -> Stream[Made | Lost]:
    """What ``make`` makes of ``size`` consecutive items at a time, or of those that are left; what is lost goes by."""
    with contextlib.closing(items):
        while group := list(itertools.islice(items, size)):
            with busy:
                made = iter(make([item for item in group if not isinstance(item, Lost)]))
            for item in group:
                yield item if isinstance(item, Lost) else next(made)


@dataclass(frozen=True)
class MeasuredDepth:
    """The sensor's own depth where it is confident and in range."""

    min_confidence: int
    max_depth: float  # metres

    def __call__(self, view: View) -> DepthView | Lost:
        depth_map = confident_depth(view.sensor, self.min_confidence, self.max_depth)
        if not depth_map.depth.any():
            return Lost(view.row, NO_DEPTH, False, view.passed_over)
        return DepthView(view, depth_map)


@dataclass(frozen=True, eq=False)
class PredictedDepth:
    """The network's depth, prompted by pixels of at least this confidence; measured where there is no picture."""

    predictor: Predictor
    cache: DepthCache | None
    min_confidence: int
    max_depth: float  # metres, of the prompt
    beyond_lidar: bool  # keep also what a vehicle's LiDAR does not reach
    without_picture: MeasuredDepth

    def __call__(self, views: Sequence[View]) -> list[DepthView | Lost]:
        """Pictures and prompts of one size go through the network together."""
        made: dict[int, DepthView | Lost] = {}
        alike: dict[tuple, list[tuple[View, np.ndarray, Prompt]]] = defaultdict(list)
        for view in views:
            ready = self._without_network(view)
            if isinstance(ready, Prompt):
                assert view.image is not None
                alike[view.image.shape, ready.depth.shape].append((view, view.image, ready))
            else:
                made[view.row] = ready
        for group in alike.values():
            members, images, prompts = zip(*group, strict=True)
            for view, depth in zip(members, self.predictor.predict_batch(images, prompts), strict=True):
                made[view.row] = self._kept(view, depth)
        return [made[view.row] for view in views]

    def _without_network(self, view: View) -> DepthView | Lost | Prompt:
        """The depth of a view that needs no prediction, or the prompt for one."""
        if view.image is None:
            return self.without_picture(view)
        depth = self.cache.load(view.row) if self.cache is not None else None
        if depth is not None:
            return _seen_by(view, depth)
        prompt = prompt_from_sensor(view.sensor, self.min_confidence, self.max_depth)
        return prompt or Lost(view.row, NO_DEPTH, False, view.passed_over)

    def _kept(self, view: View, depth: Float[np.ndarray, "h w"]) -> DepthView | Lost:
        if view.moving is not None and not self.beyond_lidar:
            reached = resize_nearest(view.sensor.depth > 0, depth.shape[1], depth.shape[0])
            depth = np.where(reached, depth, np.float32(0))
        if not depth.any():
            return Lost(view.row, "the network gave no depth", True, view.passed_over)
        return _seen_by(view, depth if self.cache is None else self.cache.store(view.row, depth))


def _seen_by(view: View, depth: Float[np.ndarray, "h w"]) -> DepthView:
    height, width = depth.shape
    return DepthView(view, DepthMap(depth, view.frame.camera.resized(width, height)))


@dataclass(frozen=True)
class WithoutEdges:
    """Depth to be fused: in range, and without the pixels that float between foreground and background."""

    max_depth: float  # metres
    jump: float  # as a share of the nearer depth

    def __call__(self, item: DepthView) -> DepthView | Lost:
        depth = clean_depth(item.depth_map.depth, MIN_DEPTH, self.max_depth, self.jump)
        if not depth.any():
            return Lost(item.row, "nothing left of its depth once edges are removed", False, item.passed_over)
        return DepthView(item.view, dataclasses.replace(item.depth_map, depth=depth))


def surviving(depths: Stream[DepthView | Lost], fates: Fates) -> Stream[DepthView]:
    """The frames to be used, each marked so once the next is asked for; the others get their fate on the way.

    Raises ``CaptureError`` where too many fail, or all do.
    """
    with contextlib.closing(depths):
        for item in depths:
            for row, reason in item.passed_over.items():
                fates.skip(row, reason)
            if isinstance(item, Lost):
                (fates.fail if item.failed else fates.skip)(item.row, item.reason)
            else:
                yield item
                fates.use(item.row, item.view.note)
    fates.finish()


def sensor_samples(
    capture: Capture, rows: Sequence[int], count: int, min_confidence: int, max_depth: float
) -> list[tuple[int, DepthMap]]:
    """Confident depth of up to ``count`` of the rows, spread evenly, each with its row; no picture is decoded.

    Looks at all rows if those show none; raises ``CaptureError`` if no frame has any.
    """
    # One from each stretch, at a place that varies: a walk to and fro would show the same places twice.
    places = (np.arange(count) + np.random.default_rng(0).random(count)) * len(rows) / count
    picks = np.unique(places.astype(int)).tolist() if count < len(rows) else range(len(rows))
    samples, unreadable = [], None
    for frame in capture.frames([rows[pick] for pick in picks], with_images=False):
        try:
            sensor = frame.sensor()
        except CaptureError as error:
            unreadable = error  # it will fail again, and be counted, in its turn
            continue
        if isinstance(sensor, LidarSweep):
            sensor = sensor_depth(sensor, max_depth)
        if sensor is not None:
            depth_map = confident_depth(sensor, min_confidence, max_depth)
            if depth_map.depth.any():
                samples.append((frame.row, depth_map))
    if samples:
        return samples
    if count < len(rows):
        return sensor_samples(capture, rows, len(rows), min_confidence, max_depth)
    raise unreadable or CaptureError(
        f"{capture.name}: no depth of confidence {min_confidence} within {max_depth:g} m in any frame; "
        "lower --min-confidence or raise --max-depth"
    )


def confident_depth(sensor: SensorDepth, min_confidence: int, max_depth: float) -> DepthMap:
    """The sensor's depth where it measured within its range with at least this confidence."""
    depth = np.where(confident_pixels(sensor, min_confidence, max_depth), sensor.depth, np.float32(0))
    return DepthMap(depth, sensor.camera)
