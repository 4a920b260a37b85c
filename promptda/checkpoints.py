"""Prompted networks from files of weights of every published form, and files of our own."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

from promptda import zoo
from promptda.depth_pro import DepthProArchitecture, PromptedDepthPro
from promptda.depth_pro_files import DEPTH_PRO_FORMS, start_depth_pro
from promptda.encoders import depth_pro, dinov2
from promptda.encoders.standardisation import IMAGE_MEAN, IMAGE_STD
from promptda.errors import WeightsError
from promptda.lite import LiteArchitecture, LiteDepth
from promptda.network import Architecture, PromptedDepth
from promptda.published_forms import FORMS, OURS, PROMPTING, Form, Tensors
from promptda.tensor_files import KEYS_SHOWN, as_expected, check_fit, read
from promptda.whole_file import replacing

ARCHITECTURE = "architecture"  # key of our files' metadata

Network = PromptedDepth | PromptedDepthPro | LiteDepth
AnyArchitecture = Architecture | DepthProArchitecture | LiteArchitecture


def load(name_or_path: str | Path, device: torch.device | str = "cpu") -> Network:
    """A network ready to predict, float32, from a published name or a file of weights.

    The file may be the official ``model.ckpt``, safetensors of ``transformers``' PromptDepthAnything,
    a plain state dict, or what ``save`` wrote; its architecture is read from it. The result is a
    ``PromptedDepth``, and a ``PromptedDepthPro`` or ``LiteDepth`` only for a file of one that ``save`` wrote.

    Raises:
        WeightsError: unknown name, no such file, damaged file, tensors that do not fit, a foundation.
    """
    path = zoo.locate(name_or_path)
    tensors, metadata = read(path)
    return _assemble(path, tensors, metadata).to(device).eval()


def build(architecture: AnyArchitecture) -> Network:
    """A new network of this architecture, with random weights."""
    if isinstance(architecture, LiteArchitecture):
        return LiteDepth(architecture)
    if isinstance(architecture, DepthProArchitecture):
        return PromptedDepthPro(architecture)
    return PromptedDepth(architecture)


def save(model: Network, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the network as safetensors with its architecture in the metadata, all of the file or none."""
    state = model.state_dict()
    tensors = {
        key: tensor.detach().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for key, tensor in state.items()
    }
    metadata = {ARCHITECTURE: json.dumps(asdict(model.architecture))}
    with replacing(path) as temporary:
        temporary.touch()
        ordinary = temporary.stat().st_mode  # safetensors would leave a file for its owner alone
        save_file(tensors, temporary, metadata)
        temporary.chmod(ordinary)


def _assemble(path: Path, tensors: Tensors, metadata: Mapping[str, str]) -> Network:
    """The network that these tensors fit, holding them as float32."""
    check_standardisation(path, tensors)
    form = form_of(path, tensors, metadata)
    if not any(form.own_key(key).startswith(PROMPTING) for key in tensors):
        raise WeightsError(f"{path}: {zoo.NOT_PROMPTED}")
    architecture = _written(path, metadata) or _recognised(path, form, tensors)
    if isinstance(architecture, DepthProArchitecture):
        return start_depth_pro(path, tensors, form, architecture)
    with torch.device("meta"):  # shapes only: no memory and no random numbers for weights about to be replaced
        model = build(architecture)
    expected = model.state_dict()
    check_fit(path, tensors, form.from_ours(expected), architecture.encoder)
    model.load_state_dict(as_expected(form.to_ours(tensors), expected), assign=True)
    return model


def check_standardisation(path: Path, tensors: Tensors) -> None:
    """Take the image statistics out of an official state dict; we hold them as constants."""
    for key, ours in (("_mean", IMAGE_MEAN), ("_std", IMAGE_STD)):
        theirs = tensors.pop(key, None)
        if theirs is None:
            continue
        rounding = 1e-3  # of a file in half precision
        if theirs.numel() != 3 or not torch.allclose(theirs.flatten().float(), torch.tensor(ours), atol=rounding):
            raise WeightsError(f"{path}: {key} differs from ImageNet's {ours}; not a Prompt Depth Anything network")


def form_of(path: Path, tensors: Tensors, metadata: Mapping[str, str]) -> Form:
    """How the tensors are named: as we do in a file of ours, else as one of them tells."""
    if ARCHITECTURE in metadata:
        return OURS
    for form in (*FORMS, *DEPTH_PRO_FORMS):
        if form.key(form.mark) in tensors:
            return form
    shown = ", ".join(sorted(tensors)[:KEYS_SHOWN]) or "nothing"
    raise WeightsError(f"{path}: not the tensors of a Prompt Depth Anything network, it holds {shown}")


def _written(path: Path, metadata: Mapping[str, str]) -> AnyArchitecture | None:
    """The architecture in the metadata of a file of ours; None for files of others."""
    if ARCHITECTURE not in metadata:
        return None
    try:
        written = json.loads(metadata[ARCHITECTURE])
        if isinstance(written, dict) and written.get("encoder") in depth_pro.SIZES:
            return DepthProArchitecture(**written)
        if isinstance(written, dict) and "width" in written:
            return LiteArchitecture(**written)
        return Architecture(**written)
    except (ValueError, TypeError, RecursionError) as problem:
        raise WeightsError(f"{path}: unknown architecture {metadata[ARCHITECTURE][:80]} ({problem})") from problem


def _recognised(path: Path, form: Form, tensors: Tensors) -> Architecture:
    """The released architecture with an encoder of this size."""
    width = tensors[form.key("encoder.vit.cls_token")].shape[-1:]
    depth = sum(form.key(f"encoder.vit.blocks.{i}.norm1.weight") in tensors for i in range(dinov2.MAX_DEPTH))
    has_registers = form.key("encoder.vit.register_tokens") in tensors
    for encoder, size in dinov2.SIZES.items():
        if ((size.width,), size.depth, size.registers > 0) == (width, depth, has_registers):
            return Architecture.released(encoder)
    raise WeightsError(
        f"{path}: an encoder of width {', '.join(map(str, width))} with {depth} blocks is none of "
        f"{', '.join(dinov2.SIZES)}; give the file of one of these"
    )
