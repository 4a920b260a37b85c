"""Seconds and peak memory of the whole `recon` command on the example room.

    python benchmarks/end_to_end.py

Two questions. Does memory stay flat when the frames multiply and the room does not? The walk is taken once,
twice and four times, to and fro, with every frame fused. Does the program keep up with the recording at its
default choice of frames? The walk's 22 seconds are written at 30 frames a second, poses interpolated
between those of the example and pictures and depth repeated, so that the video has the frames of a real one.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import write_result
from scipy.spatial.transform import Rotation, Slerp

import recon
from recon.captures.base import Frame
from recon.captures.writers.stray_scanner import WrittenFrame, write_stray_scanner
from recon.geometry.transforms import rigid

EXAMPLE = Path(__file__).parent.parent / "examples" / "room.zip"
WALKS = (1, 2, 4)
EXAMPLE_FPS, VIDEO_FPS = 5, 30
VOXEL_SIZE = "0.01"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        runs = []
        for walks in WALKS:
            capture = folder / f"walks{walks}.zip"
            write_stray_scanner(capture, _walked(walks), fps=EXAMPLE_FPS)
            runs.append({"walks": walks, **_run(capture, "all", folder)})
            print(runs[-1], flush=True)
        capture = folder / "video.zip"
        write_stray_scanner(capture, _fluent(), fps=VIDEO_FPS)
        video = _run(capture, "auto", folder)
    seconds_recorded = video["frames"] / VIDEO_FPS
    ratios = {
        "memory_4_walks_over_1": round(runs[-1]["peak_memory_mb"] / runs[0]["peak_memory_mb"], 3),
        "seconds_recorded_over_seconds_of_command": round(seconds_recorded / video["seconds_of_command"], 2),
    }
    print(video, ratios, sep="\n")
    write_result("end_to_end", ["open3d-cpu", "av", "numpy"], {**ratios, "walks": runs, "video_of_30_fps": video})


def _walked(walks: int) -> Iterator[WrittenFrame]:
    with recon.open_capture(EXAMPLE) as capture:
        for walk in range(walks):
            frames = capture.frames(range(len(capture)))
            for frame in frames if walk % 2 == 0 else reversed(list(frames)):
                yield _written(frame, frame.T_world_camera)


def _fluent() -> Iterator[WrittenFrame]:
    with recon.open_capture(EXAMPLE) as capture:
        T = capture.table.T_world_camera
        rotations, rows = Slerp(np.arange(len(T)), Rotation.from_matrix(T[:, :3, :3])), np.arange(len(T))
        steps = np.arange(0, len(T) - 1, EXAMPLE_FPS / VIDEO_FPS)
        frame, frames = None, capture.frames(rows.tolist())
        for step in steps:
            while frame is None or frame.row < int(step):
                frame = next(frames)
            position = [np.interp(step, rows, T[:, axis, 3]) for axis in range(3)]
            yield _written(frame, rigid(rotations(step).as_matrix(), np.array(position)))


def _written(frame: Frame, T_world_camera: np.ndarray) -> WrittenFrame:
    sensor = frame.sensor()
    assert sensor is not None
    return WrittenFrame(T_world_camera, frame.camera, frame.image(), sensor.depth, sensor.confidence)


def _run(capture: Path, keyframes: str, folder: Path) -> dict[str, Any]:
    options = ["--voxel-size", VOXEL_SIZE, "--keyframes", keyframes, "--overwrite", "--json"]
    program = [sys.executable, "-c", "from recon.cli.__main__ import main; main()"]
    command = [*program, str(capture), "--out", str(folder / "mesh.ply"), *options]
    started = time.perf_counter()
    summary = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    seconds = round(time.perf_counter() - started, 2)
    kept = {key: summary[key] for key in ("frames", "used", "triangles", "seconds", "peak_memory_mb")}
    return {**kept, "seconds_of_command": seconds}


if __name__ == "__main__":
    main()
