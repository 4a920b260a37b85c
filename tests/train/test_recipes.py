"""Recipes are what the paper says, and change by name."""

from pathlib import Path

import pytest
import torch
from small_runs import SMALL, small_job

from promptda.checkpoints import build
from promptda.lite import LiteArchitecture
from promptda.network import Architecture
from recon.errors import ResourceError, UsageError
from train.memory import needed_memory, require_memory
from train.recipes.assignments import changed, differences, keys_of, plain
from train.recipes.catalogue import RECIPES, recipe_named
from train.recipes.recipe import Loss, Recipe
from train.run import order, train
from train.simulation.table import simulation

PAPER = [recipe for recipe in RECIPES if recipe.name.startswith(("paper-vit", "table3", "synthetic"))]


def test_every_ablation_of_table_3_has_a_recipe_of_its_own() -> None:
    names = [recipe.name for recipe in RECIPES]
    assert len(set(names)) == len(names)
    assert {f"table3-{row}" for row in "bcdefghij"} <= set(names)
    assert {"paper-vitl", "paper-vits", "synthetic-only", "depth-pro", "vehicle", "lite"} <= set(names)


@pytest.mark.parametrize("recipe", PAPER, ids=lambda recipe: recipe.name)
def test_the_papers_numbers(recipe: Recipe) -> None:
    """Sec. 3.3 and 4 of arXiv:2412.14015."""
    assert (recipe.warm_up, recipe.steps) == (10_000, 200_000)
    assert (recipe.optimisation.encoder_rate, recipe.optimisation.rate) == (5e-6, 5e-5)
    assert recipe.optimisation.schedule == "constant"
    assert recipe.pictures.batch_size == 2
    assert recipe.loss == Loss(space="normalised", gradient=0.5, scales=1, likelihood=0.0)
    assert recipe.pictures.simulation == "anchors"
    assert all(shape[2:] == (192, 256) for shape in recipe.pictures.shapes)


def test_each_row_differs_from_the_one_before_the_change_in_that_alone() -> None:
    base = plain(recipe_named("synthetic-only"))
    expected = {
        "table3-b": {"prompted"}, "table3-c": {"foundation"}, "table3-d": {"architecture.prompting"},
        "table3-e": {"architecture.prompting"}, "table3-f": {"architecture.prompting"}, "table3-g": {"pictures.kinds"},
        "table3-h": {"pictures.kinds"}, "table3-i": {"pictures.kinds"}, "table3-j": {"pictures.kinds"},
    }  # fmt: skip
    for name, keys in expected.items():
        row = plain(recipe_named(name))
        assert {key for key in base if base[key] != row[key]} - {"name", "about"} == keys
    lite = plain(recipe_named("lite"))
    for name, key in (("no-foundation", "foundation"), ("no-prompt", "prompted"), ("naive", "pictures.simulation")):
        row = plain(recipe_named(f"lite-{name}"))
        assert {key for key in lite if lite[key] != row[key]} - {"name", "about"} == {key}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_network_and_simulation_exists_and_fits_the_pictures(recipe: Recipe) -> None:
    with torch.device("meta"):
        network = build(recipe.architecture)
    simulation(recipe.pictures.simulation)
    for shape in recipe.pictures.shapes:
        assert not any(side % network.stride for side in shape[:2])


@pytest.mark.parametrize("name", ["lite", "lite-no-prompt", "lite-naive", "vehicle"])
def test_the_compact_recipes_make_two_steps(name: str, tmp_path: Path) -> None:
    recipe = changed(recipe_named(name), (*SMALL, "architecture.width=3", "steps=2"))
    assert train(small_job(tmp_path, recipe=recipe)).step == 2


@pytest.mark.parametrize("name", ["paper-vits", "table3-b"])
def test_the_papers_recipes_make_two_steps_and_warm_up(name: str, tmp_path: Path) -> None:
    recipe = Recipe(**{**recipe_named(name).__dict__, "architecture": Architecture("lite0", 4)})
    recipe = changed(recipe, (*SMALL, "steps=1", "warm_up=1"))
    assert train(small_job(tmp_path, recipe=recipe)).step == 2


def test_keys_and_values_go_there_and_back() -> None:
    for recipe in RECIPES:
        texts = []
        for key in keys_of(recipe):
            value = plain(recipe)[key]
            texts.append(
                f"{key}={'none' if value is None else str(value).lower() if value in (True, False) else value}"
            )
        assert changed(recipe, texts) == recipe


def test_assignments_change_what_they_name() -> None:
    recipe = changed(
        recipe_named("lite"),
        [
            "optimisation.rate=1",
            "pictures.shapes=[[64, 32, 16, 8]]",
            "architecture.width=6",
            "foundation=none",
            "prompted=false",
        ],
    )
    assert recipe.optimisation.rate == 1.0
    assert recipe.pictures.shapes == ((64, 32, 16, 8),)
    assert recipe.architecture == LiteArchitecture(width=6)
    assert recipe.foundation is None
    assert not recipe.prompted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("optimisation.rat=1", "no such key"),
        ("optimisation=1", "no such key"),
        ("steps.more=1", "no such key"),
        ("name=x", "no such key"),
        ("steps", "write key=value"),
        ("steps=many", "'many' is not a whole number"),
        ("steps=1.5", "'1.5' is not a whole number"),
        ("steps=true", "'true' is not a whole number"),
        ("steps=none", "'none' is not a whole number"),
        ("steps=0", "0 steps; at least 1"),
        ("optimisation.rate=-1", "not positive"),
        ("pictures.shapes=[[1, 2]]", "four positive numbers"),
        ("pictures.shapes=3", "'3' is not a list"),
        ("architecture.width=7", "multiple of 3"),
        ("architecture.encoder=resnet", "there are lite0"),
    ],
)
def test_an_assignment_that_cannot_be_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=f"--set {text.partition('=')[0].strip()}.*{told.replace('[', '.')}"):
        changed(recipe_named("lite"), [text])


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="--recipe best: .* lite, .*paper-vitl"):
        recipe_named("best")


def test_differences_are_told_with_both_values() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3}) == ["b 2 there, 3 here"]


def test_a_recipe_that_cannot_fit_is_refused_before_it_starts() -> None:
    recipe = recipe_named("paper-vits")
    needed = needed_memory(recipe)
    weights = 25.1e6 * 4
    assert needed > 4 * weights
    require_memory(recipe, "cpu", needed)
    with pytest.raises(ResourceError, match=r"paper-vits: a step needs at least [\d,]+ MB and .* pictures.batch_size"):
        require_memory(recipe, "cpu", needed - 1)


def test_twice_the_pictures_need_more_and_half_precision_less() -> None:
    recipe = recipe_named("lite")
    needed = needed_memory(recipe)
    assert needed < needed_memory(changed(recipe, ["pictures.batch_size=16"])) < 2 * needed
    assert needed < needed_memory(changed(recipe, ["optimisation.precision=fp32"]))


def test_held_out_pictures_are_neither_cropped_nor_changed(tmp_path: Path) -> None:
    job = small_job(tmp_path)
    learnt, held_out = order(job, job.data), order(job, job.data, is_held_out=True)
    assert learnt.preparation.augmented
    assert not held_out.preparation.augmented
    assert held_out.preparation.failing == 0
