"""The work that the released PromptDA code does for a picture, written from its description as a peer.

The same weights in the same layers as ``promptda``, so that outputs agree, but in the order of the release:
every operation eager, attention as two products with the whole matrix of scores between them, maps that are
contiguous channel by channel, and each level of the decoder enlarged before its 1x1 convolution.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from promptda.encoders.dinov2 import GRID_OFFSET, NATIVE_GRID, NORM_EPS, PATCH_PX, SIZES
from promptda.encoders.standardisation import IMAGE_MEAN, IMAGE_STD
from promptda.network import PromptedDepth
from promptda.published_forms import OFFICIAL


class ReleasedNetwork:
    """Functions on tensors with the release's names."""

    def __init__(self, model: PromptedDepth) -> None:
        self.size = SIZES[model.architecture.encoder]
        self.weights = OFFICIAL.from_ours(model.state_dict())
        self.mean, self.std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))

    def depth(self, image: Tensor, prompt: Tensor) -> Tensor:
        """Metres (b, 1, H, W) from RGB in 0..1 (b, 3, H, W) and metres (b, 1, h, w)."""
        least, greatest = prompt.amin((1, 2, 3), keepdim=True), prompt.amax((1, 2, 3), keepdim=True)
        unit_prompt = (prompt - least) / (greatest - least)
        return self.unit_depth(image, unit_prompt) * (greatest - least) + least

    def unit_depth(self, image: Tensor, unit_prompt: Tensor | None) -> Tensor:
        """Normalised depth; without a prompt that of the foundation."""
        height, width = image.shape[-2:]
        image = (image - self.mean.to(image.device)) / self.std.to(image.device)
        pyramid = [self._reassembled(level, tokens) for level, tokens in enumerate(self._tapped(image))]
        skips = [
            F.conv2d(pyramid[level], self.weights[f"depth_head.scratch.layer{level + 1}_rn.weight"], padding=1)
            for level in range(4)
        ]
        path: Tensor | None = None
        for level in (3, 2, 1, 0):
            path = self._refined(level, path, skips, unit_prompt)
        x = self._conv(path, "scratch.output_conv1", padding=1)
        x = F.interpolate(x, (height, width), mode="bilinear", align_corners=True)
        x = F.relu(self._conv(x, "scratch.output_conv2.0", padding=1))
        return torch.sigmoid(self._conv(x, "scratch.output_conv2.2"))

    def _tapped(self, image: Tensor) -> list[Tensor]:
        """Maps of the tapped blocks' patch tokens, normalised."""
        grid = image.shape[-2] // PATCH_PX, image.shape[-1] // PATCH_PX
        patches = F.conv2d(image, *self._pair("pretrained.patch_embed.proj"), stride=PATCH_PX).flatten(2).mT
        of_class = self.weights["pretrained.cls_token"].expand(len(image), -1, -1)
        tokens = torch.cat([of_class, patches], dim=1) + self._position(*grid)
        maps = []
        for block in range(max(self.size.taps) + 1):
            name = f"pretrained.blocks.{block}"
            mixed = self._attention(f"{name}.attn", self._norm(f"{name}.norm1", tokens))
            tokens = tokens + mixed * self.weights[f"{name}.ls1.gamma"]
            hidden = F.gelu(F.linear(self._norm(f"{name}.norm2", tokens), *self._pair(f"{name}.mlp.fc1")))
            tokens = tokens + F.linear(hidden, *self._pair(f"{name}.mlp.fc2")) * self.weights[f"{name}.ls2.gamma"]
            if block in self.size.taps:
                normalised = self._norm("pretrained.norm", tokens)[:, 1:]
                maps.append(normalised.mT.reshape(len(image), -1, *grid).contiguous())
        return maps

    def _position(self, rows: int, columns: int) -> Tensor:
        stored = self.weights["pretrained.pos_embed"]
        if rows == columns == NATIVE_GRID:
            return stored
        native = stored[:, 1:].mT.reshape(1, -1, NATIVE_GRID, NATIVE_GRID)
        scale = ((rows + GRID_OFFSET) / NATIVE_GRID, (columns + GRID_OFFSET) / NATIVE_GRID)
        resized = F.interpolate(native, scale_factor=scale, mode="bicubic")
        return torch.cat([stored[:, :1], resized.flatten(2).mT], dim=1)

    def _attention(self, name: str, tokens: Tensor) -> Tensor:
        qkv = F.linear(tokens, *self._pair(f"{name}.qkv")).unflatten(-1, (3, self.size.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (b, heads, n, d / heads) each
        scores = (query * query.shape[-1] ** -0.5) @ key.mT  # (b, heads, n, n)
        mixed = scores.softmax(dim=-1) @ value
        return F.linear(mixed.transpose(1, 2).flatten(2), *self._pair(f"{name}.proj"))

    def _reassembled(self, level: int, tokens: Tensor) -> Tensor:
        x, resize = self._conv(tokens, f"projects.{level}"), f"depth_head.resize_layers.{level}"
        if level < 2:
            return F.conv_transpose2d(x, *self._pair(resize), stride=4 if level == 0 else 2)
        return x if level == 2 else F.conv2d(x, *self._pair(resize), stride=2, padding=1)

    def _refined(self, level: int, path: Tensor | None, skips: list[Tensor], unit_prompt: Tensor | None) -> Tensor:
        name = f"scratch.refinenet{level + 1}"
        x = skips[level] if path is None else path + self._residual_unit(f"{name}.resConfUnit1", skips[level])
        x = self._residual_unit(f"{name}.resConfUnit2", x)
        if unit_prompt is not None:
            branch = F.interpolate(unit_prompt, x.shape[-2:], mode="bilinear", align_corners=False)
            branch = F.relu(self._conv(branch, f"{name}.resConfUnit_depth.0", padding=1))
            branch = F.relu(self._conv(branch, f"{name}.resConfUnit_depth.2", padding=1))
            x = x + self._conv(branch, f"{name}.resConfUnit_depth.4", padding=1)
        larger = skips[level - 1].shape[-2:] if level else (2 * x.shape[-2], 2 * x.shape[-1])
        x = F.interpolate(x, larger, mode="bilinear", align_corners=True)
        return self._conv(x, f"{name}.out_conv")

    def _residual_unit(self, name: str, x: Tensor) -> Tensor:
        branch = self._conv(F.relu(x), f"{name}.conv1", padding=1)
        return x + self._conv(F.relu(branch), f"{name}.conv2", padding=1)

    def _conv(self, x: Tensor, name: str, padding: int = 0) -> Tensor:
        return F.conv2d(x, *self._pair(f"depth_head.{name}"), padding=padding)

    def _norm(self, name: str, tokens: Tensor) -> Tensor:
        return F.layer_norm(tokens, tokens.shape[-1:], *self._pair(name), eps=NORM_EPS)

    def _pair(self, name: str) -> tuple[Tensor, Tensor]:
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
