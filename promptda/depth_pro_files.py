"""Published files of Depth Pro, and what begins with them."""

from collections.abc import Iterator
from pathlib import Path

import torch

from promptda.depth_pro import DepthProArchitecture, PromptedDepthPro, new_prompting
from promptda.published_forms import PROMPTING, Form, Tensors
from promptda.tensor_files import as_expected, check_fit

_VITS = ("patch", "image")
_LEVELS = range(5)
_BLOCKS = range(24)
_FIELD_OF_VIEW = ("fov.", "fov_model.")  # prefixes of a network that we leave out
_MASK_TOKEN = "mask_token"  # of masked pretraining; one file has it, nothing reads it


def _apple() -> Iterator[tuple[str, str]]:
    for vit in _VITS:
        yield f"encoder.{vit}_vit.patch_embed.", f"encoder.{vit}_encoder.patch_embed.proj."
        yield f"encoder.{vit}_vit.", f"encoder.{vit}_encoder."
    for level, name in enumerate(("_latent0", "_latent1", "0", "1", "2")):
        yield f"encoder.enlarge.{level}.", f"encoder.upsample{name}."
    yield "encoder.enlarge_image.", "encoder.upsample_lowres."
    yield "encoder.mix.", "encoder.fuse_lowres."
    for i in _LEVELS:
        yield f"decoder.narrow.{i}.", f"decoder.convs.{i}."
        for ours, theirs in (("skip_unit", "resnet1"), ("unit", "resnet2")):
            yield f"decoder.levels.{i}.{ours}.conv1.", f"decoder.fusions.{i}.{theirs}.residual.1."
            yield f"decoder.levels.{i}.{ours}.conv2.", f"decoder.fusions.{i}.{theirs}.residual.3."
        yield f"decoder.levels.{i}.enlarge.", f"decoder.fusions.{i}.deconv."
        yield f"decoder.levels.{i}.project.", f"decoder.fusions.{i}.out_conv."
    yield from _head("head.")


def _transformers() -> Iterator[tuple[str, str]]:
    for vit in _VITS:
        ours, theirs = f"encoder.{vit}_vit.", f"depth_pro.encoder.{vit}_encoder.model."
        yield f"{ours}patch_embed.", f"{theirs}embeddings.patch_embeddings.projection."
        yield f"{ours}cls_token", f"{theirs}embeddings.cls_token"
        yield f"{ours}pos_embed", f"{theirs}embeddings.position_embeddings"
        yield f"{ours}norm.", f"{theirs}layernorm."
        for i in _BLOCKS:
            block, layer = f"{ours}blocks.{i}.", f"{theirs}encoder.layer.{i}."
            yield f"{block}attn.proj.", f"{layer}attention.output.dense."
            yield f"{block}attn.", f"{layer}attention.attention."
            yield f"{block}ls1.gamma", f"{layer}layer_scale1.lambda1"
            yield f"{block}ls2.gamma", f"{layer}layer_scale2.lambda1"
            yield block, layer
    upsample = "depth_pro.neck.feature_upsample"
    for level, name in enumerate(("intermediate.1", "intermediate.0", *(f"scaled_images.{i}" for i in (2, 1, 0)))):
        yield f"encoder.enlarge.{level}.", f"{upsample}.{name}.layers."
    yield "encoder.enlarge_image.", f"{upsample}.image_block.layers.0."
    yield "encoder.mix.", "depth_pro.neck.fuse_image_with_low_res."
    for i in _LEVELS:
        yield f"decoder.narrow.{i}.", f"depth_pro.neck.feature_projection.projections.{4 - i}."
        layer = f"fusion_stage.intermediate.{4 - i}." if i else "fusion_stage.final."
        yield f"decoder.levels.{i}.skip_unit.conv", f"{layer}residual_layer1.convolution"
        yield f"decoder.levels.{i}.unit.conv", f"{layer}residual_layer2.convolution"
        yield f"decoder.levels.{i}.enlarge.", f"{layer}deconv."
        yield f"decoder.levels.{i}.project.", f"{layer}projection."
    yield from _head("head.layers.")


def _head(theirs: str) -> Iterator[tuple[str, str]]:
    for ours, layer in (("conv1", 0), ("enlarge", 1), ("conv2", 2), ("conv3", 4)):
        yield f"head.{ours}.", f"{theirs}{layer}."


_MARK = "encoder.patch_vit.cls_token"

APPLE = Form("Apple", tuple(_apple()), _MARK)
TRANSFORMERS = Form("Hugging Face Depth Pro", tuple(_transformers()), _MARK, splits_attention=True)

DEPTH_PRO_FORMS = (APPLE, TRANSFORMERS)


def start_depth_pro(path: Path, tensors: Tensors, form: Form, architecture: DepthProArchitecture) -> PromptedDepthPro:
    """Depth Pro with these tensors as float32; if the file lacks prompt branches they are new, without effect.

    Raises:
        WeightsError: tensors that do not fit.
    """
    tensors = {
        key: tensor
        for key, tensor in tensors.items()
        if not key.startswith(_FIELD_OF_VIEW) and not key.endswith(_MASK_TOKEN)
    }
    with torch.device("meta"):  # shapes only: a billion random numbers would be replaced
        model = PromptedDepthPro(architecture)
    expected = model.state_dict()
    if not any(key.startswith(PROMPTING) for key in tensors):
        expected = {key: tensor for key, tensor in expected.items() if not key.startswith(PROMPTING)}
        model.prompting = new_prompting(model.encoder.size)
    check_fit(path, tensors, form.from_ours(expected), architecture.encoder)
    model.load_state_dict(as_expected(form.to_ours(tensors), expected), strict=False, assign=True)
    return model
