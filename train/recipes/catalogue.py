"""The recipes by name."""

from recon.errors import UsageError
from train.recipes.lite import LITE_RECIPES
from train.recipes.paper import PAPER_RECIPES
from train.recipes.recipe import Recipe

RECIPES: tuple[Recipe, ...] = (*LITE_RECIPES, *PAPER_RECIPES)


def recipe_named(name: str) -> Recipe:
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise UsageError(f"--recipe {name}: no recipe has that name; there are {', '.join(r.name for r in RECIPES)}")
