"""The compact network that ships with the package, and what it is compared with."""

from dataclasses import replace

from promptda.lite import LiteArchitecture
from train.recipes.recipe import Loss, Optimisation, Pictures, Recipe

LITE = Recipe(
    name="lite",
    about="the compact network that ships: synthetic rooms, simulated phone LiDAR, one GPU or a CPU",
    architecture=LiteArchitecture(),
    foundation="imagenet",
    steps=60_000,
    pictures=Pictures(
        shapes=((384, 512, 96, 128),), batch_size=8, simulation="mixed", kinds=("synthetic",), failing=0.3
    ),
    loss=Loss(space="log", gradient=0.5, scales=4, likelihood=0.02),  # 0.02: the usual error of log depth
    optimisation=Optimisation(
        encoder_rate=1e-4, rate=5e-4, schedule="cosine", ramp=500, average=0.999, precision="bf16"
    ),
)

LITE_RECIPES = (
    LITE,
    replace(LITE, name="lite-no-foundation", about="lite from random weights: Table 3 (c)", foundation=None),
    replace(LITE, name="lite-no-prompt", about="lite told the prompt's median alone: Table 3 (b)", prompted=False),
    replace(
        LITE, name="lite-naive", about="lite on depth that was only made smaller: the paper's Fig. 3",
        pictures=replace(LITE.pictures, simulation="naive"),
    ),
    replace(
        LITE, name="vehicle", about="lite for cars: synthetic streets, simulated beams completed, up to 80 m",
        pictures=Pictures(
            shapes=((384, 640, 96, 160),), batch_size=8, simulation="vehicle", kinds=("streets",), farthest=80.0
        ),
    ),
)  # fmt: skip
