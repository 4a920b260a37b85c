"""How many LiDAR maps a second the simulations make, in batches, against the recipe that people write for one map.

    python benchmarks/simulation.py [--batch 16] [--rounds 5] [--device cpu]

The recipe does the paper's kind (spots of stride 7, the rest from the four nearest by distance and colour) with SciPy's
KD-tree and numpy, one map after the other. Ours must agree with it on the same spots before it is timed. Rounds take
turns and the fastest of each counts; maps are 192x256 of pictures of 480x640.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from machine import write_result
from scipy.spatial import cKDTree

from train.simulation.anchors import PAPER
from train.simulation.completion import complete_from_nearest
from train.simulation.resizing import resize_depth, resize_image
from train.simulation.spots import pattern_pool
from train.simulation.table import SIMULATIONS

PICTURE = (480, 640)
K = torch.tensor([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]])
AGREES = 1e-4  # metres, float32 against float64


def made_pictures(count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Coloured boards before a slanted wall, in 0..1 and metres."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(0, 1, PICTURE[0]), torch.linspace(0, 1, PICTURE[1]), indexing="ij")
    image = torch.rand(count, 3, 1, 1, generator=generator).expand(-1, -1, *PICTURE).clone()
    depth = (3 - x + 0.3 * y).expand(count, 1, *PICTURE).clone()
    for picture in range(count):
        for top, left, z, *colour in torch.rand(12, 6, generator=generator).tolist():
            board = (y > top) & (y < top + 0.2) & (x > left) & (x < left + 0.15)
            image[picture, :, board] = torch.tensor(colour[:3])[:, None]
            depth[picture, :, board] = 1 + z
    return image.to(device), depth.to(device)


def recipe(image: np.ndarray, depth: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """One map (h, w) from the depth and the picture (h, w, 3) at its size, and its spots (n, 2)."""
    pixels = np.indices(depth.shape).reshape(2, -1).T
    distance, which = cKDTree(spots).query(pixels, k=4, workers=-1)
    rows, columns = spots[which].transpose(2, 0, 1)
    apart = np.linalg.norm(image[rows, columns] - image.reshape(-1, 1, 3), axis=2)
    weight = np.exp(-PAPER.speed * apart) / np.maximum(distance, 1e-3)
    return ((weight * depth[rows, columns]).sum(1) / weight.sum(1)).reshape(depth.shape)


def disagreement(image: torch.Tensor, depth: torch.Tensor) -> float:
    """Greatest difference in metres between the first map of ours and the recipe's, where the four are no choice."""
    ours = PAPER(image[:1], depth[:1], torch.Generator(image.device).manual_seed(0)).depth[0, 0].cpu().numpy()
    generator = torch.Generator(image.device).manual_seed(0)
    torch.randn((1, 1, *PAPER.size), generator=generator, device=image.device)  # as PAPER draws its noise
    drawn = pattern_pool(PAPER.grid, PAPER.size, PAPER.neighbours, image.device).draw(1, generator)
    offsets = drawn.offsets[0].cpu().numpy().astype(int)
    pixels = np.indices(PAPER.size).reshape(2, -1).T
    spots = np.unique((pixels[:, None] + offsets).reshape(-1, 2), axis=0)
    low = resize_image(image[:1], PAPER.size)[0].permute(1, 2, 0).cpu().numpy().astype(np.float64)
    theirs = recipe(low, resize_depth(depth[:1], PAPER.size)[0, 0].cpu().numpy(), spots)
    five, _ = cKDTree(spots).query(pixels, k=5)
    sure = (five[:, 4] > five[:, 3] + 1e-6).reshape(PAPER.size)
    return float(np.abs(ours - theirs)[sure].max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    image, depth = made_pictures(options.batch, device)
    differs = disagreement(image, depth)
    if differs > AGREES:
        raise SystemExit(f"ours and the recipe differ by {differs} m")
    generator = torch.Generator(device).manual_seed(0)
    intrinsics = K.to(device).expand(options.batch, 3, 3)

    def one_by_one() -> None:
        rng = np.random.default_rng(0)
        for picture, true in zip(
            resize_image(image, PAPER.size).cpu(), resize_depth(depth, PAPER.size).cpu(), strict=True
        ):
            grid = np.stack(np.meshgrid(np.arange(3, 192, 7), np.arange(3, 256, 7), indexing="ij"), -1).reshape(-1, 2)
            spots = np.clip(grid + rng.integers(-1, 2, grid.shape), 0, (191, 255))
            recipe(picture.permute(1, 2, 0).numpy(), true[0].numpy(), spots)

    calls: dict[str, Callable[[], object]] = {"recipe, the paper's kind": one_by_one}
    for name, simulation in SIMULATIONS:
        calls[name] = lambda simulation=simulation: simulation(image, depth, generator, intrinsics)
    sparse = dict(SIMULATIONS)["vehicle"](image, depth, generator, intrinsics).depth
    calls["completion of vehicle's"] = lambda: complete_from_nearest(sparse)
    for call in calls.values():
        call()  # the pools of patterns are made
    times = np.array([[timed(call, device) for call in calls.values()] for _ in range(options.rounds)]).min(0)
    rows = {}
    for name, (seconds, processor) in zip(calls, times, strict=True):
        rows[name] = {
            "maps_per_second": round(options.batch / seconds, 1),
            "maps_per_processor_second": round(options.batch / processor, 1),
        }
        print(
            f"{name:26}{options.batch / seconds:10.1f} maps/s{options.batch / processor:10.1f} a second of a processor"
        )
    values = {"batch": options.batch, "rounds": options.rounds, "device": str(device), "differs_metres": differs}
    print(f"written to {write_result('simulation', ['torch', 'numpy', 'scipy'], {**values, 'rows': rows})}")


def timed(call: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Seconds on the clock, and of all threads on the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - clock, time.process_time() - processor


if __name__ == "__main__":
    main()
