"""Simulated phone LiDAR beside real: edges, flatness, wander of the scale, confidence; and errors where truth exists.

    python benchmarks/lidar_realism.py CAPTURE... [--more CAPTURE...] [--scene FILE] [--devices 2] [--pictures DIR]

CAPTUREs are recordings with a phone's depth, or folders with image.jpg and arkit_depth.png. Pictures with exact depth
to simulate on are rendered of the room in examples/ (minutes; kept in FILE, which is used where it exists).
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lidar_pictures import kinds, side_by_side, vehicles
from lidar_statistics import FLAT_WINDOWS, edge_shares, flatness, low_confidence, scale_change, true_edge_shares
from machine import write_result

import recon
from recon.geometry.camera import Camera
from train.simulation.device import draw_devices
from train.simulation.phone import Phone
from train.simulation.resizing import resize_depth
from train.simulation.simulated import PHONE_SIZE

EXAMPLES = Path(__file__).parent.parent / "examples"
WALK, SEED = 110, 7  # frames and seed of the example's walk
RUNS, RUN_LENGTH = (0, 15, 40, 70, 95), 4  # where frames of it are taken, and how many in a row
SIZE = (640, 480)
PICTURED = 7  # frame of the scene that shows all kinds
MOST_FRAMES = 12  # of a capture, evenly spread, for what looks at single frames


@dataclass(frozen=True, eq=False)
class Maps:
    """Frames of one recording, real or simulated."""

    name: str
    depth: Sequence[np.ndarray]
    confidence: Sequence[np.ndarray] | None
    image: Sequence[Callable[[], np.ndarray] | None]
    T_world_camera: Sequence[np.ndarray]
    camera: Camera  # of the depth
    neighbours: Sequence[int]  # frames whose next one follows at once


def read(path: Path) -> Maps:
    if (path / "arkit_depth.png").is_file():
        depth = cv2.imread(str(path / "arkit_depth.png"), cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000
        image = cv2.cvtColor(cv2.imread(str(path / "image.jpg")), cv2.COLOR_BGR2RGB)
        height, width = depth.shape
        return Maps(path.name, [depth], None, [lambda: image], [np.eye(4)], Camera(width, height, np.eye(3)), [])
    frames = list((capture := recon.open_capture(path)).frames(list(range(len(capture)))))
    sensors = [frame.sensor() for frame in frames]
    confident = all(sensor.confidence is not None for sensor in sensors)
    return Maps(
        path.name,
        [sensor.depth for sensor in sensors],
        [sensor.confidence for sensor in sensors] if confident else None,
        [frame.image if frame.has_image else None for frame in frames],
        [frame.T_world_camera for frame in frames],
        sensors[0].camera,
        range(len(frames) - 1),
    )


def rendered(path: Path | None) -> dict[str, np.ndarray]:
    """Pictures (n, 480, 640, 3), exact depth, poses and K, of short stretches of the walk through the example room."""
    if path is not None and path.is_file():
        return dict(np.load(path))
    sys.path.insert(0, str(EXAMPLES))
    from make_room import BOUNCES, GATHER_RAYS, SPACING, bake, make_scene, render_depth, render_image, walk

    scene = make_scene(SEED, SPACING)
    light = bake(scene, BOUNCES, GATHER_RAYS, np.random.default_rng([SEED, 2]))
    poses, cameras = walk(WALK, np.random.default_rng([SEED, 3]))
    rows = [first + step for first in RUNS for step in range(RUN_LENGTH)]
    camera = cameras[0].resized(*SIZE)
    images = [render_image(scene, light, poses[row], camera, np.random.default_rng(row)) for row in rows]
    depth = [render_depth(scene, poses[row], camera) for row in rows]
    found = {
        "image": np.stack(images),
        "depth": np.stack(depth),
        "pose": np.stack([poses[r] for r in rows]),
        "K": camera.K,
    }
    if path is not None:
        np.savez_compressed(path, **found)
    return found


def simulated(scene: dict[str, np.ndarray], device_seed: int) -> tuple[Maps, list[np.ndarray]]:
    """What one phone of severity 1 makes of the walk, and the truth on its grid."""
    generator = torch.Generator().manual_seed(device_seed)
    phone, device = Phone(), replace(draw_devices(1, generator), severity=torch.ones(1), plane=torch.ones(1))
    seen, truths = [], []
    for image, depth in zip(scene["image"], scene["depth"], strict=True):
        picture = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
        true = torch.from_numpy(depth)[None, None]
        seen.append(phone.measure(picture, true, device, generator))
        truths.append(resize_depth(true, PHONE_SIZE)[0, 0].numpy())
    camera = Camera(*SIZE, scene["K"]).resized(PHONE_SIZE[1], PHONE_SIZE[0])
    depth_maps, confidence = ([getattr(m, part)[0, 0].numpy() for m in seen] for part in ("depth", "confidence"))
    in_a_row = [n for n in range(len(seen) - 1) if n % RUN_LENGTH != RUN_LENGTH - 1]
    name = f"simulated, device {device_seed}"
    return Maps(
        name,
        depth_maps,
        confidence,
        [partial(np.array, image) for image in scene["image"]],
        list(scene["pose"]),
        camera,
        in_a_row,
    ), truths


def without_truth(maps: Maps) -> dict[str, Any]:
    """Medians and quartiles in per cent of the jump, of the depth, of the scale; pixels of blobs."""
    chosen = np.unique(np.linspace(0, len(maps.depth) - 1, min(MOST_FRAMES, len(maps.depth))).astype(int))
    depth = [maps.depth[n].astype(np.float64) for n in chosen]
    sure = [None if maps.confidence is None else maps.confidence[n] for n in chosen]
    edges = np.concatenate([edge_shares(one) for one in depth])
    row: dict[str, Any] = {"frames": len(depth), "edges": len(edges)}
    row["edge_between_neighbours_percent"] = _percent(np.percentile(edges[:, 0], (25, 50, 75)))
    row["edge_across_three_percent"] = _percent(np.median(edges[:, 1]))
    for window in FLAT_WINDOWS:
        flat = np.concatenate([flatness(one, levels, window) for one, levels in zip(depth, sure, strict=True)])
        row[f"off_plane_{window}px_percent"] = _percent(np.percentile(flat[:, 0], (10, 25, 50)), 3)
        flattest = flat[flat[:, 0] <= np.percentile(flat[:, 0], 40)]
        row[f"correlation_{window}px_at_1_2_4_8"] = np.median(flattest[:, 1:], axis=0).round(2).tolist()
    T = maps.T_world_camera
    changes = [
        scale_change(maps.depth[n], maps.depth[n + 1], np.linalg.inv(T[n + 1]) @ T[n], maps.camera)
        for n in maps.neighbours
    ]
    overlapping = np.array(changes)[np.isfinite(changes)] if changes else np.empty(0)
    row["scale_change_percent"] = _percent(overlapping.std(), 2) if len(overlapping) else None
    if maps.confidence is not None:
        shares, sizes = zip(*[low_confidence(levels) for levels in sure], strict=True)
        inner = [size for found in sizes for size in found]
        row["confidence_0_1_2_percent"] = _percent(np.mean(shares, axis=0))
        row["low_blobs_a_frame"], row["low_blob_pixels"] = round(len(inner) / len(depth), 1), float(np.median(inner))
    return row


def with_truth(maps: Maps, truths: Sequence[np.ndarray]) -> dict[str, Any]:
    depth, true = np.stack(maps.depth), np.stack(truths)
    confidence = np.stack(maps.confidence or [])
    error = np.log(depth / true)
    edges = np.concatenate([true_edge_shares(one, exact) for one, exact in zip(depth, true, strict=True)])
    sure = confidence == 2
    typical = [float(np.abs(e[s] - np.median(e[s])).mean()) for e, s in zip(error, sure, strict=True)]
    doubted = np.abs(error[confidence == 1]).mean() / np.abs(error[sure]).mean()
    bins = [(0.5, 1.2), (1.2, 1.8), (1.8, 2.5), (2.5, 3.2), (3.2, 4.5)]
    return {
        "true_edge_between_neighbours_percent": _percent(np.median(edges[:, 0])),
        "true_edge_across_three_percent": _percent(np.median(edges[:, 1])),
        "relative_error_percent": _percent(np.abs(np.expm1(error)).mean(), 2),
        "relative_error_confident_percent": _percent(np.abs(np.expm1(error[sure])).mean(), 2),
        "laplace_scale_confident": round(float(np.mean(typical)), 4),
        "error_of_confidence_1_over_2": round(float(doubted), 1),
        "l1_metres": round(float(np.abs(depth - true).mean()), 4),
        "rmse_metres": round(float(np.sqrt(((depth - true) ** 2).mean(axis=(1, 2))).mean()), 4),
        "true_over_measured_by_metres": {
            f"{low}-{high}": round(float(np.exp(-np.median(error[within]))), 4)
            for low, high in bins
            if np.count_nonzero(within := sure & (true >= low) & (true < high)) > 100
        },
    }


def _percent(values: Any, digits: int = 1) -> Any:
    return np.round(100 * np.asarray(values, np.float64), digits).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path, nargs="*")
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="captures to measure and not to picture")
    parser.add_argument("--scene", type=Path, help="file that keeps the rendered pictures")
    parser.add_argument("--devices", type=int, default=2, help="phones to simulate")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of real and simulated maps side by side")
    options = parser.parse_args()
    torch.set_num_threads(1)
    scene = rendered(options.scene)
    rows: dict[str, Any] = {}
    real = [read(path) for path in options.captures]
    for maps in (*real, *(read(path) for path in options.more)):
        rows[maps.name] = without_truth(maps)
    ours = [simulated(scene, seed) for seed in range(options.devices)]
    for maps, truths in ours:
        rows[maps.name] = without_truth(maps) | with_truth(maps, truths)
    for name, row in rows.items():
        print(name, *(f"    {key}: {value}" for key, value in row.items()), sep="\n")
    if options.pictures is not None:
        side_by_side(real, [maps for maps, _ in ours], options.pictures / "simulation_real_and_simulated.png")
        kinds(scene["image"][PICTURED], scene["depth"][PICTURED], options.pictures / "simulation_kinds.png")
        vehicles(options.pictures / "simulation_vehicle.png")
    print(f"written to {write_result('lidar_realism', ['torch', 'numpy', 'scipy'], {'rows': rows})}")


if __name__ == "__main__":
    main()
