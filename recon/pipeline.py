"""The whole line: a capture goes in, frames flow once from left to right, a metric mesh comes out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recon.captures.base import Capture, FrameTable
from recon.depth.cache import DepthCache, table_identity
from recon.depth.predictor import Predictor, weights_identity
from recon.errors import UsageError
from recon.fates import Fates
from recon.fusion.filters import clean_depth
from recon.fusion.mesh import Mesh, clean, simplify
from recon.fusion.mesh_files import check_mesh_path, write_mesh
from recon.fusion.sizing import check_memory, choose_truncation, choose_voxel_size, estimate_memory
from recon.fusion.volume import INITIAL_BLOCKS, Volume
from recon.keyframes import choose_windows
from recon.memory import available_memory, peak_memory_mb
from recon.poses.files import poses_from_file
from recon.prompts.from_sensor import MIN_DEPTH
from recon.report.preview import render_preview
from recon.run_folder import RunFolder
from recon.settings import Settings
from recon.stages import (
    PROMPT_CONFIDENCE,
    SENSOR_CONFIDENCE,
    DepthView,
    Lost,
    decode,
    measured_depth,
    predicted_depth,
    sensor_samples,
    surviving,
)
from recon.stream import Progress, Stopwatch, Stream, ahead, counted

STAGES = ("decode", "depth", "fuse", "mesh", "picture")  # the first three at the same time
FRAMES_AHEAD = 2  # frames that wait between two stages; an image has 8 MB, 36 MB at 4K
MAX_FRAMES_TO_BELIEVE = 3
FRAMES_FOR_ANOTHER_WITNESS = 40
SIZING_SAMPLES = 12  # frames looked at to choose the voxel size and to foresee the memory


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A finished run."""

    mesh: Mesh
    mesh_path: Path
    run_folder: Path
    metrics: dict[str, Any]  # what metrics.json holds


def reconstruct(
    capture: Capture,
    settings: Settings,
    out: Path,
    progress: Progress = lambda stage, done, total: None,
    run_folder: Path | None = None,
    resume: bool = True,
) -> Reconstruction:
    """Fuses a capture into a mesh at ``out`` and records the run beside it.

    Args:
        capture: an open capture.
        settings: what decides the outcome.
        out: the mesh to write; its extension names the format.
        progress: told of each step of the stages decode, depth, fuse and mesh.
        run_folder: for settings, tables, trajectory, picture and cached depth; ``<out stem>_run`` by default.
        resume: take depth that an earlier, equal run has predicted.

    Raises a ``ReconError`` whose sentence says what a person can do.
    """
    check_mesh_path(out)
    predictor = make_predictor(settings)
    table = table_with_poses(capture, settings)
    run = RunFolder(run_folder or out.with_name(f"{out.stem}_run"))
    run.write_settings(settings)
    clocks = {stage: Stopwatch() for stage in STAGES}
    fates = Fates(table)
    try:
        windows = choose_windows(table, settings, fates)
        volume = _sized_volume(capture, table, windows, settings)
        cache = depth_cache(run.depth, capture, settings, resume) if predictor else None
        depths = depth_stream(capture, windows, settings, predictor, cache, clocks, progress)
        for item in counted(surviving(depths, fates), "fuse", len(windows), progress):
            with clocks["fuse"]:
                cleaned = clean_depth(item.depth_map.depth, MIN_DEPTH, settings.max_depth)
                depth_map = dataclasses.replace(item.depth_map, depth=cleaned)
                volume.integrate(depth_map, item.image, table.T_world_camera[item.row])
    finally:
        run.write_frames(fates)

    progress("mesh", 0, 1)
    with clocks["mesh"]:
        mesh = clean(volume.extract_mesh(_frames_to_believe(len(fates.used))))
        if settings.simplify is not None:
            mesh = simplify(mesh, settings.simplify)
        write_mesh(mesh, out)
    with clocks["picture"]:
        run.write_preview(render_preview(mesh, table.T_world_camera[fates.used]))
    run.write_trajectory(table.timestamp[fates.used], table.T_world_camera[fates.used])
    metrics = _metrics(table, fates, mesh, settings, volume.voxel_size, clocks, out)
    run.write_metrics(metrics)
    progress("mesh", 1, 1)
    return Reconstruction(mesh, out, run.path, metrics)


