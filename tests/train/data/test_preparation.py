from dataclasses import replace

import numpy as np
import pytest
import torch
from counted import Smaller
from made_triples import slanted

from train.data.base import Unusable
from train.data.preparation import BatchShape, Preparation, prepare, stack
from train.sample import Sample
from train.simulation.vehicle import Vehicle

SHAPE = BatchShape((24, 32), (6, 8))
PLAIN = Preparation(Smaller(), augmented=False)
RNG = np.random.default_rng


def made(**changes: object) -> Sample:
    image, depth = slanted(0)
    return replace(Sample("wall", image, depth, pseudo=depth), **changes)


def test_without_augmentation_the_whole_picture_is_given() -> None:
    batch = prepare(made(), SHAPE, PLAIN, RNG(0))
    image, depth = slanted(0)
    np.testing.assert_allclose(
        batch.image[0].permute(1, 2, 0).numpy() * 255, image.reshape(24, 2, 32, 2, 3).mean((1, 3)), atol=0.51
    )
    assert {round(float(value), 3) for value in batch.target.unique()} <= {
        round(float(value), 3) for value in np.unique(depth)
    }
    assert batch.image.shape == (1, 3, 24, 32)
    assert batch.prompt.shape == (1, 1, 6, 8)
    assert batch.valid.all()
    assert batch.has_gradient.tolist() == [True]
    torch.testing.assert_close(batch.pseudo, batch.target)


def test_a_simulated_prompt_shows_the_crop_that_the_picture_shows() -> None:
    for seed in range(10):
        batch = prepare(made(), SHAPE, replace(PLAIN, augmented=True), RNG(seed))
        blocks = torch.nn.functional.avg_pool2d(batch.target, 4)
        assert float((batch.prompt / blocks - 1).abs().max()) < 0.02


def test_a_real_prompt_is_not_simulated_and_its_doubtful_pixels_are_filled() -> None:
    prompt = np.full((6, 8), 1.3, np.float32)
    prompt[2, 3], prompt[4, 4] = 9.0, 0.0
    confidence = np.full((6, 8), 1, np.uint8)
    confidence[2, 3] = 0
    batch = prepare(made(prompt=prompt, confidence=confidence), SHAPE, PLAIN, RNG(0))
    np.testing.assert_allclose(batch.prompt.numpy(), 1.3, rtol=1e-5)
    assert torch.nonzero(~batch.valid[0, 0]).tolist() == [[2, 3], [4, 4]]
    bolder = prepare(made(prompt=prompt, confidence=confidence), SHAPE, replace(PLAIN, min_confidence=0), RNG(0))
    assert torch.nonzero(~bolder.valid[0, 0]).tolist() == [[4, 4]]


def test_a_prompt_without_confidence_is_trusted_where_it_is_known() -> None:
    prompt = np.full((6, 8), 1.3, np.float32)
    prompt[0] = 0
    batch = prepare(made(prompt=prompt), SHAPE, replace(PLAIN, min_confidence=2), RNG(0))
    assert batch.valid[0, 0].sum(1).tolist() == [0, 8, 8, 8, 8, 8]


def test_without_pseudo_depth_no_gradient_counts() -> None:
    batch = prepare(made(pseudo=None), SHAPE, PLAIN, RNG(0))
    assert batch.has_gradient.tolist() == [False]


def test_truth_out_of_range_is_unknown() -> None:
    _, depth = slanted(0)
    depth[:24], depth[24] = 90.0, 0.01
    batch = prepare(made(depth=depth, pseudo=depth), SHAPE, PLAIN, RNG(0))
    assert not batch.target[0, 0, :12].any()
    assert batch.target[0, 0, 13:].all()
    torch.testing.assert_close(batch.pseudo, batch.target)


def test_a_sample_with_hardly_any_truth_is_unusable() -> None:
    with pytest.raises(Unusable, match="wall: depth is known in less than 1%"):
        prepare(made(depth=np.zeros((48, 64), np.float32)), SHAPE, PLAIN, RNG(0))


def test_a_prompt_without_a_trusted_pixel_is_unusable() -> None:
    with pytest.raises(Unusable, match="no pixel of the prompt"):
        prepare(made(prompt=np.full((6, 8), 90.0, np.float32)), SHAPE, PLAIN, RNG(0))


def test_pictures_are_stacked_in_order() -> None:
    batches = [prepare(made(depth=np.full((48, 64), depth, np.float32)), SHAPE, PLAIN, RNG(0)) for depth in (1, 2)]
    assert stack(batches).target[:, 0, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: replace(PLAIN, smallest_crop=0.0), "smallest_crop is 0"),
        (lambda: replace(PLAIN, failing=1.5), "failing is 1.5"),
        (lambda: BatchShape((0, 4), (2, 2)), "at least a pixel"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        wrong()


def test_a_vehicles_few_returns_are_completed_as_those_of_a_drive() -> None:
    rows = np.arange(120)[:, None] - 59.5
    depth = np.where(rows > 4, 1.6 * 150 / np.maximum(rows, 1), 0).astype(np.float32) * np.ones((1, 160), np.float32)
    K = np.array([[150.0, 0, 79.5], [0, 150.0, 59.5], [0, 0, 1]])
    street = made(image=np.zeros((120, 160, 3), np.uint8), depth=depth, pseudo=depth, K=K)
    shape = BatchShape((120, 160), (60, 80))
    batch = prepare(street, shape, replace(PLAIN, simulation=Vehicle()), RNG(1))
    trust = batch.trust[0, 0]
    assert not trust[:25].any()  # the sky
    assert 0.02 < float((trust == 1).float().mean()) < 0.5 * float((trust > 0).float().mean())
    known = batch.target[0, 0, 1::2, 1::2] > 0
    error = (batch.prompt[0, 0] / batch.target[0, 0, 1::2, 1::2] - 1).abs()[known & (trust > 0)]
    assert float(error.median()) < 0.03
