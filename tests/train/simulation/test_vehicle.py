from dataclasses import replace

import numpy as np
import pytest
import torch
from board_scene import generator

from recon.prompts.completion import fill_from_nearest
from train.simulation.completion import complete_from_nearest
from train.simulation.vehicle import Beams, Vehicle, rows_of_beams

K = torch.tensor([[[100.0, 0, 79.5], [0, 100.0, 59.5], [0, 0, 1]]])
EXACT = Vehicle(
    size=(120, 160), kinds=(Beams(16, -15.0, 15.0),), pitch_deg=0.0, most_skipped=1, kept_share=(1.0, 1.0), noise=0.0
)
IMAGE = torch.zeros(1, 3, 120, 160)


def test_returns_lie_on_lines_of_elevation() -> None:
    given = EXACT(IMAGE, torch.full((1, 1, 120, 160), 10.0), generator(), K).depth[0, 0]
    row, column = torch.nonzero(given, as_tuple=True)
    x, y = (column - 79.5) / 100, (row - 59.5) / 100
    elevation = torch.rad2deg(torch.atan2(-y, torch.hypot(x, torch.ones(1))))
    beams = torch.linspace(-15, 15, 16)
    off = (elevation[:, None] - beams).abs().min(1).values
    assert off.max() < 0.5 * np.rad2deg(1 / 100) + 1e-3  # half a pixel
    assert len(row) == 16 * 160
    assert (given[row, column] == 10).all()


def test_a_level_beam_is_a_straight_line_and_others_bend() -> None:
    rows = rows_of_beams(torch.tensor([[0.0, -0.2]]), torch.tensor([0.0, 79.5]), K)[0]
    assert rows[0].tolist() == [59.5, 59.5]
    assert float(rows[1, 1]) == pytest.approx(59.5 + 100 * np.tan(0.2), abs=1e-4)
    assert rows[1, 0] > rows[1, 1]


def test_the_sky_and_what_is_out_of_reach_give_no_return() -> None:
    depth = torch.zeros(1, 1, 120, 160)
    depth[..., 60:, :] = 10.0
    depth[..., 60:, 80:] = 130.0
    given = EXACT(IMAGE, depth, generator(), K)
    assert not given.depth[..., :59, :].any()
    assert not given.depth[..., :, 81:].any()
    assert torch.equal(given.confidence > 0, given.depth > 0)


def test_returns_fade_with_the_cube_of_the_distance() -> None:
    every = EXACT(IMAGE, torch.full((1, 1, 120, 160), 30.0), generator(), K).depth.count_nonzero()
    for distance, lost in ((50.0, 0.0), (65.0, 1 / 8), (75.0, (25 / 30) ** 3), (80.0, 1.0)):
        left = EXACT(IMAGE, torch.full((1, 1, 120, 160), distance), generator(), K).depth.count_nonzero()
        assert 1 - float(left / every) == pytest.approx(lost, abs=0.03)


def test_columns_are_skipped_evenly() -> None:
    skipping = replace(EXACT, most_skipped=3)
    steps = set()
    for seed in range(12):
        given = skipping(IMAGE, torch.full((1, 1, 120, 160), 10.0), generator(seed), K).depth[0, 0]
        columns = torch.nonzero(given.any(0))[:, 0]
        (step,) = set(columns.diff().tolist())
        steps.add(step)
    assert steps == {1, 2, 3}


def test_the_nearest_of_the_returns_in_a_pixel_counts() -> None:
    depth = torch.full((1, 1, 120, 160), 20.0)
    depth[..., 60:, ::2] = 5.0
    given = replace(EXACT, size=(4, 80))(IMAGE, depth, generator(), K).depth
    assert set(given[..., 2:, :].unique().tolist()) <= {0.0, 5.0, 20.0}
    one_column = replace(EXACT, size=(2, 160), kinds=(Beams(64, -20.0, 20.0),))
    tall = torch.where(torch.arange(120)[:, None] % 2 == 0, 5.0, 20.0).expand(1, 1, 120, 160)
    assert set(one_column(IMAGE, tall, generator(), K).depth.unique().tolist()) == {5.0}


def test_each_picture_has_a_kind_of_its_own() -> None:
    depth = torch.full((40, 1, 120, 160), 10.0)
    askew = Vehicle(size=(120, 160))(IMAGE.expand(40, -1, -1, -1), depth, generator(), K.expand(40, -1, -1)).depth
    returns = (askew > 0).float().mean((1, 2, 3))
    assert returns.max() > 3 * returns.min() > 0
    error = askew[askew > 0] - 10
    assert float(error.std()) == pytest.approx(0.02, rel=0.05)


def test_intrinsics_are_asked_for() -> None:
    with pytest.raises(ValueError, match="needs K"):
        EXACT(IMAGE, torch.ones(1, 1, 120, 160), generator())


def test_completion_is_the_mean_of_the_four_nearest() -> None:
    rng = np.random.default_rng(0)
    known = rng.random((2, 30, 40)) < 0.08
    depth = np.where(known, rng.uniform(1, 9, known.shape), 0).astype(np.float32)
    completed = complete_from_nearest(torch.from_numpy(depth)[:, None]).numpy()[:, 0]
    for ours, given, valid in zip(completed, depth, known, strict=True):
        spots = np.argwhere(valid)
        apart = np.linalg.norm(np.indices(valid.shape).reshape(2, -1).T[:, None] - spots, axis=2)
        order = np.sort(apart, axis=1)
        sure = (order[:, 4] > order[:, 3] + 1e-9).reshape(valid.shape)  # else the choice of the fourth is free
        np.testing.assert_allclose(ours[sure], fill_from_nearest(given, valid)[sure], rtol=1e-5)
        np.testing.assert_array_equal(ours[valid], given[valid])


def test_completion_of_little_and_of_nothing() -> None:
    depth = torch.zeros(2, 1, 70, 90)
    depth[1, 0, 3, 3] = 2.0
    completed = complete_from_nearest(depth)
    assert not completed[0].any()
    assert (completed[1] == 2).all()
