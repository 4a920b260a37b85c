"""The variants of the transformer against ``transformers`` on the same random weights."""

from dataclasses import replace

import pytest
import torch
from drawn_network import draw_architecture
from torch import nn
from transformers import Dinov2Backbone, Dinov2Config, Dinov2WithRegistersBackbone, Dinov2WithRegistersConfig
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings
from transformers_peer import released_position

from promptda.encoders import dinov2
from promptda.network import Architecture
from promptda.published_forms import TRANSFORMERS

PREFIX = "backbone."


def peer_of(vit: dinov2.VisionTransformer, size: dinov2.Size) -> nn.Module:
    settings = {
        "hidden_size": size.width,
        "num_hidden_layers": size.depth,
        "num_attention_heads": size.heads,
        "image_size": 518,
        "patch_size": 14,
        "use_swiglu_ffn": size.gated,
        "out_indices": [tap + 1 for tap in size.taps],
    }
    weights = TRANSFORMERS.from_ours({f"encoder.vit.{key}": tensor for key, tensor in vit.state_dict().items()})
    weights = {key.removeprefix(PREFIX): tensor for key, tensor in weights.items()}
    if size.registers:
        config = Dinov2WithRegistersConfig(**settings, num_register_tokens=size.registers)
        backbone = Dinov2WithRegistersBackbone
    else:
        config, backbone = Dinov2Config(**settings), Dinov2Backbone
    peer, report = backbone.from_pretrained(None, config=config, state_dict=weights, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    return peer.eval()


@pytest.mark.parametrize("gated", [False, True], ids=["perceptron", "swiglu"])
@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize(("height", "width"), [(518, 518), (70, 98)])
def test_maps_agree_with_transformers(
    gated: bool, registers: int, height: int, width: int, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dinov2Embeddings, "interpolate_pos_encoding", released_position)
    size = replace(dinov2.SIZES[tiny], gated=gated, registers=registers)
    monkeypatch.setitem(dinov2.SIZES, "variant", size)
    vit = draw_architecture(Architecture("variant", 8)).encoder.vit
    image = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps, expected = vit(image), peer_of(vit, size)(image).feature_maps
    for ours, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)  # of a deviation of 1


@pytest.mark.parametrize(
    ("name", "total"),
    [("vits", 22_056_576), ("vitg", 1_136_480_768), ("vitg-registers", 1_136_480_768 + 4 * 1536)],
)
def test_parameters_are_as_many_as_published(name: str, total: int) -> None:
    with torch.device("meta"):
        vit = dinov2.VisionTransformer(dinov2.SIZES[name])
    assert sum(p.numel() for p in vit.parameters()) == total
