"""Recipes: everything that decides what a training run makes of its data, as frozen values, one file a family.

``recipe.py`` says what a recipe is, ``catalogue.py`` lists them by name, ``assignments.py`` changes one.
"""
