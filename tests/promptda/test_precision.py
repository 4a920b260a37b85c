"""What reduced precision may cost, judged against the spread of the depth, and what it never touches."""

import copy
from collections.abc import Callable

import pytest
import torch
from drawn_network import draw_architecture
from torch import Tensor

from promptda.network import Architecture, PromptedDepth

Sampler = Callable[..., tuple[Tensor, Tensor]]


@pytest.mark.parametrize(("dtype", "most"), [(torch.bfloat16, 0.02), (torch.float16, 0.005)])
@torch.inference_mode()
def test_autocast_keeps_depth_to_a_small_share_of_its_deviation(
    dtype: torch.dtype, most: float, vits: PromptedDepth, make_sample: Sampler
) -> None:
    image, prompt = make_sample(126, 182)
    expected = vits(image, prompt).depth
    with torch.autocast("cpu", dtype):
        depth = vits(image, prompt).depth
    assert depth.dtype == torch.float32
    assert expected.std() > 0.1 * (prompt.max() - prompt.min())  # else the error below proves nothing
    error = (depth - expected).square().mean().sqrt() / expected.std()
    assert 0 < error < most  # above 0, or nothing was reduced


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_autocast_leaves_prompt_decoder_and_head_in_float32(training: bool, tiny: str, make_sample: Sampler) -> None:
    model = copy.deepcopy(draw_architecture(Architecture(tiny, 8, head="laplace"))).train(training)
    seen: dict[str, set[torch.dtype]] = {}
    inside = ("head.conv1", "head.conv2", "head.conv3", "head.uncertainty", "decoder.levels.0.project", "encoder")
    for name in inside:
        kinds = seen.setdefault(name, set())
        model.get_submodule(name).register_forward_hook(
            lambda _m, _i, output, kinds=kinds: kinds.update(
                o.dtype for o in (output if isinstance(output, list) else [output])
            )
        )
    with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(training):
        prediction = model(*make_sample(70, 98))
    assert seen.pop("encoder") == {torch.bfloat16}
    assert seen.pop("decoder.levels.0.project") == {torch.float32}
    assert prediction.depth.dtype == torch.float32
    assert seen.pop("head.conv3") == {torch.float32}
    assert seen.pop("head.uncertainty") == {torch.float32}
    if training:
        prediction.depth.sum().backward()
        assert seen == {"head.conv1": {torch.float32}, "head.conv2": {torch.float32}}
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
