"""The whole line: a capture goes in, frames flow once from left to right, a metric mesh comes out."""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recon.captures.base import Capture, FrameTable
from recon.captures.pose_check import require_fitting_poses
from recon.fates import Fates
from recon.fusion.mesh import Mesh, clean, simplify
from recon.fusion.mesh_files import check_mesh_path, write_mesh
from recon.fusion.sizing import (
    check_disk,
    check_memory,
    choose_street_voxel_size,
    choose_truncation,
    choose_voxel_size,
    estimate_memory,
)
from recon.fusion.volume import INITIAL_BLOCKS, Volume
from recon.geometry.camera import Camera
from recon.keyframes import choose_windows
from recon.memory import available_memory, peak_memory_mb
from recon.moving_objects import Moved, without_moving
from recon.plan import confidence, decided, depth_of_frames, depth_source, max_depth, posed, run_metrics
from recon.report.depth_looks import DepthLooks
from recon.report.html import write_report
from recon.report.preview import render_preview
from recon.report.reconstruction import reconstruction_report
from recon.run_folder import REPORT, RunFolder, frame_stem
from recon.settings import Settings
from recon.stages import WithoutEdges, each, sensor_samples, surviving
from recon.stream import Progress, Stopwatch, counted
from recon.surroundings import surroundings

STAGES = ("decode", "depth", "fuse", "mesh", "picture")  # the first three at the same time
SIZING_SAMPLES = 24  # frames looked at to choose the voxel size and to foresee the memory
SPARE_BLOCKS = 1.2  # times the estimate, as growing copies the volume
# Of predicted log depth. On the example room, against its truth: without a limit sheets of wrong depth float before
# walls, 14.3 mm off and 92 % of the surface met within 5 cm; 0.05 gives 13.2 mm and 90 %, 0.03 12.4 mm and 87 %, 0.02
# 12.1 mm and 84 %. The sensor's own depth gives 14.3 mm and 83 %.
FUSED_UNCERTAINTY = 0.03
MAX_FRAMES_TO_BELIEVE = 3
FRAMES_FOR_ANOTHER_WITNESS = 40

logger = logging.getLogger(__name__)


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
    out: Path | str,
    progress: Progress = lambda stage, done, total: None,
    run_folder: Path | str | None = None,
    resume: bool = True,
) -> Reconstruction:
    """Fuses a capture into a mesh at ``out`` and records the run beside it.

    Args:
        capture: an open capture.
        settings: what decides the outcome.
        out: the mesh to write; its extension names the format.
        progress: told of each step of the stages decode, depth, fuse, mesh and picture.
        run_folder: for settings, tables, trajectory, picture and cached depth; ``<out stem>_run`` by default.
        resume: take depth that an earlier, equal run has predicted.

    Raises a ``ReconError`` whose sentence says what a person can do.
    """
    out = Path(out)
    check_mesh_path(out)
    settings = decided(settings, capture.table)
    if settings.uses_model and settings.max_uncertainty is None:
        settings = dataclasses.replace(settings, max_uncertainty=FUSED_UNCERTAINTY)
    capture, table = posed(capture, settings, progress)
    require_fitting_poses(capture, table)
    farthest = max_depth(settings, table)
    moved = Moved()
    run = RunFolder(Path(run_folder) if run_folder else out.with_name(f"{out.stem}_run"))
    kept_settings = dataclasses.replace(settings, max_depth=farthest)
    run.write_settings(kept_settings)
    source = depth_source(settings, capture, run.depth, resume)
    clocks = {stage: Stopwatch() for stage in STAGES}
    fates = Fates(table)
    cameras: list[tuple[int, str, Camera]] = []
    try:
        windows = choose_windows(table, settings, fates)
        volume = _sized_volume(capture, table, windows, settings, run.path)
        looks = DepthLooks(len(windows))
        depths = depth_of_frames(capture, windows, source, settings.workers, clocks, progress)
        if table.on_vehicle:
            depths = without_moving(depths, table.T_world_camera, moved, clocks["fuse"])
        fusable = each(depths, WithoutEdges(farthest, surroundings(table).edge_jump), clocks["fuse"])
        for item in counted(surviving(fusable, fates), "fuse", len(windows), progress):
            with clocks["fuse"]:
                volume.integrate(item.depth_map, item.view.image, table.T_world_camera[item.row])
                index, name = int(table.index[item.row]), table.camera_name[item.row]
                cameras.append((index, name, item.depth_map.camera))
                looks.add(frame_stem(index, name), item.view.image, item.view.sensor.depth, item.depth_map.depth)
    finally:
        run.write_frames(fates)
    run.write_cameras(cameras)
    run.write_trajectory(table.timestamp[fates.used], table.T_world_camera[fates.used])
    peaks = {"frames": peak_memory_mb()}

    progress("mesh", 0, 1)
    with clocks["mesh"]:
        mesh = clean(volume.extract_mesh(frames_to_believe(len(fates.used))))
        if settings.simplify is not None:
            mesh = simplify(mesh, settings.simplify)
    volume_facts = {"voxel_size_m": volume.voxel_size, "volume_origin_m": volume.origin.tolist()}
    del volume  # hundreds of megabytes that the picture can use
    peaks["mesh"] = peak_memory_mb()
    progress("mesh", 1, 1)

    progress("picture", 0, 1)
    with clocks["picture"]:
        preview = render_preview(mesh, table.T_world_camera[fates.used], capture.up)
        run.write_preview(preview)
    peaks["picture"] = peak_memory_mb()
    progress("picture", 1, 1)

    with clocks["mesh"]:
        write_mesh(mesh, out, capture.up)  # after the picture: where there is a mesh, its run was complete
    metrics = {
        **run_metrics(capture, settings, fates, clocks),
        **_mesh_facts(mesh),
        **volume_facts,
        **({"moving_share": round(moved.share, 5)} if table.on_vehicle else {}),
        "frames_to_believe": frames_to_believe(len(fates.used)),
        "world_up": capture.up,
        "mesh": str(out),
        "peak_memory_mb_after": {stage: round(peak) for stage, peak in peaks.items()},
    }
    report = reconstruction_report(capture, table, kept_settings, fates, metrics, mesh, preview, looks)
    write_report(run.path / REPORT, report)
    run.write_metrics(metrics)
    logger.info("done: %s", metrics)
    return Reconstruction(mesh, out, run.path, metrics)


