from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from board_scene import HEIGHT, WIDTH, board_and_wall, generator

from train.simulation.anchors import PAPER, RELEASED_KIND
from train.simulation.naive import NaiveResize
from train.simulation.resizing import resize_depth, resize_image
from train.simulation.spots import pattern_pool

SIZE = (48, 64)
SMALL = replace(PAPER, size=SIZE, patterns=4)


def test_the_papers_settings() -> None:
    assert PAPER.size == (192, 256)
    assert PAPER.grid.stride == (7, 7)
    assert PAPER.guide == "rgb"


def test_each_pixel_is_the_mean_of_its_spots_weighted_by_colour_and_nearness() -> None:
    image, depth = board_and_wall()
    given = SMALL(image, depth, generator()).depth[0, 0]
    g = generator()
    torch.randn((1, 1, *SIZE), generator=g)  # the noise, which is off
    around = pattern_pool(SMALL.grid, SIZE, 4, torch.device("cpu"), 4).draw(1, g).offsets[0]
    low, colour = resize_depth(depth, SIZE)[0, 0], resize_image(image, SIZE)[0]
    for row, column in ((0, 0), (11, 17), (12, 20), (30, 43), (47, 63)):
        total = weights = 0.0
        for down, right in around[row * SIZE[1] + column].tolist():
            y, x = row + down, column + right
            apart = float((colour[:, y, x] - colour[:, row, column]).norm())
            weight = torch.exp(torch.tensor(-5 * apart)).item() / max((down**2 + right**2) ** 0.5, 1e-3)
            total, weights = total + weight * float(low[y, x]), weights + weight
        assert float(given[row, column]) == pytest.approx(total / weights, rel=1e-5)


@pytest.mark.parametrize(
    "settings", [SMALL, replace(RELEASED_KIND, size=SIZE, patterns=4, noise_mean=0.0, noise_deviation=0.0)]
)
def test_a_wall_at_one_depth_stays_so(settings: type[PAPER]) -> None:
    image, _ = board_and_wall(3)
    given = settings(image, torch.full((3, 1, HEIGHT, WIDTH), 1.5), generator())
    torch.testing.assert_close(given.depth, torch.full((3, 1, *SIZE), 1.5))
    assert (given.confidence == 2).all()


def test_unknown_pixels_are_no_anchors() -> None:
    image, depth = board_and_wall(2)
    depth[..., :, 50:] = 0
    given = SMALL(image, depth, generator()).depth
    assert (given >= 1 - 1e-6).all()  # a zero among the anchors would pull below the board's metre
    assert (given <= depth.max() + 1e-6).all()


def test_nothing_known_gives_nothing() -> None:
    image, depth = board_and_wall(2)
    given = SMALL(image, depth * torch.tensor([0.0, 1.0])[:, None, None, None], generator())
    assert not given.depth[0].any()
    assert not given.confidence[0].any()
    assert (given.depth[1] > 0).all()


def test_the_shares_of_the_mixture() -> None:
    image, depth = board_and_wall(200)
    depth[:] = 2.0
    settings = replace(RELEASED_KIND, size=(12, 16), patterns=4, bilateral=False)
    error = settings(image, depth, generator()).depth / 2 - 1
    clean = (error == 0).all(dim=(-3, -2, -1))
    deviation = error.std(dim=(-3, -2, -1))
    noisy = deviation > 0.0042  # 0.005, less where spots were averaged
    assert float(clean.float().mean()) == pytest.approx(0.2, abs=0.08)
    assert float(noisy.float().mean()) == pytest.approx(0.4, abs=0.1)
    assert float(error[noisy].mean()) == pytest.approx(-0.01, abs=5e-4)
    assert float(error[noisy].std()) == pytest.approx(0.005, rel=0.05)


def test_the_signed_depth_guide_eats_into_the_foreground() -> None:
    image, depth = board_and_wall(4)
    plain, signed = (replace(SMALL, guide=guide)(image, depth, generator()).depth for guide in ("rgb", "depth"))
    foreground = resize_depth(depth, SIZE) == 1
    assert signed[foreground].mean() > plain[foreground].mean() + 0.01


def test_the_bilateral_filter_smooths_noise() -> None:
    image, depth = board_and_wall(2)
    rough = replace(SMALL, noise_deviation=0.005)
    smooth = replace(rough, bilateral=True)
    board = resize_depth(depth, SIZE) == 1
    deviations = [settings(image, depth, generator()).depth[board].std() for settings in (rough, smooth)]
    assert deviations[1] < 0.8 * deviations[0]


def test_the_same_generator_gives_the_same_map() -> None:
    image, depth = board_and_wall(2)
    first, again, other = (SMALL(image, depth, generator(seed)).depth for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pictures_of_a_batch_do_not_mix() -> None:
    image, depth = board_and_wall(3)
    depth = depth * torch.tensor([1.0, 10.0, 100.0])[:, None, None, None]
    given = SMALL(image, depth, generator()).depth
    for fainter, stronger in pairwise(given):
        assert fainter.max() < stronger.min()


def test_naive_is_the_truth_at_fewer_pixels() -> None:
    image, depth = board_and_wall(2)
    depth[..., :20, :20] = 0
    given = NaiveResize(size=SIZE)(image, depth, generator())
    assert torch.equal(given.depth, resize_depth(depth, SIZE))
    assert torch.equal(given.confidence > 0, given.depth > 0)
