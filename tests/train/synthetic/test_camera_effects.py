"""What a photograph keeps of the light, and that its faults come from the generator alone."""

import numpy as np
import pytest
import torch

from train.synthetic import camera_effects
from train.synthetic.camera_effects import decoded, develop, exposed, jpeg, photograph


def stairs(scale: float = 1.0) -> np.ndarray:
    """Grey steps from dark to bright, 48 x 64."""
    steps = np.repeat(np.linspace(0.05, 0.6, 8, dtype=np.float32), 8)
    return np.broadcast_to(scale * steps[None, :, None], (48, 64, 3)).copy()


def test_the_same_generator_state_gives_the_same_picture_and_another_another() -> None:
    first, again, other = (photograph(stairs(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.uint8
    assert first.shape == (48, 64, 3)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_brighter_steps_stay_brighter() -> None:
    for seed in range(6):
        image = photograph(stairs(), np.random.default_rng(seed)).astype(float)
        means = image[16:32].mean(axis=(0, 2)).reshape(8, 8).mean(axis=1)
        assert (np.diff(means) > 0).all()


def test_the_meter_does_away_with_the_scale_of_the_light() -> None:
    dim, bright = (exposed(stairs(scale), np.random.default_rng(3)).astype(float) for scale in (1e-3, 1e3))
    np.testing.assert_allclose(dim, bright, atol=1.01)


def test_a_batch_is_within_0_and_1_and_each_picture_has_its_own_camera() -> None:
    batch = torch.from_numpy(stairs()).permute(2, 0, 1)[None].repeat(4, 1, 1, 1)
    images = develop(batch, torch.Generator().manual_seed(0))
    assert images.shape == batch.shape
    assert images.min() >= 0
    assert images.max() <= 1
    assert torch.cdist(images.flatten(1), images.flatten(1))[0, 1:].min() > 0.1


@pytest.mark.parametrize("radiance", [np.zeros((48, 64, 3), np.float32), np.full((48, 64, 3), 1e6, np.float32)])
def test_darkness_and_glare_give_finite_pictures(radiance: np.ndarray) -> None:
    image = photograph(radiance, np.random.default_rng(0))
    assert image.std() < 80


def test_blurring_keeps_an_even_surface_even(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = camera_effects._Draws(1, torch.Generator().manual_seed(1))
    even = torch.full((1, 3, 20, 30), 0.4)
    torch.testing.assert_close(camera_effects._blurred(even, draw), even)


def test_a_jpeg_is_one_and_reads_back_much_the_same() -> None:
    image = exposed(stairs(), np.random.default_rng(5))
    file = jpeg(image, np.random.default_rng(5))
    assert file[:2] == b"\xff\xd8"
    assert np.abs(decoded(file).astype(float) - image).mean() < 8
