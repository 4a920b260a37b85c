"""Renders the example: a phone's walk through a furnished room, and the room's true surface.

    python examples/make_room.py --out examples

writes ``room.zip``, a Stray Scanner capture, and ``room_truth.ply``, the mesh it was rendered from:
metres, y up, the floor at y = 0, the middle of the floor at the origin. The same seed gives the same
room, walk and noise; some minutes on two cores.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import trimesh
from room_maker.camera_walk import walk
from room_maker.light import bake
from room_maker.phone_lidar import measure
from room_maker.render import render_depth, render_image
from room_maker.room import build_room, make_materials
from room_maker.scene import Scene

from recon.captures.writers.stray_scanner import WrittenFrame, write_stray_scanner
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_image

FPS = 5  # the app's setting
MIN_FRAMES = 40  # fewer are farther apart than a hand's sway is long
DEPTH_SIZE = (256, 192)  # pixels, the phone's
SPACING = 0.03  # metres between the vertices that hold the light
TRUTH_SPACING = 0.5  # metres; longer slivers would make distances to them imprecise
BOUNCES, GATHER_RAYS = 3, 128
CRF = 30  # of the video; about 28 kB a frame

_scene: Scene  # of a worker process
_irradiance: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of the two files")
    parser.add_argument("--frames", type=int, default=110)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.frames < MIN_FRAMES:
        parser.error(f"--frames is {options.frames}; a steady walk needs at least {MIN_FRAMES}")
    options.out.mkdir(parents=True, exist_ok=True)
    capture = options.out / "room.zip"
    frames = render_frames(options.frames, options.seed, options.workers)
    with tempfile.TemporaryDirectory(dir=options.out) as temporary:  # the old capture stays until the new one is whole
        write_stray_scanner(Path(temporary) / capture.name, frames, FPS, CRF)
        (Path(temporary) / capture.name).replace(capture)
    write_truth(options.out / "room_truth.ply", options.seed)
    print(f"{capture}: {options.frames} frames, {capture.stat().st_size / 1e6:.1f} MB")


def make_scene(seed: int, spacing: float) -> Scene:
    """The room as it stands, its flat faces cut into squares of ``spacing`` metres."""
    materials = make_materials(np.random.default_rng([seed, 0]))
    return Scene(build_room(np.random.default_rng([seed, 1]), spacing), materials)


def write_truth(path: Path, seed: int) -> None:
    """The room's triangles with few cuts, as binary PLY."""
    scene = make_scene(seed, spacing=TRUTH_SPACING)
    mesh = trimesh.Trimesh(scene.vertices, scene.triangles, process=False)
    mesh.merge_vertices()
    mesh.export(path)
    print(f"{path}: {len(mesh.faces):,} triangles, {path.stat().st_size / 1e6:.2f} MB")


def render_frames(count: int, seed: int, workers: int) -> Iterator[WrittenFrame]:
    """The walk's frames in order, rendered by several processes."""
    irradiance = bake(make_scene(seed, SPACING), BOUNCES, GATHER_RAYS, np.random.default_rng([seed, 2]))
    poses, cameras = walk(count, np.random.default_rng([seed, 3]))
    jobs = [(seed, row, pose, camera) for row, (pose, camera) in enumerate(zip(poses, cameras, strict=True))]
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (seed, irradiance)) as pool:
        for row, frame in enumerate(pool.map(_render_frame, jobs)):
            print(f"\rframe {row + 1} of {count}", end="" if row + 1 < count else "\n", flush=True)
            yield frame


def _start_worker(seed: int, irradiance: np.ndarray) -> None:
    global _scene, _irradiance
    _scene, _irradiance = make_scene(seed, SPACING), irradiance


def _render_frame(job: tuple[int, int, np.ndarray, Camera]) -> WrittenFrame:
    seed, row, T_world_camera, camera = job
    rng = np.random.default_rng([seed, 4, row])
    image = render_image(_scene, _irradiance, T_world_camera, camera, rng)
    exact = render_depth(_scene, T_world_camera, camera.resized(*DEPTH_SIZE))
    lidar = measure(exact, resize_image(image, *DEPTH_SIZE), rng)
    return WrittenFrame(T_world_camera, camera, image, lidar.depth, lidar.confidence)


if __name__ == "__main__":
    main()
