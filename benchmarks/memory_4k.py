"""Seconds and peak memory of ViT-S at 4K on the CPU: the network alone, then the whole command on a made capture.

    python benchmarks/memory_4k.py [--encoder vits] [--frames 2]

The network predicts one picture of 3836x2156 with a prompt of 256x144, in a process that does nothing else. The
capture is the example's room seen by a camera of 3840x2160 with depth of 256x144, as the Stray Scanner app would
write it; `recon CAPTURE --depth model --resolution native` makes a mesh of it. Weights are random, so the mesh is
no likeness of the room; time and memory do not depend on them. Each picture is a few minutes on two cores.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import write_result
from prediction_rows import ROWS, Case

from recon.captures.writers.stray_scanner import WrittenFrame, write_stray_scanner
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_image
from recon.memory import peak_memory_mb

MOST_MB = 6 << 10  # to stay below
STRIDE = 14
ASPECT = 16 / 9
DEPTH_WIDTH = 256  # pixels
WALK = 110  # frames of the example, whose first are taken
SEED = 7
SPACING, BOUNCES, GATHER_RAYS = 0.1, 1, 16  # coarser light than the example's, for it takes minutes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="vits", choices=("vits", "vitl"))
    parser.add_argument("--frames", type=int, default=2, help="of the capture")
    parser.add_argument("--width", type=int, default=3840, help="of the pictures, pixels; 16:9")
    options = parser.parse_args()
    width, height = options.width, round(options.width / ASPECT)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fitting = (side // STRIDE * STRIDE for side in (width, height))
        case = Case(options.encoder, *fitting, batch=1, device="cpu", folder=folder)
        weights = case.weights  # drawn here, not in the process that is measured
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            network = {"size": [case.width, case.height], **pool.submit(predict, case).result()}
        print("network:", network, flush=True)
        capture = folder / "room4k.zip"
        write_stray_scanner(capture, frames(options.frames, width, height), fps=5)
        command = {"size": [width, height], **reconstruct(capture, weights, folder)}
        print("command:", command)
    peak = max(network["peak_memory_mb"], command["peak_memory_mb"])
    print(f"peak {peak:,.0f} MB, to stay below {MOST_MB:,}")
    values = {"encoder": options.encoder, "threads": torch.get_num_threads(), "network": network, "command": command}
    print(f"written to {write_result(f'memory_{width}_{options.encoder}', ['torch', 'open3d-cpu'], values)}")


def predict(case: Case) -> dict[str, Any]:
    """One picture, with the weights read from their file."""
    run = ROWS["recon"].build(case)
    started = time.perf_counter()
    run()
    return {"seconds": round(time.perf_counter() - started, 1), "peak_memory_mb": round(peak_memory_mb())}


def frames(count: int, width: int, height: int) -> Iterator[WrittenFrame]:
    """The beginning of the example's walk."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    from make_room import make_scene  # here: the process whose memory is measured needs none of these
    from room_maker.camera_walk import FOCAL_SHARE, walk
    from room_maker.light import bake
    from room_maker.phone_lidar import measure
    from room_maker.render import render_depth, render_image

    scene = make_scene(SEED, SPACING)
    irradiance = bake(scene, BOUNCES, GATHER_RAYS, np.random.default_rng([SEED, 2]))
    poses, _ = walk(WALK, np.random.default_rng([SEED, 3]))
    focal = FOCAL_SHARE * width
    camera = Camera.from_focal(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
    depth_size = DEPTH_WIDTH, round(DEPTH_WIDTH / ASPECT)
    for row, T_world_camera in enumerate(poses[:count]):
        rng = np.random.default_rng([SEED, 4, row])
        image = render_image(scene, irradiance, T_world_camera, camera, rng)
        exact = render_depth(scene, T_world_camera, camera.resized(*depth_size))
        lidar = measure(exact, resize_image(image, *depth_size), rng)
        yield WrittenFrame(T_world_camera, camera, image, lidar.depth, lidar.confidence)


def reconstruct(capture: Path, weights: Path, folder: Path) -> dict[str, Any]:
    """What the command tells of its run."""
    program = [sys.executable, "-c", "from recon.cli.__main__ import main; main()", str(capture)]
    options = ["--depth", "model", "--model", str(weights), "--resolution", "native", "--keyframes", "all"]
    command = [*program, *options, "--device", "cpu", "--out", str(folder / "mesh.ply"), "--json"]
    summary = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return {key: summary[key] for key in ("frames", "used", "triangles", "voxel_size_m", "seconds", "peak_memory_mb")}


if __name__ == "__main__":
    main()
