"""The loss is the paper's, counts what is known and nothing else, and treats both directions alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from promptda.network import Prediction
from train.losses import Losses, losses, masked_gradient, masked_l1
from train.recipes.recipe import Loss
from train.sample import Batch

PAPER = Loss()
METRES = Loss(space="metres")
LITE = Loss(space="log", gradient=2.0, scales=3, likelihood=0.1)
ALL = (PAPER, METRES, LITE, Loss(space="log", scales=2))


def batch_of(target: Tensor, pseudo: Tensor | None = None, prompt: Tensor | None = None) -> Batch:
    if prompt is None:
        prompt = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2).expand(len(target), 1, 1, 2).clone()
    return Batch(
        image=torch.zeros(len(target), 3, *target.shape[-2:]),
        prompt=prompt,
        trust=torch.ones_like(prompt),
        target=target,
        pseudo=target if pseudo is None else pseudo,
        has_gradient=torch.ones(len(target), dtype=torch.bool),
    )


def evaluate(depth: Tensor, batch: Batch, loss: Loss) -> Losses:
    return losses(Prediction(depth, torch.full_like(depth, 0.05)), batch, loss)


def random_maps(count: int = 4, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Depth, truth with a fifth of it unknown, and pseudo depth with another fifth unknown."""
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.rand(count, 1, 6, 9, generator=generator) + 1 for _ in range(3)]
    holes = [torch.rand(count, 1, 6, 9, generator=generator) < 0.2 for _ in range(2)]
    return maps[0], maps[1].masked_fill(holes[0], 0), maps[2].masked_fill(holes[1], 0)


def test_the_edge_aware_loss_of_a_case_worked_out_by_hand() -> None:
    depth = torch.tensor([[1.0, 2.0], [3.0, 5.0]]).view(1, 1, 2, 2)
    truth = torch.tensor([[1.5, 2.0], [0.0, 4.0]]).view(1, 1, 2, 2)
    pseudo = torch.tensor([[1.0, 1.0], [1.0, 0.0]]).view(1, 1, 2, 2)
    found = evaluate(depth, batch_of(truth, pseudo), METRES)
    # |D - D_gt| is 0.5, 0 and 1; D - D_pseudo is 0, 1 and 2, one pair to the right and one down.
    assert found.distance == pytest.approx(0.5)
    assert found.gradient == pytest.approx(1.0 + 2.0)
    assert found.total == pytest.approx(0.5 + 0.5 * 3.0)
    prompt_range = 2.0
    assert evaluate(depth, batch_of(truth, pseudo), PAPER).total == pytest.approx(2.0 / prompt_range)


@pytest.mark.parametrize("loss", ALL)
def test_the_truth_costs_nothing_more_can_be_saved_on(loss: Loss) -> None:
    depth, truth, _ = random_maps()
    right = truth.where(truth > 0, depth)
    found = evaluate(right, batch_of(truth), loss)
    assert found.gradient == 0
    assert found.distance == 0
    assert found.likelihood == (pytest.approx(np.log(2 * 0.05)) if loss.likelihood else 0)
    assert found.total < evaluate(depth, batch_of(truth), loss).total


@pytest.mark.parametrize("scales", [1, 2, 4])
def test_the_gradient_term_does_not_see_a_shift(scales: int) -> None:
    depth, _, pseudo = random_maps()
    known = pseudo > 0
    here, _ = masked_gradient((depth - pseudo).double(), known, scales)
    there, _ = masked_gradient((depth - pseudo).double() + 0.7, known, scales)
    torch.testing.assert_close(here, there)
    assert (here > 0).all()


@pytest.mark.parametrize("loss", ALL)
def test_rows_and_columns_count_alike(loss: Loss) -> None:
    depth, truth, pseudo = random_maps()
    upright = evaluate(depth, batch_of(truth, pseudo), loss)
    turned = evaluate(depth.mT, batch_of(truth.mT, pseudo.mT), loss)
    torch.testing.assert_close(upright.total, turned.total)


def test_a_step_along_either_axis_is_seen() -> None:
    step = torch.zeros(1, 1, 4, 4)
    step[..., 2:] = 1.0
    for error in (step, step.mT):
        found, _ = masked_gradient(error, torch.ones_like(error, dtype=torch.bool), 1)
        assert found == pytest.approx(4 / 12)  # 4 of the 12 pairs along the axis differ, by 1


@pytest.mark.parametrize("scales", [1, 3])
def test_pairs_count_where_both_pixels_are_known(scales: int) -> None:
    depth, _, pseudo = random_maps(seed=3)
    error, known = (depth - pseudo)[:1], (pseudo > 0)[:1]
    expected = 0.0
    for scale in range(scales):
        field, mask = (map_[0, 0, :: 2**scale, :: 2**scale] for map_ in (error, known))
        for down, right in ((0, 1), (1, 0)):
            steps = [
                abs(float(field[y + down, x + right] - field[y, x]))
                for y in range(field.shape[0] - down)
                for x in range(field.shape[1] - right)
                if mask[y, x] and mask[y + down, x + right]
            ]
            expected += sum(steps) / len(steps) if steps else 0.0
    found, has_steps = masked_gradient(error, known, scales)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert has_steps.all()


