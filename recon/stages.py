"""The stages between a capture and depth maps, each an iterator that feeds the next.

Every item belongs to one row of the capture's table. A frame that cannot be decoded or predicted
travels on as a ``Lost`` with its reason: whoever consumes the line decides its fate.
"""

import contextlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from recon.captures.base import Capture, Frame, SensorDepth
from recon.captures.checks import depth_fault
from recon.depth.cache import DepthCache
from recon.depth.depth_map import DepthMap
from recon.depth.predictor import Predictor
from recon.errors import CaptureError
from recon.fates import Fates
from recon.keyframes import sharpness
from recon.prompts.from_sensor import MAX_DEPTH, measured, prompt_from_sensor
from recon.stream import Stopwatch, Stream

SENSOR_CONFIDENCE = 2  # of depth that is fused as it was measured
PROMPT_CONFIDENCE = 1  # of depth that prompts the network
NO_DEPTH = "no confident depth in range"
LESS_SHARP = "a sharper frame stands for it"

Skips = dict[int, str]  # the other rows of a frame's window, and why each was passed over


@dataclass(frozen=True, eq=False)
class View:
    """A decoded frame."""

    frame: Frame
    image: UInt8[np.ndarray, "H W 3"] | None
    sensor: SensorDepth
    passed_over: Skips

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

    row: int
    depth_map: DepthMap
    image: UInt8[np.ndarray, "H W 3"] | None
    passed_over: Skips


def decode(capture: Capture, windows: Sequence[Sequence[int]], workers: int, busy: Stopwatch) -> Stream[View | Lost]:
    """The sharpest frame of each window, decoded by several threads, in order."""
    frames = capture.frames([row for window in windows for row in window])
    pending: deque[Future[View | Lost]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for window in windows:
                with busy:
                    group = [next(frames) for _ in window]
                    pending.append(pool.submit(_sharpest, group))
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


def _sharpest(group: list[Frame]) -> View | Lost:
    """The sharpest frame of a window whose picture can be read; one without a picture only for want of any."""
    best: tuple[float, Frame, UInt8[np.ndarray, "H W 3"] | None] | None = None
    passed_over: Skips = {}
    for frame in group:
        try:
            image = frame.image()
        except CaptureError as error:
            passed_over[frame.row] = f"picture unreadable: {error}"
            continue
        passed_over[frame.row] = LESS_SHARP
        score = -1.0 if image is None else sharpness(image) if len(group) > 1 else 0.0
        if best is None or score > best[0]:
            best = score, frame, image
    if best is None:
        row = group[0].row
        return Lost(row, passed_over.pop(row), True, passed_over)
    _, frame, image = best
    del passed_over[frame.row]
    try:
        sensor = frame.sensor()
    except CaptureError as error:
        return Lost(frame.row, f"depth unreadable: {error}", True, passed_over)
    fault = "no depth" if sensor is None else depth_fault(sensor.depth)
    if sensor is None or fault:
        return Lost(frame.row, fault, False, passed_over)
    return View(frame, image, sensor, passed_over)


def measured_depth(
    views: Stream[View | Lost], min_confidence: int, max_depth: float, busy: Stopwatch
) -> Stream[DepthView | Lost]:
    """Each view's sensor depth where it is confident and in range."""
    with contextlib.closing(views):
        for view in views:
            if isinstance(view, Lost):
                yield view
            else:
                with busy:
                    yielded = _measure(view, min_confidence, max_depth)
                yield yielded


def predicted_depth(
    views: Stream[View | Lost],
    predictor: Predictor,
    cache: DepthCache | None,
    min_confidence: int,
    busy: Stopwatch,
) -> Stream[DepthView | Lost]:
    """Each view's depth by the network, prompted by pixels of at least this confidence.

    A view without an image keeps its sensor's confident depth.
    """
    with contextlib.closing(views):
        for view in views:
            if isinstance(view, Lost):
                yield view
            else:
                with busy:
                    yielded = _predict(view, predictor, cache, min_confidence)
                yield yielded


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
                fates.use(item.row)
    fates.finish()


def sensor_samples(
    capture: Capture, rows: Sequence[int], count: int, min_confidence: int, max_depth: float
) -> list[tuple[int, DepthMap]]:
    """Confident depth of up to ``count`` of the rows, spread evenly, each with its row; no picture is decoded."""
    picks = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))
    samples = []
    for frame in capture.frames([rows[pick] for pick in picks], with_images=False):
        with contextlib.suppress(CaptureError):  # it will fail again, and be counted, in its turn
            sensor = frame.sensor()
            if sensor is not None:
                samples.append((frame.row, confident_depth(sensor, min_confidence, max_depth)))
    return samples


def confident_depth(sensor: SensorDepth, min_confidence: int, max_depth: float) -> DepthMap:
    """The sensor's depth where it is confident and in range."""
    depth = np.where(measured(sensor, min_confidence, max_depth), sensor.depth, np.float32(0))
    return DepthMap(depth, sensor.camera)


def _measure(view: View, min_confidence: int, max_depth: float) -> DepthView | Lost:
    depth_map = confident_depth(view.sensor, min_confidence, max_depth)
    if not depth_map.depth.any():
        return Lost(view.row, NO_DEPTH, False, view.passed_over)
    return DepthView(view.row, depth_map, view.image, view.passed_over)


def _predict(view: View, predictor: Predictor, cache: DepthCache | None, min_confidence: int) -> DepthView | Lost:
    if view.image is None:
        return _measure(view, SENSOR_CONFIDENCE, MAX_DEPTH)
    depth = cache.load(view.row) if cache is not None else None
    if depth is None:
        prompt = prompt_from_sensor(view.sensor, min_confidence)
        if prompt is None:
            return Lost(view.row, NO_DEPTH, False, view.passed_over)
        depth = predictor.predict(view.image, prompt)
        if not depth.any():
            return Lost(view.row, "the network gave no depth", True, view.passed_over)
        if cache is not None:
            depth = cache.store(view.row, depth)
    height, width = depth.shape
    depth_map = DepthMap(depth, view.frame.camera.resized(width, height))
    return DepthView(view.row, depth_map, view.image, view.passed_over)
