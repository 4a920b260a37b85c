"""Textures of surfaces repeat without a seam, keep their sizes and follow their generator."""

from collections.abc import Callable

import numpy as np
import pytest

from train.synthetic import patterns, pictures, textures

PATTERNS = (
    patterns.grain,
    patterns.cloud,
    patterns.wood,
    patterns.marble,
    patterns.weave,
    patterns.stripes,
    patterns.checks,
    patterns.dots,
    patterns.tiles,
    patterns.bricks,
    patterns.planks,
)
EDGED = (patterns.stripes, patterns.checks, patterns.tiles)  # whose only edge may be the seam, as it should
PICTURES = (
    pictures.poster,
    pictures.photo,
    pictures.page,
    pictures.screen,
    pictures.keyboard,
    pictures.spines,
    pictures.carpet,
)


def steps_between_rows(grey: np.ndarray) -> np.ndarray:
    """Mean jump from each row to the next, the last one across the seam."""
    return np.abs(np.roll(grey, -1, axis=0).astype(float) - grey).mean(axis=1)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("variant", range(0, patterns.VARIANTS, 5))
def test_no_pattern_jumps_more_across_its_seam_than_within(pattern: Callable, variant: int) -> None:
    grey = pattern(variant)
    assert grey.shape == (patterns.SIZE, patterns.SIZE)
    for steps in (steps_between_rows(grey), steps_between_rows(grey.T)):
        assert steps[-1] <= 1.3 * steps[:-1].max() or pattern in EDGED


def test_fractal_noise_has_no_mean_and_unit_deviation() -> None:
    noise = patterns.fractal(np.random.default_rng(0), 64, 1.0)
    assert abs(noise.mean()) < 1e-9
    assert noise.std() == pytest.approx(1)


def test_steeper_slopes_make_smoother_noise() -> None:
    rough, smooth = (patterns.fractal(np.random.default_rng(1), 128, slope) for slope in (0.3, 1.5))
    assert steps_between_rows(smooth).mean() < 0.3 * steps_between_rows(rough).mean()


def test_stretched_noise_varies_less_along_the_stretch() -> None:
    streaks = patterns.fractal(np.random.default_rng(2), 128, 0.6, (30.0, 1.0))
    assert steps_between_rows(streaks).mean() < 0.6 * steps_between_rows(streaks.T).mean()


def test_colours_run_from_the_darkest_to_the_brightest_grey() -> None:
    black, white = np.zeros(3), np.ones(3)
    ramp = textures.coloured(np.array([[0, 128, 255]], np.uint8), [black, white])
    np.testing.assert_array_equal(ramp[0, :, 0], [0, 128, 255])


def test_plain_paint_keeps_to_its_colour() -> None:
    colour = np.array([0.5, 0.6, 0.7])
    texture = textures.plain(np.random.default_rng(3), colour) / 255
    np.testing.assert_allclose(texture.mean(axis=(0, 1)), colour, atol=0.01)
    assert texture.std(axis=(0, 1)).max() < 0.03


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_follow_their_generator(picture: Callable) -> None:
    one, again, other = (picture(np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert one.dtype == np.uint8
    assert one.shape == (pictures.SIZE, pictures.SIZE, 3)
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_pages_are_mostly_paper_with_dark_print() -> None:
    page = pictures.page(np.random.default_rng(6)).mean(axis=2)
    paper = np.median(page)
    assert paper > 150
    assert 0.02 < (page < 0.5 * paper).mean() < 0.6
