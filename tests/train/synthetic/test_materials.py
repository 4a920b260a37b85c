"""Surfaces stay within what renderers are promised, and repeat from their generator."""

import inspect

import numpy as np
import pytest

from train.synthetic import materials, textures
from train.synthetic.scene import Material

DRAWS = [
    function
    for name, function in inspect.getmembers(materials, inspect.isfunction)
    if function.__module__ == materials.__name__
    and not name.startswith("_")
    and len(inspect.signature(function).parameters) == 1
]


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_every_surface_is_within_bounds_and_follows_its_generator(draw: materials.Draw) -> None:
    for seed in range(2):
        one, again = (draw(np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one.texture, again.texture)
        assert one.texture.dtype == np.uint8
        assert all(128 <= side <= 512 for side in one.texture.shape[:2])
        assert one.tile_size > 0.05
        assert 0 <= one.gloss <= 1
        assert 0 <= one.roughness <= 1
        assert one.emission >= 0


def test_pooled_surfaces_are_shared() -> None:
    drawn = [materials.pooled(np.random.default_rng(seed), materials.plastic) for seed in range(200)]
    distinct = {id(material) for material in drawn}
    assert materials.POOL / 2 < len(distinct) <= materials.POOL


def test_most_walls_are_calm() -> None:
    rng = np.random.default_rng(0)
    contrast = [float(materials.wall(rng).texture.mean(axis=2).std() / 255) for _ in range(30)]
    assert np.median(contrast) < 0.03


def test_few_muted_colours_are_strong() -> None:
    rng = np.random.default_rng(1)
    colours = np.array([textures.muted(rng) for _ in range(300)])
    saturation = 1 - colours.min(axis=1) / colours.max(axis=1)
    assert np.median(saturation) < 0.3
    assert (saturation > 0.6).mean() < 0.1


def test_lamps_shine() -> None:
    shade: Material = materials.shining(np.random.default_rng(2), 5.0)
    assert shade.emission == 5.0
