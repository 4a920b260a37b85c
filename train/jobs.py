"""A training job from the words of a command line, refused before any time is spent on it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from recon.errors import UsageError
from train import starting
from train.data.base import Dataset
from train.data.catalogue import DATASETS
from train.data.mixture import Mixture
from train.recipes.assignments import changed
from train.recipes.catalogue import recipe_named
from train.recipes.recipe import Recipe
from train.run import REQUEST, Job
from train.simulation.table import simulation
from train.watch import Pace

DEFAULT_RECIPE = "lite"
MADE = ("synthetic", "streets")  # kinds that are drawn where they are missing


@dataclass(frozen=True)
class Request:
    """What a person says about a run that decides its outcome; what was not said is None or empty.

    A run's folder keeps it, so that ``--out`` alone takes the run up.
    """

    recipe: str | None = None
    assignments: tuple[str, ...] = ()  # key=value each
    data: tuple[str, ...] = ()  # KIND=PATH each
    weights: tuple[float, ...] = ()  # of the data, in its order; none: as many as there are samples
    held_out: tuple[str, ...] = ()  # KIND=PATH each
    steps: int | None = None
    seed: int | None = None


def job_of(request: Request, out: Path, pace: Pace, **machine: Any) -> Job:
    """The job, its datasets open, what was not said as in the folder's earlier run; ``machine`` are fields of ``Job``.

    Raises:
        UsageError: a recipe, key, kind or path that is not there.
    """
    request = _completed(request, out)
    recipe = recipe_of(request)
    if not request.data and set(recipe.pictures.kinds) <= set(MADE):
        request = replace(request, data=tuple(f"{kind}={out / kind}" for kind in recipe.pictures.kinds))
    if not request.data:
        wanted = " and ".join(f"--data {kind}=PATH" for kind in recipe.pictures.kinds)
        raise UsageError(f"--data: the recipe {recipe.name} has nothing to learn from; give {wanted}")
    data = [_opened(text, "--data") for text in request.data]
    held_out = [_opened(text, "--validate") for text in request.held_out]
    return Job(
        recipe=recipe,
        data=_mixture(data, request.weights),
        held_out=_mixture(held_out) if held_out else None,
        out=out,
        seed=request.seed or 0,
        pace=pace,
        request=asdict(request),
        **machine,
    )


def recipe_of(request: Request) -> Recipe:
    """The recipe named, with what was assigned."""
    recipe = changed(recipe_named(request.recipe or DEFAULT_RECIPE), request.assignments)
    _require_fitting(recipe)
    if request.steps is None:
        return recipe
    if request.steps < 1:
        raise UsageError(f"--steps {request.steps}: give at least 1")
    # So many in all; only a run too short for the warm-up keeps the proportions of its stages instead.
    fits = request.steps > recipe.warm_up
    warm_up = recipe.warm_up if fits else recipe.warm_up * request.steps // recipe.total_steps
    return replace(recipe, steps=request.steps - warm_up, warm_up=warm_up)


def _require_fitting(recipe: Recipe) -> None:
    try:
        simulation(recipe.pictures.simulation)
    except ValueError as error:
        raise UsageError(f"pictures.simulation: {error}") from error
    stride = starting.empty(recipe).stride
    for shape in recipe.pictures.shapes:
        if shape[0] % stride or shape[1] % stride:
            raise UsageError(
                f"pictures.shapes: {list(shape)}; rows and columns of the picture must be multiples of {stride}"
            )


def _completed(request: Request, out: Path) -> Request:
    path = out / REQUEST
    if not path.is_file():
        return request
    try:
        earlier = dict(json.loads(path.read_text("utf-8")))
        said = {name: value for name, value in asdict(request).items() if value not in (None, ())}
        known = {field.name for field in fields(Request)}
        kept = {name: tuple(v) if isinstance(v, list) else v for name, v in earlier.items() if name in known}
        if not all(isinstance(kept.get(name), int | None) for name in ("steps", "seed")):
            raise ValueError("steps and seed are whole numbers")
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: not readable ({error}); remove it and give all options again") from error
    return Request(**{**kept, **said})


def _opened(text: str, option: str) -> Dataset:
    kind, equals, path = text.partition("=")
    names = [name for name, _ in DATASETS]
    if not equals or not path:
        raise UsageError(f"{option} {text}: write KIND=PATH, where KIND is {', '.join(names)}")
    if kind not in names:
        raise UsageError(f"{option} {text}: no data is of that kind; there are {', '.join(names)}")
    dataset = dict(DATASETS)[kind](Path(path))
    if not len(dataset):
        raise UsageError(f"{option} {text}: nothing in it; choose another folder")
    return dataset


def _mixture(datasets: Sequence[Dataset], weights: Sequence[float] = ()) -> Mixture:
    if weights and len(weights) != len(datasets):
        raise UsageError(f"--weight: {len(weights)} for {len(datasets)} --data; give one for each, in their order")
    try:
        return Mixture(tuple(datasets), tuple(weights or (float(len(dataset)) for dataset in datasets)))
    except ValueError as error:
        raise UsageError(f"--data: {error}") from error
