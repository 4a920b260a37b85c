"""Files of weights: reading every published form, writing our own."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from promptda import zoo
from promptda.encoders import dinov2
from promptda.encoders.standardisation import IMAGE_MEAN, IMAGE_STD
from promptda.errors import WeightsError
from promptda.network import Architecture, PromptedDepth
from promptda.published_forms import FORMS, OURS, Form, Tensors
from promptda.whole_file import replacing

LIGHTNING_PREFIX = "pipeline."  # of the official checkpoint's keys
ARCHITECTURE = "architecture"  # key of our files' metadata
PROMPTING = "prompting."  # prefix of a prompt design's tensors
KEYS_SHOWN = 3  # of those that do not fit


def load(name_or_path: str | Path, device: torch.device | str = "cpu") -> PromptedDepth:
    """A network ready to predict, float32, from a published name or a file of weights.

    The file may be the official ``model.ckpt``, safetensors of ``transformers``' PromptDepthAnything,
    a plain state dict, or what ``save`` wrote; its architecture is read from it.

    Raises:
        WeightsError: unknown name, no such file, damaged file, tensors that do not fit.
    """
    path = zoo.locate(name_or_path)
    try:
        tensors, metadata = read(path)
        return _assemble(path, tensors, metadata).to(device).eval()
    except OSError as problem:
        raise WeightsError(f"{path}: cannot be read ({problem.strerror or problem})") from problem


def save(model: PromptedDepth, path: Path) -> None:
    """Write the network as safetensors with its architecture in the metadata, all of the file or none."""
    tensors = {key: tensor.detach().contiguous() for key, tensor in model.state_dict().items()}
    metadata = {ARCHITECTURE: json.dumps(asdict(model.architecture))}
    with replacing(path) as temporary:
        temporary.touch()
        ordinary = temporary.stat().st_mode  # safetensors would leave a file for its owner alone
        save_file(tensors, temporary, metadata)
        temporary.chmod(ordinary)


def read(path: Path) -> tuple[Tensors, Mapping[str, str]]:
    """Tensors and metadata of a file whose kind its first bytes tell."""
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path}: only a Git LFS pointer to the weights; fetch the file itself with `git lfs pull`")
    if head[8:9] == b"{":  # eight bytes of length, then a JSON header
        return _read_safetensors(path)
    return _read_pickle(path), {}


def _read_safetensors(path: Path) -> tuple[Tensors, Mapping[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as problem:
        raise WeightsError(f"{path}: damaged safetensors ({problem}); fetch the file again") from problem


def _read_pickle(path: Path) -> Tensors:
    """Tensors of a file written by ``torch.save``; code in it is never run."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                compressed = [i.filename for i in archive.infolist() if i.compress_type != zipfile.ZIP_STORED]
            if compressed:  # torch never compresses: this could be of any size once unpacked
                raise WeightsError(f"{path}: {compressed[0]} inside is compressed, as torch.save does not; not weights")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as problem:  # damaged bytes can end the restricted unpickler in any of them
        raise WeightsError(
            f"{path}: not readable as weights ({_first_sentence(problem)}); fetch the file again, or use a .safetensors"
        ) from problem
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: holds a {type(content).__name__}, not a state dict; give the file of a network")
    tensors = {}
    for key, tensor in content.items():
        if not isinstance(key, str) or not isinstance(tensor, Tensor) or not _is_plain(tensor):
            raise WeightsError(f"{path}: entry {str(key)[:80]} is not a plain tensor; give the file of a network")
        tensors[key.removeprefix(LIGHTNING_PREFIX)] = tensor
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and tensor.device.type == "cpu"


def _first_sentence(problem: Exception) -> str:
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return lines[0].split(". ")[0][:160]


def _assemble(path: Path, tensors: Tensors, metadata: Mapping[str, str]) -> PromptedDepth:
    """The network that these tensors fit, holding them as float32."""
    check_standardisation(path, tensors)
    form = form_of(path, tensors, metadata)
    if not any(form.own_key(key).startswith(PROMPTING) for key in tensors):
        raise WeightsError(
            f"{path}: a network that takes no prompt, such as Depth Anything V2; it is what training starts from"
        )
    architecture = _architecture(path, form, tensors, metadata)
    with torch.device("meta"):  # shapes only: no memory and no random numbers for weights about to be replaced
        model = PromptedDepth(architecture)
    expected = model.state_dict()
    check_fit(path, tensors, form.from_ours(expected), architecture)
    model.load_state_dict(as_expected(form.to_ours(tensors), expected), assign=True)
    return model


def as_expected(tensors: Tensors, expected: Tensors) -> Tensors:
    """The same numbers in the precision of the network."""
    return {key: tensor.to(expected[key].dtype) for key, tensor in tensors.items()}


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
    if ARCHITECTURE in metadata:
        return OURS
    for form in FORMS:
        if form.key("encoder.vit.cls_token") in tensors:
            return form
    shown = ", ".join(sorted(tensors)[:KEYS_SHOWN]) or "nothing"
    raise WeightsError(f"{path}: not the tensors of a Prompt Depth Anything network, it holds {shown}")


def _architecture(path: Path, form: Form, tensors: Tensors, metadata: Mapping[str, str]) -> Architecture:
    """From the metadata of our own files, else from the tensors."""
    if ARCHITECTURE in metadata:
        try:
            return Architecture(**json.loads(metadata[ARCHITECTURE]))
        except (ValueError, TypeError, RecursionError) as problem:
            raise WeightsError(f"{path}: unknown architecture {metadata[ARCHITECTURE][:80]} ({problem})") from problem
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


def check_fit(path: Path, tensors: Tensors, expected: Tensors, architecture: Architecture) -> None:
    """Compare names and shapes, in the names of the file, before anything is copied."""
    problems = {
        "missing": [key for key in expected if key not in tensors],
        "unexpected": [key for key in tensors if key not in expected],
        "of another shape": [
            f"{key} {tuple(tensors[key].shape)} for {tuple(expected[key].shape)}"
            for key in expected
            if key in tensors and tensors[key].shape != expected[key].shape
        ],
    }
    found = [
        f"{len(keys)} {problem}: {', '.join(keys[:KEYS_SHOWN])}{', ...' if len(keys) > KEYS_SHOWN else ''}"
        for problem, keys in problems.items()
        if keys
    ]
    if found:
        raise WeightsError(f"{path}: does not fit a {architecture.encoder} network; {'; '.join(found)}")
    for key, tensor in tensors.items():
        same_kind = tensor.is_floating_point() == expected[key].is_floating_point()
        if not same_kind or not tensor.isfinite().all():
            raise WeightsError(f"{path}: {key} is not made of finite numbers; fetch the file again")