def test_gradients_are_those_of_finite_differences() -> None:
    depth, truth, pseudo = (map_.double() for map_ in random_maps(count=2))
    depth.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: masked_l1(x, truth, truth > 0)[0], depth)
    assert torch.autograd.gradcheck(lambda x: masked_gradient(x - pseudo, pseudo > 0, 2)[0], depth)


@pytest.mark.parametrize("loss", ALL)
def test_what_is_unknown_gets_no_gradient_at_all(loss: Loss) -> None:
    depth, truth, _ = random_maps()
    truth[0, 0, 2:5, 3:7] = 0
    depth.requires_grad_()
    evaluate(depth, batch_of(truth), loss).total.backward()
    assert depth.grad is not None
    assert (depth.grad[truth == 0] == 0).all()
    assert depth.grad.isfinite().all()
    assert (depth.grad != 0).any()


@pytest.mark.parametrize("loss", ALL)
def test_a_picture_without_truth_drops_out(loss: Loss) -> None:
    depth, truth, pseudo = random_maps()
    blind_truth, blind_pseudo = truth.clone(), pseudo.clone()
    blind_truth[1], blind_pseudo[1] = 0, 0
    kept = [0, 2, 3]
    with_it = evaluate(depth, batch_of(blind_truth, blind_pseudo), loss)
    without = evaluate(depth[kept], batch_of(truth[kept], pseudo[kept]), loss)
    torch.testing.assert_close(with_it.total, without.total)


@pytest.mark.parametrize("loss", ALL)
def test_a_batch_without_truth_asks_for_nothing(loss: Loss) -> None:
    depth, truth, _ = random_maps()
    depth = depth.clone().requires_grad_()
    found = evaluate(depth, batch_of(torch.zeros_like(truth)), loss)
    found.total.backward()
    assert found.total == 0
    assert depth.grad is not None
    assert (depth.grad == 0).all()


def test_a_prediction_of_no_depth_is_not_judged_in_log_space() -> None:
    depth, truth, _ = random_maps()
    depth[0] = 0  # as without a prompt
    depth.requires_grad_()
    evaluate(depth, batch_of(truth), LITE).total.backward()
    assert depth.grad is not None
    assert depth.grad.isfinite().all()


def test_a_flat_prompt_gives_no_unit_to_measure_in() -> None:
    depth, truth, _ = random_maps(count=2)
    flat = batch_of(truth)
    flat.prompt[0] = 1.5
    found = evaluate(depth, flat, PAPER)
    alone = evaluate(depth[1:], batch_of(truth[1:]), PAPER)
    torch.testing.assert_close(found.total, alone.total)


def test_the_normalised_and_the_log_loss_do_not_depend_on_the_size_of_the_scene() -> None:
    depth, truth, pseudo = random_maps()
    batch = batch_of(truth, pseudo)
    larger = replace(batch, prompt=3 * batch.prompt, target=3 * truth, pseudo=3 * pseudo)
    for loss in (PAPER, LITE):
        torch.testing.assert_close(evaluate(depth, batch, loss).total, evaluate(3 * depth, larger, loss).total)


def test_where_the_gradient_does_not_count_the_l1_remains() -> None:
    depth, truth, pseudo = random_maps()
    batch = replace(batch_of(truth, pseudo), has_gradient=torch.zeros(len(truth), dtype=torch.bool))
    found = evaluate(depth, batch, METRES)
    each = [(d - t)[t > 0].abs().mean() for d, t in zip(depth, truth, strict=True)]
    torch.testing.assert_close(found.total, torch.stack(each).mean())


def test_the_loss_is_float32_under_autocast() -> None:
    depth, truth, pseudo = random_maps()
    batch = batch_of(truth, pseudo)
    exact = evaluate(depth, batch, PAPER).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = evaluate(depth, batch, PAPER).total
    assert found.dtype == torch.float32
    assert found == exact


def test_the_likelihood_trains_the_uncertainty_and_leaves_the_depth_alone() -> None:
    depth, truth, _ = random_maps()
    gradients = []
    for weight in (0.0, 0.5):
        guess = depth.clone().requires_grad_()
        spread = torch.full_like(depth, 0.05).requires_grad_()
        losses(Prediction(guess, spread), batch_of(truth), replace(LITE, likelihood=weight)).total.backward()
        gradients.append((guess.grad, spread.grad))
    (plain, unasked), (asked, trained) = gradients
    assert torch.equal(plain, asked)
    assert unasked is None or not unasked.any()
    assert trained.any()
