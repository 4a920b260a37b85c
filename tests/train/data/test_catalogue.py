from pathlib import Path

import pytest
from made_triples import write_triples

from recon.errors import ReconError
from train.data.base import Dataset
from train.data.catalogue import DATASETS
from train.recipes.catalogue import RECIPES


def test_names_are_told_apart() -> None:
    assert len(dict(DATASETS)) == len(DATASETS)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_asks_for_datasets_that_there_are(recipe: object) -> None:
    assert set(recipe.pictures.kinds) <= set(dict(DATASETS))


@pytest.mark.parametrize("name", [name for name, _ in DATASETS if name not in ("synthetic", "streets")])
def test_an_empty_folder_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(ReconError, match=str(tmp_path) + "|h5py"):
        dict(DATASETS)[name](tmp_path)


def test_a_dataset_is_opened_by_its_name(tmp_path: Path) -> None:
    assert isinstance(dict(DATASETS)["triples"](write_triples(tmp_path / "a")), Dataset)
