"""How published files name and arrange the weights of the same network."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from promptda.encoders import dinov2

Tensors = dict[str, Tensor]

PROMPTING = "prompting."  # prefix of a prompt design's tensors, which no foundation has

_LEVELS = range(4)
_BLOCKS = range(dinov2.MAX_DEPTH)
_QKV = ("query", "key", "value")


@dataclass(frozen=True)
class Form:
    """One way of naming: pairs of prefixes (ours, theirs), of which the first that fits counts."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    mark: str = "encoder.vit.cls_token"  # our name of a tensor by which to know this form
    splits_attention: bool = False  # query, key and value are three matrices, not one
    encoder_only: bool = False  # a bare DINOv2: nothing that makes depth of it

    def key(self, ours: str) -> str:
        """Their name of one of our tensors that is not split."""
        return _rename(ours, self.pairs)

    def own_key(self, theirs: str) -> str:
        """Our name of one of their tensors that is not split."""
        return _rename(theirs, self._reverse)

    @property
    def _reverse(self) -> tuple[tuple[str, str], ...]:
        return tuple((theirs, ours) for ours, theirs in self.pairs)

    def from_ours(self, tensors: Tensors) -> Tensors:
        """Our tensors as this form has them."""
        renamed = {self.key(key): tensor for key, tensor in tensors.items()}
        return dict(_split(renamed)) if self.splits_attention else renamed

    def to_ours(self, tensors: Tensors) -> Tensors:
        """Tensors of this form as we have them."""
        joined = _join(tensors) if self.splits_attention else tensors
        return {self.own_key(key): tensor for key, tensor in joined.items()}


def _rename(key: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for prefix, replacement in pairs:
        if key.startswith(prefix):
            return replacement + key.removeprefix(prefix)
    return key


def _split(tensors: Tensors) -> Iterator[tuple[str, Tensor]]:
    for key, tensor in tensors.items():
        if ".qkv." not in key:
            yield key, tensor
            continue
        for part, third in zip(_QKV, tensor.chunk(3), strict=True):
            yield key.replace(".qkv.", f".{part}."), third.contiguous()


def _join(tensors: Tensors) -> Tensors:
    joined: Tensors = {}
    for key, tensor in tensors.items():
        if ".query." in key:
            parts = [tensors[key.replace(".query.", f".{part}.")] for part in _QKV]
            joined[key.replace(".query.", ".qkv.")] = torch.cat(parts)
        elif ".key." not in key and ".value." not in key:
            joined[key] = tensor
    return joined


OURS = Form("promptda", ())

OFFICIAL = Form(
    "official",
    (
        ("encoder.vit.patch_embed.", "pretrained.patch_embed.proj."),
        ("encoder.vit.", "pretrained."),
        ("encoder.reassemble.project.", "depth_head.projects."),
        ("encoder.reassemble.resize.", "depth_head.resize_layers."),
        *(
            pair
            for i in _LEVELS
            for pair in (
                (f"decoder.narrow.{i}.", f"depth_head.scratch.layer{i + 1}_rn."),
                (f"decoder.levels.{i}.skip_unit.", f"depth_head.scratch.refinenet{i + 1}.resConfUnit1."),
                (f"decoder.levels.{i}.unit.", f"depth_head.scratch.refinenet{i + 1}.resConfUnit2."),
                (f"decoder.levels.{i}.project.", f"depth_head.scratch.refinenet{i + 1}.out_conv."),
                (f"prompting.{i}.embed.", f"depth_head.scratch.refinenet{i + 1}.resConfUnit_depth.0."),
                (f"prompting.{i}.refine.", f"depth_head.scratch.refinenet{i + 1}.resConfUnit_depth.2."),
                (f"prompting.{i}.project.", f"depth_head.scratch.refinenet{i + 1}.resConfUnit_depth.4."),
            )
        ),
        ("head.conv1.", "depth_head.scratch.output_conv1."),
        ("head.conv2.", "depth_head.scratch.output_conv2.0."),
        ("head.conv3.", "depth_head.scratch.output_conv2.2."),
    ),
)

TRANSFORMERS = Form(
    "Hugging Face",
    splits_attention=True,
    pairs=(
        ("encoder.vit.patch_embed.", "backbone.embeddings.patch_embeddings.projection."),
        ("encoder.vit.cls_token", "backbone.embeddings.cls_token"),
        ("encoder.vit.pos_embed", "backbone.embeddings.position_embeddings"),
        ("encoder.vit.mask_token", "backbone.embeddings.mask_token"),
        ("encoder.vit.register_tokens", "backbone.embeddings.register_tokens"),
        *(
            pair
            for i in _BLOCKS
            for pair in (
                (f"encoder.vit.blocks.{i}.attn.proj.", f"backbone.encoder.layer.{i}.attention.output.dense."),
                (f"encoder.vit.blocks.{i}.attn.", f"backbone.encoder.layer.{i}.attention.attention."),
                (f"encoder.vit.blocks.{i}.ls1.gamma", f"backbone.encoder.layer.{i}.layer_scale1.lambda1"),
                (f"encoder.vit.blocks.{i}.ls2.gamma", f"backbone.encoder.layer.{i}.layer_scale2.lambda1"),
                (f"encoder.vit.blocks.{i}.mlp.w12.", f"backbone.encoder.layer.{i}.mlp.weights_in."),
                (f"encoder.vit.blocks.{i}.mlp.w3.", f"backbone.encoder.layer.{i}.mlp.weights_out."),
                (f"encoder.vit.blocks.{i}.", f"backbone.encoder.layer.{i}."),
            )
        ),
        ("encoder.vit.norm.", "backbone.layernorm."),
        *(
            pair
            for i in _LEVELS
            for pair in (
                (f"encoder.reassemble.project.{i}.", f"neck.reassemble_stage.layers.{i}.projection."),
                (f"encoder.reassemble.resize.{i}.", f"neck.reassemble_stage.layers.{i}.resize."),
                (f"decoder.narrow.{i}.", f"neck.convs.{i}."),
                (f"decoder.levels.{i}.skip_unit.conv", f"neck.fusion_stage.layers.{3 - i}.residual_layer1.convolution"),
                (f"decoder.levels.{i}.unit.conv", f"neck.fusion_stage.layers.{3 - i}.residual_layer2.convolution"),
                (f"decoder.levels.{i}.project.", f"neck.fusion_stage.layers.{3 - i}.projection."),
                (f"prompting.{i}.embed.", f"neck.fusion_stage.layers.{3 - i}.prompt_depth_layer.convolution1."),
                (f"prompting.{i}.refine.", f"neck.fusion_stage.layers.{3 - i}.prompt_depth_layer.convolution2."),
                (f"prompting.{i}.project.", f"neck.fusion_stage.layers.{3 - i}.prompt_depth_layer.convolution3."),
            )
        ),
    ),
)

DINOV2 = Form(
    "DINOv2",
    encoder_only=True,
    pairs=(("encoder.vit.patch_embed.", "patch_embed.proj."), ("encoder.vit.", "")),
)

_BACKBONE = "backbone."

DINOV2_TRANSFORMERS = Form(
    "Hugging Face DINOv2",
    encoder_only=True,
    splits_attention=True,
    pairs=tuple((ours, theirs.removeprefix(_BACKBONE)) for ours, theirs in TRANSFORMERS.pairs if _BACKBONE in theirs),
)

FORMS = (OURS, OFFICIAL, TRANSFORMERS, DINOV2, DINOV2_TRANSFORMERS)
