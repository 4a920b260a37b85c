"""Pieces stand on the ground about the origin, are as large as they say, and are of a size that things have."""

import numpy as np
import pytest

from train.synthetic.arrangements import desk_set, laden, media_set, table_set
from train.synthetic.clutter import heap
from train.synthetic.extent import extent
from train.synthetic.furniture import MAKERS, FurnitureSource, Piece, Procedural
from train.synthetic.scene import Cylinder

# Metres: the least and the most of the longest side over all pieces of a kind.
LONGEST = {
    "chair": (0.4, 1.3),
    "sofa": (1.2, 3.7),
    "table": (0.65, 2.1),
    "bed": (1.9, 2.3),
    "shelf": (0.6, 2.2),
    "cupboard": (0.4, 2.4),
    "small": (0.03, 1.2),  # a cable may be stretched out
    "door": (1.9, 2.2),
    "person": (1.1, 2.0),
    "vehicle": (1.4, 9.1),
    "tree": (2.5, 16.0),
    "misc": (0.1, 3.1),
}


def test_the_procedural_source_is_a_source() -> None:
    assert isinstance(Procedural(), FurnitureSource)


@pytest.mark.parametrize("kind", MAKERS)
def test_pieces_stand_about_the_origin_and_repeat(kind: str) -> None:
    for seed in range(3):
        piece, again = (Procedural().piece(np.random.default_rng(seed), kind) for _ in range(2))
        low, high = extent(piece.objects)
        np.testing.assert_allclose((low + high)[[0, 2]], 0, atol=1e-9)
        assert low[1] == pytest.approx(0, abs=1e-9)
        np.testing.assert_allclose(high - low, piece.size, atol=1e-9)
        np.testing.assert_array_equal(piece.size, again.size)
        assert piece.kind == kind
        assert len(piece.objects) == len(again.objects) <= 200
        for thing in piece.objects:
            assert np.isfinite(thing.T_world_shape).all()
            assert np.linalg.det(thing.T_world_shape[:3, :3]) > 0  # turned or stretched, never mirrored
        least, most = LONGEST.get(kind, (0.03, 10.0))
        assert least < piece.size.max() < most


def test_chairs_stand_on_thin_legs() -> None:
    radii = []
    for seed in range(12):
        for thing in Procedural().piece(np.random.default_rng(seed), "chair").objects:
            if isinstance(thing.shape, Cylinder) and thing.shape.height > 0.3:
                radii.append(thing.shape.radius)
    assert len(radii) > 12
    assert np.median(radii) < 0.03


@pytest.mark.parametrize("arrange", [table_set, desk_set, media_set])
def test_sets_hold_more_than_their_table(arrange) -> None:
    rng = np.random.default_rng(1)
    sets = [arrange(rng, Procedural()) for _ in range(3)]
    assert all(isinstance(each, Piece) for each in sets)
    assert np.mean([len(each.objects) for each in sets]) > 8


def test_things_on_a_table_rest_on_its_top_and_not_in_each_other() -> None:
    rng = np.random.default_rng(2)
    table = Procedural().piece(rng, "desk")
    full = laden(rng, Procedural(), table, 8)
    added = full.objects[len(table.objects) :]
    assert len(added) > 3
    low, high = extent(added)
    assert low[1] >= table.size[1] - 0.02  # round bodies of small things may reach a little under their foot
    assert (np.abs([low, high])[:, [0, 2]] <= table.size[[0, 2]] / 2 + 0.1).all()


def test_things_of_a_heap_rest_on_the_ground_or_on_each_other() -> None:
    for seed in range(3):
        things = heap(np.random.default_rng(seed))
        low, high = extent(things)
        assert low[1] == pytest.approx(0, abs=1e-9)
        assert high[1] < 3
