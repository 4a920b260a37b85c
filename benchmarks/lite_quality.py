"""How good a network is beside its own prompt, on pictures that it never saw in training.

    python benchmarks/lite_quality.py --model lite --scenes HELD_OUT [--captures CAPTURE ...] [--seeds 5]

**Made scenes** (``recon synth --as triples`` with another seed than the training's) and one photograph with
depth by structured light (Middlebury's motorcycle, inside scikit-image): each gets the prompts of simulated
sensors, ``--seeds`` times. Scores are ratios: the network's mean L1 to that of the prompt upsampled
bilinearly, and its edge F-score (Depth Pro's, without tolerance) to the prompt's.

**Captures** have no truth. What the sensor's sure pixels call flat must stay flat (RMS distance from the
plane through a patch of 16x16 of them), and neighbouring frames must agree (median difference of depth carried
over by the poses).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from machine import write_result
from real_pictures import capture_scores, motorcycle, open_with_pictures

from recon.captures.base import SensorDepth
from recon.depth.predictor import Predictor
from recon.evaluation.depth_edges import edge_f_score
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_depth, resize_image, resize_nearest
from recon.prompts.from_sensor import MAX_DEPTH, prompt_from_sensor
from recon.settings import Settings
from train.data.triples import Triples
from train.sample import Sample
from train.simulation.table import simulation

SIMULATIONS = ("anchors", "phone", "naive")
SIZE = (1024, 768)  # of the network's input; a phone's prompt is a quarter of it


def scores(sample: Sample, kind: str, seed: int, predictor: Predictor) -> tuple[float, float, float, float]:
    """L1, metres, and edge F of the prompt upsampled, then of the network."""
    image = resize_image(sample.image, *SIZE)
    target = resize_nearest(sample.depth, *SIZE)
    generator = torch.Generator().manual_seed(seed)
    simulated = simulation(kind)(
        torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255, torch.from_numpy(target)[None, None], generator
    )
    depth, confidence = simulated.depth[0, 0].numpy(), simulated.confidence[0, 0].numpy()
    rows, columns = depth.shape
    sensor = SensorDepth(depth, confidence, Camera.from_focal(columns, rows, 200.0, 200.0, columns / 2, rows / 2))
    prompt = prompt_from_sensor(sensor, predictor.prompt_confidence, MAX_DEPTH)
    if prompt is None:
        raise ValueError(f"{sample.name}: nothing to prompt with")
    known = target > 0
    raw = resize_depth(np.where(depth > 0, depth, prompt.depth), *SIZE)
    predicted = predictor.predict(image, prompt)
    found = []
    for ours in (raw, predicted):
        found += [float(np.abs(ours - target)[known].mean()), edge_f_score(ours, target, known)]
    return found[0], found[1], found[2], found[3]


def compare(samples: list[Sample], kind: str, seeds: int, predictor: Predictor) -> dict[str, float]:
    table = np.array([scores(sample, kind, seed, predictor) for sample in samples for seed in range(seeds)])
    raw_l1, raw_edges, l1, edges = table.T
    return {
        "pictures": float(len(table)),
        "prompt_l1_mm": 1000 * float(raw_l1.mean()),
        "network_l1_mm": 1000 * float(l1.mean()),
        "l1_ratio": float(l1.mean() / raw_l1.mean()),
        "share_worse": float((l1 > raw_l1).mean()),
        "worst_ratio": float((l1 / raw_l1).max()),
        "edge_f_prompt": float(np.nanmean(raw_edges)),
        "edge_f_network": float(np.nanmean(edges)),
        "edge_ratio": float(np.nanmean(edges) / np.nanmean(raw_edges)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--scenes", type=Path, help="folder of held-out triples")
    parser.add_argument("--pictures", type=int, default=40, help="of the scenes, evenly spread")
    parser.add_argument("--captures", type=Path, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5, help="sensors for each photograph")
    parser.add_argument("--name", default="lite_quality", help="of the result file")
    arguments = parser.parse_args()
    size = f"{SIZE[0]}x{SIZE[1]}"
    predictor = Predictor.load(Settings(model=arguments.model, resolution=size))
    rows: dict[str, dict[str, float]] = {}
    for kind in SIMULATIONS:
        rows[f"motorcycle, {kind}"] = compare([motorcycle()], kind, arguments.seeds, predictor)
        if arguments.scenes is not None:
            held_out = Triples(arguments.scenes)
            chosen = np.linspace(0, len(held_out) - 1, min(arguments.pictures, len(held_out))).astype(int)
            rows[f"scenes, {kind}"] = compare([held_out.sample(int(i)) for i in chosen], kind, 1, predictor)
    for name, row in rows.items():
        print(
            f"{name:24} L1 {row['prompt_l1_mm']:6.1f} -> {row['network_l1_mm']:6.1f} mm ({row['l1_ratio']:.2f}), "
            f"worse {row['share_worse']:.0%}, worst {row['worst_ratio']:.2f}, "
            f"edges {row['edge_f_prompt']:.3f} -> {row['edge_f_network']:.3f} ({row['edge_ratio']:.1f}x)"
        )
    for capture in open_with_pictures(arguments.captures):
        row = rows[f"capture {capture.name}"] = capture_scores(capture, predictor)
        print(f"{capture.name:24}", ", ".join(f"{key} {value:.2f}" for key, value in row.items()))
    print(write_result(arguments.name, ["torch", "numpy"], {"model": arguments.model, "rows": rows}))


if __name__ == "__main__":
    main()
