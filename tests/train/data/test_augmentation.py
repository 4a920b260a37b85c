from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_triples import slanted

from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from train.data.augmentation import change_light, crop, degrade, mirror
from train.sample import Sample

K = np.array([[70.0, 0, 30.0], [0, 60.0, 25.0], [0, 0, 1]])


def made(prompt: np.ndarray | None = None, confidence: np.ndarray | None = None) -> Sample:
    image, depth = slanted(0)
    return Sample("wall", image, depth, prompt, confidence, pseudo=depth, K=K)


def plane(height: int, width: int, *, slope: tuple[float, float] = (0.02, 0.01)) -> np.ndarray:
    """Linear over the area of a picture, whatever the number of pixels."""
    rows, columns = ((np.arange(side) + 0.5) / side for side in (height, width))
    return (2 + slope[0] * rows[:, None] + slope[1] * columns).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(24, 32), (48, 48), (96, 128), (20, 64)]), st.floats(0.3, 1))
def test_a_crop_shows_the_same_depth_and_colour_along_the_same_rays(
    seed: int, size: tuple[int, int], smallest: float
) -> None:
    height, width = 300, 400
    camera = Camera(width, height, np.array([[350.0, 0, 190], [0, 340.0, 160], [0, 0, 1]]))
    ramps = rays(camera)[..., :2]  # x / z and y / z of each pixel
    depth = (3 + ramps[..., 0]).astype(np.float32)
    pseudo = (5 + ramps[..., 1]).astype(np.float32)
    image = np.concatenate([100 + 100 * ramps, np.zeros((height, width, 1))], axis=2).astype(np.uint8)
    sample = Sample("ramp", image, depth, pseudo=pseudo, K=camera.K)
    got = crop(sample, size, (6, 8), smallest, np.random.default_rng(seed))
    assert got.image.shape == (*size, 3)
    assert got.pseudo is not None
    assert got.K is not None
    expected = rays(Camera(size[1], size[0], got.K))[..., :2]
    half_pixel = 0.51 / 340 * (1 + height / size[0])
    np.testing.assert_allclose(got.depth - 3, expected[..., 0], atol=half_pixel)
    np.testing.assert_allclose(got.pseudo - 5, expected[..., 1], atol=half_pixel)
    np.testing.assert_allclose((got.image[1:-1, 1:-1, :2] - 99.5) / 100, expected[1:-1, 1:-1], atol=0.01 + half_pixel)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_the_part_of_a_real_prompt_is_that_of_the_picture(seed: int) -> None:
    sample = replace(
        made(plane(192, 256)), depth=plane(480, 640), pseudo=None, image=np.zeros((480, 640, 3), np.uint8), K=None
    )
    got = crop(sample, (384, 512), (96, 128), 0.6, np.random.default_rng(seed))
    assert got.prompt is not None
    blocks = got.depth.reshape(96, 4, 128, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(got.prompt[1:-1, 1:-1], blocks[1:-1, 1:-1], atol=1e-4)


def test_unknown_depth_is_never_blended_into_known() -> None:
    prompt = plane(12, 16, slope=(0, 0))
    prompt[3:6, 4:9] = 0
    confidence = np.where(prompt > 0, 2, 0).astype(np.uint8)
    sample = made(prompt, confidence)
    sample.depth[10:20, 10:30] = 0
    got = crop(sample, (100, 120), (30, 40), 0.5, np.random.default_rng(1))
    assert got.prompt is not None
    assert got.confidence is not None
    np.testing.assert_allclose(got.prompt[got.prompt > 0], 2, rtol=1e-6)
    np.testing.assert_array_equal(got.prompt > 0, got.confidence == 2)
    assert set(np.unique(got.depth)) <= set(np.unique(sample.depth))


def test_a_whole_picture_at_its_own_size_stays_as_it_is() -> None:
    sample = made(plane(12, 16), np.full((12, 16), 1, np.uint8))
    got = crop(sample, (48, 64), (12, 16), 1.0, np.random.default_rng(0))
    for name in ("image", "depth", "prompt", "confidence", "K"):
        np.testing.assert_allclose(getattr(got, name), getattr(sample, name), rtol=1e-6)
    assert got.pseudo is got.depth


def test_a_mirror_turns_everything_over_and_twice_gives_the_same() -> None:
    sample = made(plane(12, 16), np.arange(192, dtype=np.uint8).reshape(12, 16) % 3)
    flips = [seed for seed in range(20) if np.random.default_rng(seed).random() >= 0.5]
    assert 4 < len(flips) < 16
    once = mirror(sample, np.random.default_rng(flips[0]))
    twice = mirror(once, np.random.default_rng(flips[1]))
    assert once.K is not None
    for name in ("image", "depth", "prompt", "confidence", "pseudo"):
        np.testing.assert_array_equal(getattr(once, name), getattr(sample, name)[:, ::-1])
        np.testing.assert_array_equal(getattr(twice, name), getattr(sample, name))
    before, after = (rays(Camera(64, 48, one.K))[..., 0] for one in (sample, once))
    np.testing.assert_allclose(after, -before[:, ::-1], atol=1e-6)
    still = next(seed for seed in range(20) if seed not in flips)
    assert mirror(sample, np.random.default_rng(still)) is sample


@pytest.mark.parametrize("change", [change_light, degrade])
def test_light_and_noise_change_the_picture_only(change: object) -> None:
    sample = made(plane(12, 16))
    changed = [change(sample, np.random.default_rng(seed)) for seed in range(12)]
    assert sum(not np.array_equal(one.image, sample.image) for one in changed) >= 8
    for one in changed:
        assert one.depth is sample.depth
        assert one.image.dtype == np.uint8
        assert one.image.shape == sample.image.shape


def test_degrading_keeps_the_colours() -> None:
    sample = replace(made(), image=np.tile(np.array([200, 120, 40], np.uint8), (48, 64, 1)))
    for seed in range(12):
        got = degrade(sample, np.random.default_rng(seed)).image.reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(got, [200, 120, 40], atol=3)


def test_light_leaves_grey_near_grey() -> None:
    sample = replace(made(), image=np.full((48, 64, 3), 128, np.uint8))
    for seed in range(12):
        got = change_light(sample, np.random.default_rng(seed)).image[0, 0].astype(float)
        assert np.ptp(got) <= 70
