"""Depth of every frame of a capture as files: the line of ``pipeline.py`` up to fusion."""

import contextlib
import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from recon import atomic
from recon.captures.base import CAMERA_NAME, MAIN_CAMERA, Capture
from recon.depth.depth_io import DepthFormat, colour_depth, encode_jpeg, write_depth
from recon.depth.depth_map import DepthMap
from recon.depth.side_by_side import SideBySide
from recon.errors import UsageError
from recon.fates import Fates
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_depth, resize_image
from recon.keyframes import choose_windows
from recon.plan import confidence, decided, depth_of_frames, depth_source, max_depth, posed, run_metrics
from recon.run_folder import CAMERAS, RunFolder, frame_stem
from recon.settings import Settings
from recon.stages import DepthView, sensor_samples, surviving
from recon.stream import Progress, Stopwatch, counted

COLOUR_SAMPLES = 12  # frames whose sensor depth sets the range of colours, one for all so that a video does not flicker
COLOUR_PERCENTILES = (2.0, 98.0)
VIDEO_FPS = 15
PREVIEWS = "preview"
VIDEO = "side_by_side.mp4"
LOG = "log.txt"
METRICS = "metrics.json"  # written last, so it tells a finished run


def write_depth_maps(
    capture: Capture,
    settings: Settings,
    out: Path,
    file_format: DepthFormat = "png",
    video: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Writes ``<frame number>.<file_format>``, previews in colour, ``cameras.csv`` and the run's tables into ``out``.

    Maps of an earlier run in the same folder are removed first. Returns the run's metrics. Raises a
    ``ReconError`` whose sentence says what a person can do.
    """
    settings = decided(settings, capture.table)
    capture, table = posed(capture, settings, progress)
    fates = Fates(table)
    windows = choose_windows(table, settings, fates)
    low, high = _colour_range(capture, [window[0] for window in windows], settings)
    source = depth_source(settings, capture, cache_folder=None)
    run = RunFolder(out)
    _clear(out)
    (out / PREVIEWS).mkdir(exist_ok=True)
    run.write_settings(dataclasses.replace(settings, max_depth=max_depth(settings, table)))
    clocks = {stage: Stopwatch() for stage in ("decode", "depth", "write")}
    cameras: list[tuple[int, str, Camera]] = []
    try:
        with SideBySide(out / VIDEO, VIDEO_FPS) if video else contextlib.nullcontext() as film:
            depths = depth_of_frames(capture, windows, source, settings.workers, clocks, progress)
            for item in counted(surviving(depths, fates), "write", len(windows), progress):
                with clocks["write"]:
                    depth_map = _at_asked_size(item, settings)
                    index, camera = int(table.index[item.row]), table.camera_name[item.row]
                    stem = frame_stem(index, camera)
                    write_depth(out / stem, depth_map.depth, file_format)
                    colours = colour_depth(depth_map.depth, low, high)
                    atomic.write_bytes(out / PREVIEWS / f"{stem}.jpg", encode_jpeg(colours))
                    cameras.append((index, camera, depth_map.camera))
                    if film is not None:
                        film.write(_beside(item.view.image, colours), colours)
    finally:
        run.write_frames(fates)
        run.write_cameras(cameras)
    run.write_trajectory(table.timestamp[fates.used], table.T_world_camera[fates.used])
    metrics = {**run_metrics(capture, settings, fates, clocks), "out": str(out)}
    run.write_metrics(metrics)
    return metrics


def _clear(folder: Path) -> None:
    """Takes away the maps that an earlier run left, so that they do not lie among the new ones.

    Only a folder that holds nothing else is taken: a capture's own depth folder looks much like one of ours.
    """
    earlier = folder / CAMERAS
    if not earlier.is_file():
        if any(path.name != LOG for path in folder.iterdir()):
            raise UsageError(f"{folder}: holds files that no depth run wrote; choose an empty folder or a new one")
        return
    for row in csv.DictReader(earlier.read_text("utf-8").splitlines()):
        index, camera = row.get("index") or "", row.get("camera") or MAIN_CAMERA
        if index.isdecimal() and CAMERA_NAME.fullmatch(camera):
            stem = frame_stem(int(index), camera)
            (folder / PREVIEWS / f"{stem}.jpg").unlink(missing_ok=True)
            for suffix in (".png", ".exr", ".npz", ".units.json"):
                (folder / f"{stem}{suffix}").unlink(missing_ok=True)
    (folder / VIDEO).unlink(missing_ok=True)
    (folder / METRICS).unlink(missing_ok=True)


def holds_finished_run(folder: Path) -> bool:
    """Whether there is anything that a new run would lose: all but what an interrupted one left."""
    if not folder.is_dir() or ((folder / CAMERAS).is_file() and not (folder / METRICS).is_file()):
        return False
    return any(path.name != LOG for path in folder.iterdir())


def _colour_range(capture: Capture, rows: list[int], settings: Settings) -> tuple[float, float]:
    samples = sensor_samples(
        capture, rows, COLOUR_SAMPLES, confidence(settings, capture.table), max_depth(settings, capture.table)
    )
    known = [depth_map.depth[depth_map.depth > 0] for _, depth_map in samples]
    low, high = np.percentile(np.concatenate(known), COLOUR_PERCENTILES)
    return float(low), float(high)


def _at_asked_size(item: DepthView, settings: Settings) -> DepthMap:
    """The depth, measured depth too, at the size that the settings ask for."""
    size = settings.size
    if settings.resolution == "native" and item.view.image is not None:
        size = (item.view.image.shape[1], item.view.image.shape[0])
    if size is None:
        return item.depth_map
    return DepthMap(resize_depth(item.depth_map.depth, *size), item.depth_map.camera.resized(*size))


def _beside(
    image: UInt8[np.ndarray, "H W 3"] | None, colours: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The image at the depth's size; black where there is none."""
    height, width = colours.shape[:2]
    return np.zeros_like(colours) if image is None else resize_image(image, width, height)
