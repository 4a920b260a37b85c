"""The recipes of arXiv:2412.14015, sec. 3.4 and 4, and the rows of its Table 3.

What the paper leaves open is ours: pictures of 1008x756, gradients clipped to a norm of 1, bf16 in the
encoder, the weight 0.5 of the gradient term on synthetic data too, and rows (b) to (f), whose data it does
not state, on synthetic data as row (a).
"""

from dataclasses import replace

from promptda.depth_pro import DepthProArchitecture
from promptda.network import Architecture
from train.recipes.recipe import Pictures, Recipe

WARM_UP, STEPS = 10_000, 200_000  # on 8 devices
ALL_KINDS = ("hypersim", "arkitscenes", "scannetpp")
METRIC_LARGE, METRIC_SMALL = "depth-anything-v2-indoor-vitl", "depth-anything-v2-indoor-vits"

VITL = Recipe(
    name="paper-vitl",
    about="the paper's network, Table 3 (j): HyperSim, ARKitScenes, ScanNet++ with edge-aware loss",
    architecture=Architecture.released("vitl"),
    foundation=METRIC_LARGE,
    steps=STEPS,
    warm_up=WARM_UP,
    pictures=Pictures(kinds=ALL_KINDS),
)


def _with_prompting(design: str) -> Architecture:
    return replace(Architecture.released("vitl"), prompting=design)


def _on(*kinds: str) -> Pictures:
    return Pictures(kinds=kinds)


SYNTHETIC = replace(
    VITL, name="synthetic-only", about="Ours_syn, Table 3 (a): HyperSim alone", pictures=_on("hypersim")
)

PAPER_RECIPES = (
    VITL,
    replace(
        VITL, name="paper-vits", about="the paper's small network, on all of its data",
        architecture=Architecture.released("vits"), foundation=METRIC_SMALL,
    ),
    SYNTHETIC,
    replace(SYNTHETIC, name="table3-b", about="without prompting: the prompt gives the range alone", prompted=False),
    replace(SYNTHETIC, name="table3-c", about="without a foundation's weights", foundation=None),
    replace(SYNTHETIC, name="table3-d", about="AdaLN prompting", architecture=_with_prompting("adaln")),
    replace(
        SYNTHETIC, name="table3-e", about="cross-attention prompting", architecture=_with_prompting("cross-attention")
    ),
    replace(SYNTHETIC, name="table3-f", about="ControlNet prompting", architecture=_with_prompting("controlnet")),
    replace(SYNTHETIC, name="table3-g", about="(a) and ARKitScenes", pictures=_on("hypersim", "arkitscenes")),
    replace(
        SYNTHETIC, name="table3-h", about="(g) and ScanNet++ with laser depth",
        pictures=_on("hypersim", "arkitscenes", "scannetpp-laser"),
    ),
    replace(
        SYNTHETIC, name="table3-i", about="(g) and ScanNet++ with Zip-NeRF depth",
        pictures=_on("hypersim", "arkitscenes", "scannetpp-pseudo"),
    ),
    replace(VITL, name="table3-j", about="(h) and (i) with the edge-aware loss: the same as paper-vitl"),
    replace(
        VITL, name="depth-pro", about="Depth Pro as the foundation, Table 5 (b)",
        architecture=DepthProArchitecture(), foundation="depth-pro",
        pictures=Pictures(shapes=((1536, 1536, 192, 256),), kinds=ALL_KINDS),
    ),
    replace(
        VITL, name="paper-vehicle", about="the paper's network for cars: SHIFT with simulated beams",
        foundation="depth-anything-v2-outdoor-vitl",
        pictures=Pictures(shapes=((420, 630, 420, 630),), simulation="vehicle", kinds=("shift",), farthest=80.0),
    ),
)  # fmt: skip
