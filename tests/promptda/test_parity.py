"""The network against the independent implementation in ``transformers``, on the same random weights.

``transformers`` is made to sample position embeddings as the released code does, the one place where
the two differ.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings
from transformers_peer import peer_depth, peer_of, released_position

from promptda.network import PromptedDepth

CASES = [
    pytest.param("vits", 518, 518, id="vits-native"),
    pytest.param("vits", 378, 574, id="vits-odd"),
    pytest.param("vitl", 126, 182, id="vitl-small"),
    pytest.param("vits", 756, 1008, id="vits-release-size", marks=pytest.mark.slow),
    pytest.param("vitl", 518, 518, id="vitl-native", marks=pytest.mark.slow),
    pytest.param("vitl", 378, 574, id="vitl-odd", marks=pytest.mark.slow),
    pytest.param("vitl", 756, 1008, id="vitl-release-size", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def network(draw_network: Callable[[str], PromptedDepth]) -> Callable[[str], PromptedDepth]:
    drawn: dict[str, PromptedDepth] = {}

    def get(encoder: str) -> PromptedDepth:
        if encoder not in drawn:
            drawn.clear()  # a ViT-L is 1.4 GB
            drawn[encoder] = draw_network(encoder)
        return drawn[encoder]

    return get


@pytest.mark.parametrize(("encoder", "height", "width"), CASES)
def test_depth_agrees_with_transformers(
    encoder: str,
    height: int,
    width: int,
    network: Callable[[str], PromptedDepth],
    make_sample: Callable[..., tuple[Tensor, Tensor]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Dinov2Embeddings, "interpolate_pos_encoding", released_position)
    model = network(encoder)
    image, prompt = make_sample(height, width)
    span = prompt.max() - prompt.min()
    expected = peer_depth(peer_of(model), image, prompt)
    assert expected.std() >= 0.05 * span, "the output hardly varies: agreement would prove nothing"

    with torch.inference_mode():
        error = (model(image, prompt).depth - expected).abs().max()
    # Both compute in float32, the same sums in another order.
    assert error <= 1e-4 * span
    assert error <= 1e-3 * expected.std()

    with torch.inference_mode():
        unprompted = model.head(
            model.decoder(model.encoder((image - model.image_mean) / model.image_std), lambda _level, x: x),
            height,
            width,
        )
    error_unprompted = (unprompted * span + prompt.min() - expected).abs().max()
    assert error_unprompted > 0.05 * span, "the prompt branch hardly matters: agreement does not test it"


def test_position_embeddings_of_transformers_differ_where_the_grid_is_not_native(
    vits: PromptedDepth, make_sample: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    image, prompt = make_sample(126, 182)
    with torch.inference_mode():
        error = (vits(image, prompt).depth - peer_depth(peer_of(vits), image, prompt)).abs().max()
    assert error > 1e-4 * (prompt.max() - prompt.min())
