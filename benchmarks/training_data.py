"""How many training pictures a core makes: files decoded, cropped, prompted by a simulated sensor and degraded.

    python benchmarks/training_data.py [--data FOLDER_OF_TRIPLES] [--pictures 64]

Without ``--data`` on made pictures of 640x480 (JPEG, and PNG of millimetres), a room's depth with boxes in it. Seconds
are those of the processor, so that a busy machine gives much the same numbers; ``pictures_per_second`` is by the clock,
which other work on the machine slows. A GPU that trains N pictures a second is kept busy by N times ``core_seconds``
cores.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from machine import write_result

from train.data.loading import Order, batches
from train.data.mixture import Mixture
from train.data.preparation import BatchShape, Preparation
from train.data.triples import Triples
from train.sample import Batch
from train.simulation.table import simulation

BATCH = 8
SIMULATIONS = ("naive", "anchors", "phone")
SHAPES = (BatchShape((384, 512), (96, 128)), BatchShape((480, 640), (120, 160)), BatchShape((756, 1008), (192, 256)))
WARM_UP = 2  # batches, in which tables of spots are made
MADE = 24  # pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pictures", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = options.data or make_triples(Path(folder) / "made")
        rows = [measure(root, name, shape, options.pictures // BATCH) for name in SIMULATIONS for shape in SHAPES]
        lite = order(root, "phone", SHAPES[0])
        by_clock = {workers: clocked(lite, workers, options.pictures // BATCH) for workers in (1, 2)}
    path = write_result(
        "training_data",
        ["torch", "numpy", "opencv-python"],
        {"batch": BATCH, "rows": rows, "pictures_per_second": {f"{w} workers": n for w, n in by_clock.items()}},
    )
    for row in rows:
        print(f"{row['simulation']:8} {row['image']} {row['prompt']}: {1000 * row['core_seconds']:.0f} ms of a core")
    print(by_clock, path)


def order(root: Path, name: str, shape: BatchShape) -> Order:
    preparation = Preparation(
        replace(simulation(name), patterns=32) if name != "naive" else simulation(name), failing=0.3
    )
    return Order(Mixture((Triples(root),), (1.0,)), preparation, (shape,), BATCH, seed=0)


def measure(root: Path, name: str, shape: BatchShape, count: int) -> dict[str, object]:
    """Seconds of one core a picture; the least of the batches, and their median."""
    seconds = []
    source = order(root, name, shape)
    for step in range(WARM_UP + count):
        start = time.process_time()
        batch = source.batch(step)
        seconds.append((time.process_time() - start) / BATCH)
        check(batch, shape)
    told = seconds[WARM_UP:]
    return {
        "simulation": name,
        "image": list(shape.image),
        "prompt": list(shape.prompt),
        "core_seconds": round(float(np.median(told)), 4),
        "least": round(min(told), 4),
        "greatest": round(max(told), 4),
    }


def clocked(lite: Order, workers: int, count: int) -> float:
    """Pictures a second of so many worker processes, after what they had ready."""
    source = batches(lite, workers=workers)
    ready = 4 * workers + WARM_UP
    list(islice(source, ready))
    start = time.perf_counter()
    for batch in islice(source, count):
        check(batch, lite.shapes[0])
    seconds = time.perf_counter() - start
    source.close()  # type: ignore[attr-defined]
    return round(count * BATCH / seconds, 1)


def check(batch: Batch, shape: BatchShape) -> None:
    """Refuses to time what is no batch."""
    sound = batch.image.shape[2:] == shape.image and batch.prompt.shape[2:] == shape.prompt
    near = (batch.prompt.mean((1, 2, 3)) / batch.target.mean((1, 2, 3)) - 1).abs().max()
    if not (sound and batch.valid.float().mean() > 0.2 and near < 0.2 and batch.image.std() > 0.01):
        raise SystemExit(f"a batch that is none: {batch.image.shape}, prompt off by {float(near):.0%}")


def make_triples(root: Path) -> Path:
    """A back wall, a floor and boxes, textured at random."""
    for kind in ("image", "depth"):
        (root / kind).mkdir(parents=True)
    for number in range(MADE):
        rng = np.random.default_rng(number)
        below = np.maximum(np.arange(480)[:, None] - 240, 1) * np.ones((1, 640))
        depth = np.minimum(1.4 * 500 / below, rng.uniform(3, 4.5)).astype(np.float32)
        coarse = rng.integers(30, 226, (24, 32, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
        for _ in range(8):
            top, left = int(rng.integers(40, 360)), int(rng.integers(0, 560))
            part = np.s_[top : top + int(rng.integers(30, 120)), left : left + int(rng.integers(10, 80))]
            depth[part] = rng.uniform(1, 2.5)
            image[part] = rng.integers(30, 226, 3)
        cv2.imwrite(str(root / "image" / f"{number:03d}.jpg"), image)
        cv2.imwrite(str(root / "depth" / f"{number:03d}.png"), np.rint(1000 * depth).astype(np.uint16))
    return root


if __name__ == "__main__":
    main()
