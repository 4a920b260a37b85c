"""What a run is going to do: its poses, its frames, and whose depth they get."""

import dataclasses
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recon.captures.base import Capture, FrameTable
from recon.depth.cache import DepthCache, table_identity
from recon.depth.predictor import Predictor, weights_identity
from recon.fates import Fates
from recon.memory import peak_memory_mb
from recon.poses.files import poses_from_file
from recon.settings import Settings
from recon.stages import DepthView, Lost, MeasuredDepth, PredictedDepth, View, decode, each
from recon.stream import Progress, Stopwatch, Stream, ahead, counted

SENSOR_CONFIDENCE = 2  # of depth that is fused as it was measured
PROMPT_CONFIDENCE = 1  # of depth that prompts the network
FRAMES_AHEAD = 2  # frames that wait between two stages; an image has 8 MB, 36 MB at 4K

DepthSource = Callable[[View], DepthView | Lost]


def table_with_poses(capture: Capture, settings: Settings) -> FrameTable:
    """The capture's table, with the poses that the settings name."""
    if settings.poses == "capture":
        return capture.table
    return dataclasses.replace(capture.table, T_world_camera=poses_from_file(Path(settings.poses), capture.table))


def confidence(settings: Settings) -> int:
    """The least confidence of the sensor's depth that counts, in what is fused or in what prompts the network."""
    if settings.min_confidence is not None:
        return settings.min_confidence
    return PROMPT_CONFIDENCE if settings.uses_model else SENSOR_CONFIDENCE


def depth_source(settings: Settings, capture: Capture, cache_folder: Path | None, resume: bool = True) -> DepthSource:
    """Where each frame's depth comes from; the network is loaded here.

    Predicted depth is kept in ``cache_folder``, which is emptied first unless it is to be resumed and
    everything that the depth depends on is as it was.
    """
    measured = MeasuredDepth(
        SENSOR_CONFIDENCE if settings.min_confidence is None else settings.min_confidence, settings.max_depth
    )
    if settings.model is None or not settings.uses_model:
        return measured
    predictor = Predictor(settings.model, settings.device, settings.size, settings.resolution == "native")
    cache = None
    if cache_folder is not None:
        key = {
            "recon": version("promptda-recon"),
            "capture": f"{capture.format} {table_identity(capture.table)}",
            "weights": weights_identity(settings.model),
            "resolution": settings.resolution,
            "prompt_confidence": confidence(settings),
        }
        cache = DepthCache(cache_folder, key, keep=resume)
    return PredictedDepth(predictor, cache, confidence(settings), measured)


def depth_of_frames(
    capture: Capture,
    windows: Sequence[Sequence[int]],
    source: DepthSource,
    workers: int,
    clocks: dict[str, Stopwatch],
    progress: Progress,
) -> Stream[DepthView | Lost]:
    """One frame of each window, decoded and given its depth, each stage in a thread of its own."""
    total = len(windows)
    views = ahead(counted(decode(capture, windows, workers, clocks["decode"]), "decode", total, progress), FRAMES_AHEAD)
    return ahead(counted(each(views, source, clocks["depth"]), "depth", total, progress), FRAMES_AHEAD)


def run_metrics(capture: Capture, settings: Settings, fates: Fates, clocks: dict[str, Stopwatch]) -> dict[str, Any]:
    """What every kind of run reports, as plain values."""
    return {
        "frames": len(capture),
        "used": len(fates.used),
        "skipped": fates.skipped(),
        "noted": fates.noted(),
        "problems": [dataclasses.asdict(problem) for problem in capture.problems],
        "depth": "model" if settings.uses_model else "sensor",
        "model": settings.model,
        "seconds": {stage: round(clock.seconds, 3) for stage, clock in clocks.items()},
        "peak_memory_mb": round(peak_memory_mb()),
    }
