"""Multiply-adds that each prompt design costs on top of its foundation.

    python benchmarks/prompt_cost.py [--encoder vitl --width 1008 --height 756]

PyTorch's ``FlopCounterMode`` counts convolutions, transposed convolutions, linear layers and, apart from these,
the two matrix products of attention, at two floating-point operations for a multiply-add; here they are halved.
Interpolation, norms and activations are not counted. The networks are built on the device "meta", which computes
shapes alone, so weights and time are not needed. The foundation is the same network without its prompt design.

The paper (arXiv:2412.14015) prints 1.789 with the prompt and 1.691 without, "TFLOPs" of ViT-L at
756x1008, as 5.7 % more; which of these operations were counted, it does not say. "as released" has the release's
order, in which a level is enlarged before its 1x1 convolution; ours has the convolution on the smaller map.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from machine import write_result
from released_network import ReleasedNetwork
from torch.utils.flop_counter import FlopCounterMode

from promptda.network import FEATURES, Architecture, PromptedDepth
from promptda.prompting.design import PromptDesign
from promptda.prompting.designs import DESIGNS

PROMPT = (192, 256)  # pixels; only the mask's bookkeeping, which is not counted, depends on it
PAPER = {"foundation": 1.691, "prompted": 1.789}  # "TFLOPs"
ATTENTION = ("bmm", "attention")  # in the names of the operators that are its products


def multiply_adds(run: Callable[[], object]) -> dict[str, float]:
    """Of layers and of attention's products, in units of 10^12."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        run()
    of_operator = {str(operator): flops / 2 / 1e12 for operator, flops in counter.get_flop_counts()["Global"].items()}
    attention = sum(count for name, count in of_operator.items() if any(word in name for word in ATTENTION))
    return {"layers": sum(of_operator.values()) - attention, "attention": attention}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="vitl", choices=FEATURES)
    parser.add_argument("--width", type=int, default=1008)
    parser.add_argument("--height", type=int, default=756)
    options = parser.parse_args()
    with torch.device("meta"):
        image, prompt = torch.empty(1, 3, options.height, options.width), torch.empty(1, 1, *PROMPT)
        networks = {
            design.name: PromptedDepth(Architecture(options.encoder, FEATURES[options.encoder], design.name)).to("meta")
            for design in DESIGNS
        }
        bare = PromptedDepth(Architecture.released(options.encoder)).to("meta")
    released, bare.prompting = ReleasedNetwork(networks["fusion"]), PromptDesign()
    # Of each row the network that is counted, then its foundation.
    rows: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        name: (partial(network, image, prompt), partial(bare, image, prompt)) for name, network in networks.items()
    }
    if not networks["fusion"].encoder.size.gated:  # the release's code for the largest encoder is another
        rows["fusion, as released"] = (
            partial(released.unit_depth, image, prompt),
            partial(released.unit_depth, image, None),
        )
    print(f"10^12 multiply-adds, {options.encoder}, {options.width}x{options.height}")
    print(f"{'':22}{'foundation':>11}{'prompted':>10}{'more %':>8}{'with attention':>16}{'more %':>8}")
    results = {}
    for name, (prompted, foundation) in rows.items():
        ours, theirs = multiply_adds(prompted), multiply_adds(foundation)
        results[name] = {
            "foundation": round(theirs["layers"], 4),
            "prompted": round(ours["layers"], 4),
            "more_percent": round(100 * (ours["layers"] / theirs["layers"] - 1), 2),
            "foundation_with_attention": round(sum(theirs.values()), 4),
            "prompted_with_attention": round(sum(ours.values()), 4),
            "more_percent_with_attention": round(100 * (sum(ours.values()) / sum(theirs.values()) - 1), 2),
        }
        row = results[name]
        print(
            f"{name:22}{row['foundation']:11.3f}{row['prompted']:10.3f}{row['more_percent']:8.2f}"
            f"{row['prompted_with_attention']:16.3f}{row['more_percent_with_attention']:8.2f}"
        )
    values = {"encoder": options.encoder, "size": [options.width, options.height]}
    if (options.encoder, options.width, options.height) == ("vitl", 1008, 756):
        values["paper"] = PAPER
        print(f"{'paper':22}{PAPER['foundation']:11.3f}{PAPER['prompted']:10.3f}{5.7:8.2f}")
    path = write_result(f"prompt_cost_{options.encoder}", ["torch"], {**values, "tera_multiply_adds": results})
    print(f"written to {path}")


if __name__ == "__main__":
    main()
