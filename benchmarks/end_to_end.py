"""Seconds and peak memory of `recon` on the example room walked once, twice and four times.

    python benchmarks/end_to_end.py

Longer walks go to and fro, so that the room stays the same while the frames multiply: memory must
not grow with them. Every frame is fused (`--keyframes all`); a run with default keyframes tells
whether decoding and fusing keep up with the recording.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import write_result

import recon
from recon.captures.writers.stray_scanner import WrittenFrame, write_stray_scanner

EXAMPLE = Path(__file__).parent.parent / "examples" / "room.zip"
WALKS = (1, 2, 4)
RECORDED_FPS = 5  # of the example; its camera moves as one that was recorded at 60 would between every 12 frames
VOXEL_SIZE = "0.01"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = []
        for walks in WALKS:
            capture = folder / f"walks{walks}.zip"
            write_stray_scanner(capture, _walked(walks), fps=RECORDED_FPS)
            for keyframes in ("all", "auto"):
                rows.append({"walks": walks, "keyframes": keyframes, **_run(capture, keyframes, folder)})
                print(rows[-1], flush=True)
    first, last = (next(r for r in rows if r["walks"] == walks and r["keyframes"] == "all") for walks in (1, 4))
    ratio = last["peak_memory_mb"] / first["peak_memory_mb"]
    print(f"peak memory, 4 walks over 1: {ratio:.3f}")
    write_result("end_to_end", ["open3d-cpu", "av", "numpy"], {"runs": rows, "memory_ratio_4_to_1": ratio})


def _walked(walks: int) -> Iterator[WrittenFrame]:
    with recon.open_capture(EXAMPLE) as capture:
        for walk in range(walks):
            frames = capture.frames(range(len(capture)))
            for frame in frames if walk % 2 == 0 else reversed(list(frames)):
                yield _written(frame)


def _written(frame: Any) -> WrittenFrame:
    sensor = frame.sensor()
    return WrittenFrame(frame.T_world_camera, frame.camera, frame.image(), sensor.depth, sensor.confidence)


def _run(capture: Path, keyframes: str, folder: Path) -> dict[str, Any]:
    options = ["--voxel-size", VOXEL_SIZE, "--keyframes", keyframes, "--overwrite", "--json"]
    program = [sys.executable, "-c", "from recon.cli.main import main; main()"]
    command = [*program, str(capture), "--out", str(folder / "mesh.ply"), *options]
    summary = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {key: summary[key] for key in ("frames", "used", "triangles", "seconds", "peak_memory_mb")}


if __name__ == "__main__":
    main()
