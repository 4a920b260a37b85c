from dataclasses import replace

import pytest
import torch
from board_scene import board_and_wall, generator

from train.simulation.simulated import Simulation
from train.simulation.table import SIMULATIONS, simulation

K = torch.tensor([[100.0, 0, 63.5], [0, 100.0, 47.5], [0, 0, 1]])


def test_the_names() -> None:
    assert [name for name, _ in SIMULATIONS] == ["anchors", "naive", "phone", "mixed", "vehicle"]
    assert all(isinstance(kind, Simulation) for _, kind in SIMULATIONS)


@pytest.mark.parametrize("name", dict(SIMULATIONS))
def test_all_answer_alike_at_any_size(name: str) -> None:
    image, depth = board_and_wall(2)
    smaller = {"size": (20, 28)} | ({"patterns": 2} if name in ("anchors", "phone") else {})
    given = replace(simulation(name), **smaller)(image, depth, generator(), K.expand(2, 3, 3))
    assert given.depth.shape == given.confidence.shape == (2, 1, 20, 28)
    assert (given.depth >= 0).all()
    assert given.depth.isfinite().all()
    assert given.depth.any()
    assert given.confidence.dtype == torch.uint8
    assert not given.confidence[given.depth == 0].any()
    assert given.confidence.max() == 2


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'lidar'; there are anchors, naive, phone, mixed, vehicle"):
        simulation("lidar")