def frames_to_believe(used: int) -> int:
    """How many frames must have seen a piece of surface.

    On a made room of 110 frames asking for three instead of one left 1.8 instead of 4.1 % of the surface
    more than 5 cm off, and 5 % less of it. Of 25 frames, asking for two would lose a tenth.
    """
    return min(MAX_FRAMES_TO_BELIEVE, 1 + used // FRAMES_FOR_ANOTHER_WITNESS)


def _sized_volume(
    capture: Capture, table: FrameTable, windows: Sequence[Sequence[int]], settings: Settings, spill: Path
) -> Volume:
    """A volume whose voxels fit what a few frames show, once its memory is known to suffice.

    That of a drive may lay what it has left behind into the folder ``spill``.
    """
    rows = [window[0] for window in windows]
    farthest = max_depth(settings, table)
    samples = sensor_samples(capture, rows, SIZING_SAMPLES, confidence(settings, table), farthest)
    views = [(depth_map, table.T_world_camera[row]) for row, depth_map in samples]
    street, free = table.on_vehicle, available_memory()
    if settings.voxel_size is not None:
        voxel_size = settings.voxel_size
    elif street:
        voxel_size = choose_street_voxel_size(views, len(rows), farthest, free)
    else:
        voxel_size = choose_voxel_size(views, farthest)
    truncation = choose_truncation(voxel_size, views, farthest, street)
    estimate = estimate_memory(views, len(rows), voxel_size, truncation, farthest, street)
    logger.info(
        "%d of %d frames chosen; voxels of %g m, truncation %.3f m, about %d blocks, %.2f of %.2f GB free",
        len(rows), len(table), voxel_size, truncation, estimate.blocks, estimate.bytes / 1e9, free / 1e9,
    )  # fmt: skip
    check_memory(estimate, voxel_size, free)
    if street:
        check_disk(estimate, voxel_size, spill)
    origin = table.T_world_camera[rows[0], :3, 3]
    return Volume(
        voxel_size,
        truncation,
        farthest,
        origin,
        capacity=max(int(SPARE_BLOCKS * estimate.in_memory), INITIAL_BLOCKS),
        spill=spill if street else None,
    )


def _mesh_facts(mesh: Mesh) -> dict[str, Any]:
    extent = np.ptp(mesh.vertices, axis=0)
    return {
        "triangles": len(mesh.triangles),
        "vertices": len(mesh.vertices),
        "extent_m": [round(float(side), 3) for side in extent],
    }
