"""Memory and time of fusing a long drive: all blocks in memory, or those out of reach on disk.

    python benchmarks/drive_memory.py [--frames 1000] [--voxel-size 0.06] [--range 60] [--blocks 50000]

The street of the tests is laid end to end, and a car drives along it at 0.8 m a frame with exact depth of 341x192.
Each row is a process of its own; the rows with a quarter and a half of the frames show what grows with the way. The
meshes of both must have the same vertices. Prints a table and writes ``results/drive_memory.json``.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from machine import write_result

from recon.depth.depth_map import DepthMap
from recon.fusion.sizing import estimate_memory
from recon.fusion.volume import BLOCKS_IN_MEMORY, Volume
from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from recon.geometry.transforms import invert
from recon.memory import peak_memory_mb

CAMERA = Camera.from_focal(341, 192, 200.0, 200.0, 170.0, 88.0)
STREET = 120.0  # metres, of one piece
TRUNCATION_VOXELS = 4
SAMPLES = 24  # frames from which the volume is sized, as the pipeline does
MIN_WEIGHT = 3


@dataclass(frozen=True)
class Case:
    frames: int
    voxel_size: float  # metres
    range: float  # metres
    blocks: int  # in memory
    spill: bool
    fuse: bool = True  # otherwise the frames are only made, to know what that takes


def drive(rows: Sequence[int], far: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Depth, picture (brightness by the surface's direction) and ``T_world_camera`` of each frame."""
    import open3d as o3d

    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from made_drive import PERIOD, T_CAMERA_LIDAR, lidar_poses, street

    piece = street(frames=1, beams=1, columns=1).mesh
    scene = o3d.t.geometry.RaycastingScene()
    for number in range(-1, 3):
        vertices = piece.vertices + np.array([number * STREET, 0, 0])
        scene.add_triangles(vertices.astype(np.float32), piece.triangles.astype(np.uint32))
    for T_world_camera in lidar_poses(np.array(rows) * PERIOD) @ invert(T_CAMERA_LIDAR):
        directions = rays(CAMERA) @ T_world_camera[:3, :3].T.astype(np.float32)
        position = T_world_camera[:3, 3] - [T_world_camera[0, 3] // STREET * STREET, 0, 0]
        origins = np.broadcast_to(position.astype(np.float32), directions.shape)
        hit = scene.cast_rays(np.concatenate([origins, directions], axis=-1))
        depth = hit["t_hit"].numpy()
        depth = np.where(depth <= far, depth, np.float32(0))
        yield depth, np.rint(255 * (0.5 + 0.5 * hit["primitive_normals"].numpy())).astype(np.uint8), T_world_camera


def fuse(case: Case) -> dict[str, Any]:
    """One drive in this process."""
    truncation = TRUNCATION_VOXELS * case.voxel_size
    sampled = np.linspace(0, case.frames - 1, SAMPLES).astype(int).tolist()
    samples = [(DepthMap(depth, CAMERA), T) for depth, _, T in drive(sampled, case.range)]
    estimate = estimate_memory(samples, case.frames, case.voxel_size, truncation, case.range, street=case.spill)
    with tempfile.TemporaryDirectory() as folder:
        volume = Volume(
            case.voxel_size,
            truncation,
            case.range,
            np.array([0.013, 0.017, 0.019]),
            capacity=estimate.in_memory,
            spill=Path(folder) if case.spill else None,
            blocks_in_memory=case.blocks,
        )
        seconds, cpu, most = 0.0, 0.0, 0
        for depth, image, T_world_camera in drive(range(case.frames), case.range):
            if not case.fuse:
                continue
            wall, process = time.perf_counter(), time.process_time()
            volume.integrate(DepthMap(depth, CAMERA), image, T_world_camera)
            seconds, cpu = seconds + time.perf_counter() - wall, cpu + time.process_time() - process
            most = max(most, volume.active_blocks)
        row = {"frames": case.frames, "peak_mb_fused": round(peak_memory_mb())}
        if not case.fuse:
            return row
        wall = time.perf_counter()
        mesh = volume.extract_mesh(MIN_WEIGHT)
        extract = time.perf_counter() - wall
        sorted_vertices = mesh.vertices[np.lexsort(mesh.vertices.T)]
        return row | {
            "integrate_ms_per_frame": round(1e3 * seconds / case.frames, 1),
            "integrate_cpu_ms_per_frame": round(1e3 * cpu / case.frames, 1),
            "extract_s": round(extract, 1),
            "peak_mb_meshed": round(peak_memory_mb()),
            "mesh_mb": round(sum(part.nbytes for part in vars(mesh).values()) / 2**20),
            "estimated_blocks": estimate.blocks,
            "estimated_mb": round(estimate.bytes / 2**20),
            "blocks": volume.active_blocks + volume.blocks_on_disk,
            "most_blocks_in_memory": most,
            "file_mb": round(volume.blocks_on_disk * 10_240 / 2**20),
            "triangles": len(mesh.triangles),
            "vertices_sha256": hashlib.sha256(sorted_vertices.tobytes()).hexdigest()[:16],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--voxel-size", type=float, default=0.06, help="metres")
    parser.add_argument("--range", type=float, default=60.0, help="metres")
    parser.add_argument("--blocks", type=int, default=BLOCKS_IN_MEMORY, help="that may be in memory")
    options = parser.parse_args()
    numbers = (options.voxel_size, options.range, options.blocks)
    cases = {"frames alone": Case(options.frames, *numbers, spill=False, fuse=False)}
    for frames in (options.frames // 4, options.frames // 2, options.frames):
        cases[f"in memory, {frames} frames"] = Case(frames, *numbers, spill=False)
        cases[f"on disk, {frames} frames"] = Case(frames, *numbers, spill=True)
    rows: dict[str, dict[str, Any]] = {}
    for name, case in cases.items():
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            rows[name] = pool.submit(fuse, case).result()
        print(name, rows[name], flush=True)
    pairs = [(rows[name], rows[name.replace("in memory", "on disk")]) for name in rows if name.startswith("in memory")]
    for inside, outside in pairs:
        if inside["vertices_sha256"] != outside["vertices_sha256"]:
            raise SystemExit(f"{inside['frames']} frames: the meshes differ, so their cost says nothing")
    inside, outside = pairs[-1]
    ratios = {
        "memory_on_disk_over_in_memory": round(outside["peak_mb_meshed"] / inside["peak_mb_meshed"], 3),
        "cpu_on_disk_over_in_memory": round(
            outside["integrate_cpu_ms_per_frame"] / inside["integrate_cpu_ms_per_frame"], 3
        ),
    }
    print(ratios)
    values = {**vars(options), **ratios, "results": rows}
    print(f"written to {write_result('drive_memory', ['open3d-cpu', 'numpy'], values)}")


if __name__ == "__main__":
    main()
