"""Training runs that take seconds: the compact network at its narrowest, on pictures of a few pixels."""

from pathlib import Path

import numpy as np

from train.data.mixture import Mixture
from train.recipes.assignments import changed
from train.recipes.catalogue import recipe_named
from train.recipes.recipe import Recipe
from train.run import Job
from train.sample import Sample
from train.watch import Pace

SMALL = (
    "foundation=none", "pictures.shapes=[[32, 32, 8, 8]]", "pictures.batch_size=2", "pictures.simulation=naive",
    "pictures.failing=0",
)  # fmt: skip
NARROW = (*SMALL, "architecture.width=3")


class Steps:
    """A wall with a nearer square somewhere before it, the same for the same number; brighter where nearer."""

    name = "steps"

    def __init__(self, count: int = 6, side: int = 40) -> None:
        self._count, self._side = count, side

    def __len__(self) -> int:
        return self._count

    def sample(self, index: int) -> Sample:
        rng = np.random.default_rng(index)
        depth = np.full((self._side, self._side), 2.0 + rng.random(), np.float32)
        row, column = rng.integers(4, self._side // 2, 2)
        depth[row : row + 12, column : column + 12] = 1.0 + rng.random()
        image = np.repeat((80 * (4 - depth)).astype(np.uint8)[..., None], 3, axis=2)
        return Sample(f"step {index}", image, depth, pseudo=depth)


def small_job(out: Path, *assignments: str, recipe: Recipe | None = None, **fields: object) -> Job:
    """Ten steps of ``lite`` at its narrowest, unless told otherwise."""
    small = changed(
        recipe or recipe_named("lite"), (*NARROW, "steps=10", *assignments) if recipe is None else assignments
    )
    mixture = Mixture((Steps(),), (1.0,))
    settings: dict[str, object] = {"device": "cpu", "workers": 0, "pace": Pace(log_steps=1)} | fields
    return Job(small, mixture, out, **settings)  # type: ignore[arg-type]
