"""The independent implementation of the network in ``transformers``, with the weights of ours.

Where it differs from the released code, ours follows the released code. There is one such place:
position embeddings, which the released code samples at the scale (side + 0.1) / 37 and
``transformers`` resizes to an exact size.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PromptDepthAnythingConfig, PromptDepthAnythingForDepthEstimation
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings

from promptda.network import PromptedDepth
from promptda.published_forms import TRANSFORMERS

# As released: width, blocks, heads, tapped blocks counted from 1, widths of the pyramid, of the decoder.
RELEASED = {
    "vits": (384, 12, 6, [3, 6, 9, 12], [48, 96, 192, 384], 64),
    "vitl": (1024, 24, 16, [5, 12, 18, 24], [256, 512, 1024, 1024], 256),
}
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def peer_of(model: PromptedDepth) -> nn.Module:
    """The same weights in ``transformers``' network."""
    width, depth, heads, taps, pyramid, features = RELEASED[model.architecture.encoder]
    config = PromptDepthAnythingConfig(
        backbone_config={
            "model_type": "dinov2",
            "image_size": 518,
            "patch_size": 14,
            "hidden_size": width,
            "num_hidden_layers": depth,
            "num_attention_heads": heads,
            "out_indices": taps,
            "apply_layernorm": True,
            "reshape_hidden_states": False,
        },
        reassemble_hidden_size=width,
        neck_hidden_sizes=pyramid,
        fusion_hidden_size=features,
        depth_estimation_type="metric",
        max_depth=None,
    )
    weights = TRANSFORMERS.from_ours(model.state_dict())
    peer, report = PromptDepthAnythingForDepthEstimation.from_pretrained(
        None, config=config, state_dict=weights, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    return peer.eval()


def released_position(embeddings: Dinov2Embeddings, _tokens: Tensor, height: int, width: int) -> Tensor:
    stored, rows, columns = embeddings.position_embeddings, int(height) // 14, int(width) // 14
    if rows == columns == 37:
        return stored
    grid = stored[0, 1:].T.reshape(1, -1, 37, 37)
    grid = F.interpolate(grid, scale_factor=((rows + 0.1) / 37, (columns + 0.1) / 37), mode="bicubic")
    return torch.cat([stored[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


def saved_peer(folder: Path) -> nn.Module:
    """What ``peer_of(...).save_pretrained(folder)`` left there, with the released position embeddings."""
    Dinov2Embeddings.interpolate_pos_encoding = released_position
    return PromptDepthAnythingForDepthEstimation.from_pretrained(folder).eval()


class Plain(nn.Module):
    """A peer with tensors in and out, for programs that convert it."""

    def __init__(self, peer: nn.Module) -> None:
        super().__init__()
        self.peer = peer

    def forward(self, image: Tensor, prompt: Tensor) -> Tensor:
        return self.peer(pixel_values=standardised(image), prompt_depth=prompt).predicted_depth[:, None]


def standardised(image: Tensor) -> Tensor:
    return (image - MEAN.to(image.device).view(3, 1, 1)) / STD.to(image.device).view(3, 1, 1)


@torch.inference_mode()
def peer_depth(peer: nn.Module, image: Tensor, prompt: Tensor) -> Tensor:
    return peer(pixel_values=standardised(image), prompt_depth=prompt).predicted_depth[:, None]


@torch.inference_mode()
def peer_depth_without_prompt(peer: nn.Module, image: Tensor) -> Tensor:
    return peer(pixel_values=standardised(image)).predicted_depth[:, None]
