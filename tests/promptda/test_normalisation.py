"""Prompt depth on its own scale."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from promptda.normalisation import MIN_LOG_SPAN, fill, normalise, normalise_centred, normalise_log


def random_prompt(height: int = 7, width: int = 10, batch: int = 2, seed: int = 0) -> Tensor:
    return 0.5 + 4 * torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(seed))


def test_a_full_prompt_gets_the_released_arithmetic_to_the_bit() -> None:
    prompt = random_prompt()
    low, high = prompt.flatten(1).quantile(0, dim=1), prompt.flatten(1).quantile(1, dim=1)
    low, high = low.view(-1, 1, 1, 1), high.view(-1, 1, 1, 1)
    for valid in (None, torch.ones_like(prompt, dtype=torch.bool)):
        unit, prompt_range = normalise(prompt, valid)
        assert torch.equal(unit, (prompt - low) / (high - low))
        assert torch.equal(prompt_range.to_metres(unit), unit * (high - low) + low)


def test_zero_counts_as_depth_unless_marked_invalid() -> None:
    prompt = torch.tensor([0.0, 1.0, 3.0]).view(1, 1, 1, 3)
    assert normalise(prompt, None)[1].minimum == 0
    assert normalise(prompt, prompt > 0)[1].minimum == 1


def test_each_prompt_of_a_batch_has_its_own_range() -> None:
    prompt = random_prompt()
    both, _ = normalise(prompt, None)
    for i in range(len(prompt)):
        assert torch.equal(both[i : i + 1], normalise(prompt[i : i + 1], None)[0])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), junk=st.sampled_from([0.0, -5.0, 1e9, torch.nan, torch.inf, -torch.inf]))
def test_what_an_invalid_pixel_holds_changes_nothing(seed: int, junk: float) -> None:
    prompt = random_prompt(seed=seed)
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(seed)) > 0.4
    unit, prompt_range = normalise(prompt, valid)
    junk_unit, junk_range = normalise(prompt.where(valid, junk), valid)
    assert torch.equal(unit, junk_unit)
    assert torch.equal(prompt_range.minimum, junk_range.minimum)
    assert torch.equal(prompt_range.maximum, junk_range.maximum)
    assert unit.min() == 0
    assert unit.max() == 1


def test_pixels_that_are_not_finite_are_ignored_without_a_mask_too() -> None:
    prompt = random_prompt()
    holed = prompt.clone()
    holed[..., 3, 4], holed[..., 0, 0] = torch.nan, torch.inf
    assert torch.equal(normalise(holed, None)[0], normalise(prompt, holed.isfinite())[0])


def test_a_constant_prompt_maps_back_to_its_constant() -> None:
    unit, prompt_range = normalise(torch.full((1, 1, 4, 5), 2.5), None)
    assert torch.equal(unit, torch.zeros_like(unit))
    assert torch.equal(prompt_range.to_metres(torch.rand(1, 1, 8, 8)), torch.full((1, 1, 8, 8), 2.5))


def test_a_prompt_without_a_known_pixel_maps_back_to_unknown_depth() -> None:
    prompt = random_prompt()
    unit, prompt_range = normalise(prompt, torch.zeros_like(prompt, dtype=torch.bool))
    assert torch.equal(unit, torch.zeros_like(unit))
    assert torch.equal(prompt_range.to_metres(torch.rand(2, 1, 8, 8)), torch.zeros(2, 1, 8, 8))


def test_one_row_of_unknown_prompts_does_not_disturb_the_others() -> None:
    prompt = random_prompt()
    valid = torch.ones_like(prompt, dtype=torch.bool)
    valid[0] = False
    assert torch.equal(normalise(prompt, valid)[0][1:], normalise(prompt[1:], None)[0])


@settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 20), width=st.integers(1, 20), seed=st.integers(0, 1000))
def test_filling_keeps_known_values_and_stays_between_them(height: int, width: int, seed: int) -> None:
    values = random_prompt(height, width, seed=seed)
    known = torch.rand(values.shape, generator=torch.Generator().manual_seed(seed)) > 0.7
    known[..., 0, 0] = True
    filled = fill(values, known)
    assert torch.equal(filled[known], values[known])
    low = values.where(known, torch.inf).amin((1, 2, 3), keepdim=True)
    high = values.where(known, -torch.inf).amax((1, 2, 3), keepdim=True)
    rounding = 1e-5
    assert (filled >= low - rounding).all()
    assert (filled <= high + rounding).all()


def test_a_hole_is_filled_from_its_neighbours_not_from_far_away() -> None:
    values = torch.ones(1, 1, 32, 32)
    values[..., 16:] = 3.0  # a step between left and right
    known = torch.ones_like(values, dtype=torch.bool)
    known[..., 4:6, 4:6] = False
    known[..., 4:6, 26:28] = False
    filled = fill(values, known)
    assert torch.allclose(filled[..., 4:6, 4:6], torch.tensor(1.0))
    assert torch.allclose(filled[..., 4:6, 26:28], torch.tensor(3.0))


def test_gradients_through_a_holed_prompt_are_finite() -> None:
    prompt = random_prompt().requires_grad_()
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(0)) > 0.5
    valid[0] = False
    unit, prompt_range = normalise(prompt, valid)
    prompt_range.to_metres(unit).sum().backward()
    assert prompt.grad is not None
    assert prompt.grad.isfinite().all()


def test_quantiles_of_log_depth_become_0_and_1() -> None:
    # 21 depths: the 5 % quantile is the second least, the 95 % quantile the second greatest.
    prompt = torch.linspace(-1, 1, 21).exp()[torch.randperm(21, generator=torch.Generator().manual_seed(0))]
    unit, log_range = normalise_log(prompt.view(1, 1, 3, 7), None)
    torch.testing.assert_close(unit.flatten(), (prompt.log() + 0.9) / 1.8)
    torch.testing.assert_close(log_range.to_metres(unit), prompt.view(1, 1, 3, 7))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), factor=st.floats(1e-2, 1e2))
def test_the_log_scale_knows_no_unit_of_length(seed: int, factor: float) -> None:
    prompt = random_prompt(seed=seed)
    unit, log_range = normalise_log(prompt, None)
    scaled_unit, scaled_range = normalise_log(factor * prompt, None)
    torch.testing.assert_close(scaled_unit, unit, rtol=0, atol=1e-4)
    torch.testing.assert_close(scaled_range.to_metres(unit), factor * log_range.to_metres(unit), rtol=1e-4, atol=0)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), junk=st.sampled_from([0.0, -5.0, 1e9, torch.nan, torch.inf, -torch.inf]))
def test_what_an_invalid_pixel_holds_changes_nothing_on_the_log_scale(seed: int, junk: float) -> None:
    prompt = random_prompt(seed=seed)
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(seed)) > 0.4
    unit, log_range = normalise_log(prompt, valid)
    junk_unit, junk_range = normalise_log(prompt.where(valid, junk), valid)
    assert torch.equal(unit, junk_unit)
    assert torch.equal(log_range.log_minimum, junk_range.log_minimum)
    assert torch.equal(log_range.span, junk_range.span)
    assert unit.isfinite().all()


def test_one_pixel_in_thirty_hardly_moves_the_log_scale() -> None:
    prompt = random_prompt(20, 30, batch=1)
    wrong = prompt.flatten().clone()
    wrong[::31] = 1e6
    spans = [normalise_log(p.view_as(prompt), None)[1].span.item() for p in (prompt, wrong)]
    assert 1 <= spans[1] / spans[0] < 1.1


def test_a_constant_prompt_leaves_room_on_the_log_scale() -> None:
    unit, log_range = normalise_log(torch.full((1, 1, 4, 5), 2.5), None)
    assert torch.equal(unit, torch.zeros_like(unit))
    torch.testing.assert_close(log_range.to_metres(unit), torch.full((1, 1, 4, 5), 2.5))
    assert log_range.span == MIN_LOG_SPAN


def test_a_prompt_without_a_known_pixel_is_unknown_on_the_log_scale() -> None:
    prompt = random_prompt()
    valid = torch.ones_like(prompt, dtype=torch.bool)
    valid[0] = False
    unit, log_range = normalise_log(prompt, valid)
    assert (unit[0] == 0).all()
    assert (log_range.to_metres(torch.rand(2, 1, 8, 8))[0] == 0).all()
    assert torch.equal(unit[1:], normalise_log(prompt[1:], None)[0])


def test_gradients_through_a_holed_prompt_are_finite_on_the_log_scale() -> None:
    prompt = random_prompt()
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(0)) > 0.5
    valid[0] = False
    prompt = prompt.where(valid, 0).requires_grad_()
    unit, log_range = normalise_log(prompt, valid)
    prediction = torch.rand(2, 1, 8, 8, requires_grad=True)
    (unit.sum() + log_range.to_metres(prediction).sum()).backward()
    for leaf in (prompt, prediction):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


def test_the_median_is_the_origin_and_a_unit_is_a_share_of_depth() -> None:
    prompt = torch.tensor([0.0, 1.0, 2.0, 4.0]).view(1, 1, 1, 4)
    unit, known, scale = normalise_centred(prompt, None)
    assert known.flatten().tolist() == [False, True, True, True]
    torch.testing.assert_close(unit[..., 1:], torch.tensor([0.5, 1.0, 2.0]).log().view(1, 1, 1, 3))
    torch.testing.assert_close(scale.to_metres(unit)[..., 1:], prompt[..., 1:])
