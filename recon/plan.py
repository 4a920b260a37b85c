"""What a run is going to do: its poses, its frames, and whose depth they get."""

import dataclasses
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from promptda.zoo import SHIPPED
from recon.captures.base import Capture, FrameTable
from recon.captures.checks import require_poses
from recon.captures.drive import Drive
from recon.depth.cache import DepthCache, table_identity
from recon.depth.placement import placement
from recon.depth.predictor import Predictor, weights_identity
from recon.errors import UsageError
from recon.fates import Fates
from recon.memory import peak_memory_mb
from recon.poses.drive_check import check_drive_poses
from recon.poses.drives import drive_trajectory
from recon.poses.files import poses_from_file
from recon.settings import Settings
from recon.stages import DepthView, Lost, MeasuredDepth, PredictedDepth, decode, each, in_groups
from recon.stream import Progress, Stopwatch, Stream, ahead, counted
from recon.surroundings import surroundings

SURE_CONFIDENCE = 1  # of depth beside a network's
FRAMES_AHEAD = 2  # frames that wait between two stages; an image has 8 MB, 36 MB at 4K

DepthSource = MeasuredDepth | PredictedDepth


def decided(settings: Settings, table: FrameTable) -> Settings:
    """With depth from ``sensor`` or ``model``, and with a network named where it is the latter.

    Drives keep their LiDAR's own depth unless a network is named: the one that ships knows rooms.
    """
    depth = settings.depth
    if depth == "auto":
        pictured = bool((table.has_image & table.has_depth).any()) and not table.on_vehicle
        depth = "model" if settings.model is not None or pictured else "sensor"
    model = (settings.model or SHIPPED) if depth == "model" else settings.model
    return dataclasses.replace(settings, depth=depth, model=model)


def posed(capture: Capture, settings: Settings, progress: Progress) -> tuple[Capture, FrameTable]:
    """The capture as the settings want to see it, and its table with the poses that they name."""
    if isinstance(capture, Drive):
        trajectory, problems = drive_trajectory(capture, settings, progress)
        drive = capture.select(settings.cameras, settings.sweeps, trajectory)
        if settings.poses != "lidar":
            problems += check_drive_poses(drive)
        drive.problems += problems
        return drive, drive.table
    if settings.camera or settings.poses == "lidar" or settings.sweeps or settings.beyond_lidar:
        raise UsageError(
            f"{capture.name}: --camera, --sweeps, --beyond-lidar and --poses lidar are for drives, "
            f"and this is {capture.format}"
        )
    if settings.poses == "capture":
        return capture, capture.table
    T_world_camera = poses_from_file(Path(settings.poses), capture.table)
    require_poses(T_world_camera, settings.poses)
    return capture, dataclasses.replace(capture.table, T_world_camera=T_world_camera)


def confidence(settings: Settings, table: FrameTable) -> int:
    """The least confidence of the sensor's depth that counts as sure."""
    if settings.min_confidence is not None:
        return settings.min_confidence
    return SURE_CONFIDENCE if settings.uses_model else surroundings(table).fused_confidence


def max_depth(settings: Settings, table: FrameTable) -> float:
    """Metres beyond which nothing is fused."""
    return surroundings(table).max_depth if settings.max_depth is None else settings.max_depth


def depth_source(settings: Settings, capture: Capture, cache_folder: Path | None, resume: bool = True) -> DepthSource:
    """Where each frame's depth comes from; the network is loaded here.

    Predicted depth is kept in ``cache_folder``, which is emptied first unless it is to be resumed and
    everything that the depth depends on is as it was.
    """
    usual = surroundings(capture.table)
    fused_confidence = usual.fused_confidence if settings.min_confidence is None else settings.min_confidence
    measured = MeasuredDepth(fused_confidence, max_depth(settings, capture.table))
    if settings.model is None or not settings.uses_model:
        return measured
    predictor = Predictor.load(settings)
    least = predictor.prompt_confidence if settings.min_confidence is None else settings.min_confidence
    cache = None
    if cache_folder is not None:
        place = placement(settings)
        key = {
            "recon": version("promptda-recon"),
            "capture": f"{capture.format} {table_identity(capture.table)}",
            "weights": weights_identity(settings.model),
            "engine": place.engine,
            "precision": place.precision,
            "resolution": settings.resolution,
            "prompt_confidence": least,
            "max_uncertainty": settings.max_uncertainty,
            "sweeps": settings.sweeps,
            "beyond_lidar": settings.beyond_lidar,
        }
        cache = DepthCache(cache_folder, key, keep=resume)
    return PredictedDepth(predictor, cache, least, usual.prompt_depth, settings.beyond_lidar, measured)


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
    together = source.predictor.batch_size if isinstance(source, PredictedDepth) else 1
    waiting = max(FRAMES_AHEAD, together)  # so that the next group gathers while one is predicted
    decoded = decode(capture, windows, surroundings(capture.table).prompt_depth, workers, clocks["decode"])
    views = ahead(counted(decoded, "decode", total, progress), waiting)
    if isinstance(source, PredictedDepth):
        depths = in_groups(views, together, source, clocks["depth"])
    else:
        depths = each(views, source, clocks["depth"])
    return ahead(counted(depths, "depth", total, progress), waiting)


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
