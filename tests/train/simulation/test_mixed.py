"""A sensor of its own for each picture."""

from dataclasses import replace

import pytest
import torch
from board_scene import board_and_wall, generator

from train.simulation import mixed
from train.simulation.mixed import KINDS, SHARES, Mixed
from train.simulation.naive import NaiveResize


def test_shares_are_those_of_the_pictures() -> None:
    image, depth = board_and_wall(1)
    many, size = 400, (8, 12)
    given = Mixed(size)(image.expand(many, -1, -1, -1), depth.expand(many, -1, -1, -1), generator())
    plain = NaiveResize(size)(image, depth, generator()).depth
    # Clean phones and anchors that hit the truth everywhere are as plain; noise is not.
    share = float((given.depth == plain).flatten(1).all(dim=1).float().mean())
    assert SHARES[KINDS.index(NaiveResize())] - 0.06 < share < 0.35


def test_each_picture_has_the_output_of_one_kind_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image, depth = board_and_wall(6)
    size = (20, 28)
    monkeypatch.setattr(mixed, "KINDS", (NaiveResize(), NaiveResize()))
    monkeypatch.setattr(mixed, "SHARES", (0.5, 0.5))
    given = Mixed(size)(image, depth, generator())
    assert torch.equal(given.depth, replace(NaiveResize(), size=size)(image, depth, generator()).depth)
    assert (given.confidence == 2).all()
