"""A minute's training on made pictures that shows whether a recipe learns on this machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.errors import ResourceError
from train.data.mixture import Mixture
from train.recipes.recipe import Recipe
from train.run import Job
from train.sample import Sample
from train.watch import Pace, Record

SIDE = 128  # pixels of the made pictures
PICTURES = 8
STEPS = 60
FOCAL = 1.2  # of the pictures, in their width


def smoke_job(recipe: Recipe, out: Path, seed: int, **machine: Any) -> Job:
    """The recipe in small: few tiny pictures again and again, from random weights, at a constant rate."""
    rows, columns = (96, 128) if recipe.architecture.encoder.startswith("lite") else (84, 112)
    small = replace(
        recipe,
        foundation=None,
        warm_up=min(recipe.warm_up, 5),
        steps=STEPS,
        pictures=replace(
            recipe.pictures,
            shapes=((rows, columns, rows // 4, columns // 4),),
            batch_size=2,
            failing=0.0,
            simulation="vehicle" if recipe.pictures.simulation == "vehicle" else "anchors",  # alike in all pictures
        ),
        optimisation=replace(
            recipe.optimisation, schedule="constant", ramp=0, encoder_rate=1e-4, rate=1e-3, average=0.0
        ),
    )
    made = Mixture((MadeBoxes(seed),), (1.0,))
    pace = Pace(log_steps=1, validation_steps=STEPS, validation_pictures=PICTURES)
    return Job(small, made, out, made, seed, pace=pace, **machine)


def require_learning(record: Record) -> None:
    """``ResourceError`` unless the loss of the last quarter is below that of the first."""
    losses = [row["loss"] for row in record.history]
    quarter = max(1, len(losses) // 4)
    first, last = np.mean(losses[:quarter]), np.mean(losses[-quarter:])
    if not last < first:
        raise ResourceError(f"the loss did not fall: {first:.4f} at first, {last:.4f} at last; look at the recipe")


class MadeBoxes:
    """Walls and boxes facing the camera in random places, textured at random; exact depth."""

    name = "made boxes"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __len__(self) -> int:
        return PICTURES

    def sample(self, index: int) -> Sample:
        """See ``train.data.base.Dataset``."""
        rng = np.random.default_rng((self._seed, index))
        row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
        # A plane a x + b y + z = c holds z = c / (a u + b v + 1) on the ray (u, v, 1).
        tilt = rng.uniform(-0.4, 0.4, 2)
        depth = rng.uniform(2.5, 3.5) / (1 + (tilt[0] * column + tilt[1] * row) / FOCAL)
        image = _texture(row, column, rng)
        for _ in range(6):
            centre, size = rng.uniform(-0.45, 0.45, 2), rng.uniform(0.04, 0.2, 2)
            inside = (abs(row - centre[0]) < size[0]) & (abs(column - centre[1]) < size[1])
            depth[inside] = rng.uniform(1.0, 2.3)
            image[inside] = _texture(row, column, rng)[inside]
        exact = depth.astype(np.float32)
        K = np.array([[FOCAL * SIDE, 0, (SIDE - 1) / 2], [0, FOCAL * SIDE, (SIDE - 1) / 2], [0, 0, 1]])
        return Sample(f"box {index}", image.astype(np.uint8), exact, pseudo=exact, K=K)


def _texture(row: np.ndarray, column: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    base, wave = rng.uniform(40, 215, 3), rng.uniform(-40, 40, 2)
    stripes = 25 * np.sin(wave[0] * row + wave[1] * column)
    return np.clip(base + stripes[..., None], 0, 255)
