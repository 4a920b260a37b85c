"""Seconds a picture of our network against the same weights in `transformers`, side by side in one run.

    python benchmarks/prediction.py [--encoder vits] [--width 1008 --height 756] [--repeats 5]

Weights are random but drawn so that the depth varies; a speed is printed only once both outputs agree
to 1e-4 of the prompt's range.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import write_result

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from drawn_network import draw, sample
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings
from transformers_peer import peer_depth, peer_of, released_position

MAX_ERROR = 1e-4  # of the prompt's range


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="vits", choices=("vits", "vitl"))
    parser.add_argument("--width", type=int, default=1008)
    parser.add_argument("--height", type=int, default=756)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()

    image, prompt = sample(options.height, options.width)
    model = draw(options.encoder)
    peer = peer_of(model)
    runs: dict[str, Callable[[], torch.Tensor]] = {
        "recon": lambda: model(image, prompt).depth,
        "transformers": lambda: peer_depth(peer, image, prompt),
    }
    Dinov2Embeddings.interpolate_pos_encoding = released_position  # else the outputs differ
    with torch.inference_mode():
        outputs = {name: run() for name, run in runs.items()}  # the warm-up too
        span = prompt.max() - prompt.min()
        error = float((outputs["recon"] - outputs["transformers"]).abs().max() / span)
        if error > MAX_ERROR:
            sys.exit(f"outputs differ by {error:.1e} of the prompt's range; their speed means nothing")
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(options.repeats):
            for name, run in runs.items():
                started = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - started)
    ratio = statistics.median(a / b for a, b in zip(seconds["recon"], seconds["transformers"], strict=True))
    values = {
        "encoder": options.encoder,
        "size": [options.width, options.height],
        "threads": torch.get_num_threads(),
        "max_error_of_range": error,
        "seconds_min_median_max": {
            name: [round(function(values), 3) for function in (min, statistics.median, max)]
            for name, values in seconds.items()
        },
        "time_ours_over_transformers": round(ratio, 3),
    }
    print(values)
    print(write_result(f"prediction_{options.encoder}", ["torch", "transformers"], values))


if __name__ == "__main__":
    main()