def make_predictor(settings: Settings) -> Predictor | None:
    """The network that the settings ask for; None where the sensor's depth is wanted."""
    if settings.depth == "sensor":
        return None
    if settings.model is None:
        raise UsageError(
            "depth is model, but no network is named and none ships with recon yet; "
            "give --model NAME or a file of weights, or --depth sensor"
        )
    return Predictor(settings.model, settings.device, settings.size, settings.resolution == "native")


def depth_cache(folder: Path, capture: Capture, settings: Settings, resume: bool) -> DepthCache:
    """Where predicted depth is kept, emptied if anything that it depends on has changed."""
    key = {
        "recon": version("promptda-recon"),
        "capture": f"{capture.format} {table_identity(capture.table)}",
        "weights": weights_identity(settings.model or ""),
        "resolution": settings.resolution,
        "prompt_confidence": prompt_confidence(settings),
    }
    return DepthCache(folder, key, keep=resume)


def depth_stream(
    capture: Capture,
    windows: Sequence[Sequence[int]],
    settings: Settings,
    predictor: Predictor | None,
    cache: DepthCache | None,
    clocks: dict[str, Stopwatch],
    progress: Progress,
) -> Stream[DepthView | Lost]:
    """One frame of each window, decoded and given its depth, each stage in a thread of its own."""
    total = len(windows)
    views = counted(decode(capture, windows, settings.workers, clocks["decode"]), "decode", total, progress)
    waiting = ahead(views, FRAMES_AHEAD)
    if predictor is None:
        depths = measured_depth(waiting, sensor_confidence(settings), settings.max_depth, clocks["depth"])
    else:
        depths = predicted_depth(waiting, predictor, cache, prompt_confidence(settings), clocks["depth"])
    return ahead(counted(depths, "depth", total, progress), FRAMES_AHEAD)


def table_with_poses(capture: Capture, settings: Settings) -> FrameTable:
    """The capture's table, with the poses that the settings name."""
    if settings.poses == "capture":
        return capture.table
    return dataclasses.replace(capture.table, T_world_camera=poses_from_file(Path(settings.poses), capture.table))


def _sized_volume(capture: Capture, table: FrameTable, windows: Sequence[Sequence[int]], settings: Settings) -> Volume:
    """A volume whose voxels fit what a few frames show, once its memory is known to suffice."""
    rows = [window[0] for window in windows]
    samples = sensor_samples(capture, rows, SIZING_SAMPLES, sensor_confidence(settings), settings.max_depth)
    posed = [(depth_map, table.T_world_camera[row]) for row, depth_map in samples]
    voxel_size = settings.voxel_size or choose_voxel_size(posed, settings.max_depth)
    truncation = choose_truncation(voxel_size, posed, settings.max_depth)
    estimate = estimate_memory(posed, len(rows), voxel_size, truncation, settings.max_depth)
    check_memory(estimate, voxel_size, available_memory())
    origin = table.T_world_camera[rows[0], :3, 3]
    return Volume(voxel_size, truncation, settings.max_depth, origin, capacity=max(estimate.blocks, INITIAL_BLOCKS))


def _frames_to_believe(used: int) -> int:
    """How many frames must have seen a piece of surface.

    On a made room of 110 frames asking for three instead of one left 1.8 instead of 4.1 % of the surface
    more than 5 cm off, and 5 % less of it. Of 25 frames, asking for two would lose a tenth.
    """
    return min(MAX_FRAMES_TO_BELIEVE, 1 + used // FRAMES_FOR_ANOTHER_WITNESS)


def sensor_confidence(settings: Settings) -> int:
    return SENSOR_CONFIDENCE if settings.min_confidence is None else settings.min_confidence


def prompt_confidence(settings: Settings) -> int:
    return PROMPT_CONFIDENCE if settings.min_confidence is None else settings.min_confidence


def _metrics(
    table: FrameTable,
    fates: Fates,
    mesh: Mesh,
    settings: Settings,
    voxel_size: float,
    clocks: dict[str, Stopwatch],
    out: Path,
) -> dict[str, Any]:
    extent = mesh.vertices.max(0) - mesh.vertices.min(0)
    return {
        "frames": len(table),
        "used": len(fates.used),
        "skipped": fates.skipped(),
        "triangles": len(mesh.triangles),
        "vertices": len(mesh.vertices),
        "extent_m": [round(float(side), 3) for side in extent],
        "voxel_size_m": voxel_size,
        "depth": settings.depth,
        "model": settings.model,
        "mesh": str(out),
        "seconds": {stage: round(clock.seconds, 3) for stage, clock in clocks.items()},
        "peak_memory_mb": round(peak_memory_mb()),
    }
