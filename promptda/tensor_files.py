"""Tensors of files that come from strangers: code in them is never run, misfits are named."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from promptda.errors import WeightsError
from promptda.published_forms import Tensors

LIGHTNING_PREFIX = "pipeline."  # of the official checkpoint's keys
KEYS_SHOWN = 3  # of those that do not fit


def read(path: Path) -> tuple[Tensors, Mapping[str, str]]:
    """Tensors and metadata of a file whose kind its first bytes tell.

    Raises:
        WeightsError: no such file, a damaged one, or one of something else than tensors.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
        if head.startswith(b"version https://git-lfs"):
            raise WeightsError(f"{path}: only a Git LFS pointer; fetch the weights themselves with `git lfs pull`")
        if head[8:9] == b"{":  # eight bytes of length, then a JSON header
            return _read_safetensors(path)
        return _read_pickle(path), {}
    except OSError as problem:
        raise WeightsError(f"{path}: cannot be read ({problem.strerror or problem})") from problem


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


def as_expected(tensors: Tensors, expected: Tensors) -> Tensors:
    """The same numbers in the precision of the network."""
    return {key: tensor.to(expected[key].dtype) for key, tensor in tensors.items()}


def check_fit(path: Path, tensors: Tensors, expected: Tensors, network: str) -> None:
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
        raise WeightsError(f"{path}: does not fit a {network} network; {'; '.join(found)}")
    for key, tensor in tensors.items():
        same_kind = tensor.is_floating_point() == expected[key].is_floating_point()
        if not same_kind or not tensor.isfinite().all():
            raise WeightsError(f"{path}: {key} is not made of finite numbers; fetch the file again")
