"""Networks in OpenVINO's own format, converted once for each file of weights and kept in the user's cache."""

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

import promptda
from promptda import zoo
from promptda.export import positions_by_operations
from promptda.network import Architecture, PromptedDepth
from recon import atomic
from recon.errors import ResourceError, UsageError, WeightsError

ENCODER, DECODER = "encoder.xml", "decoder.xml"
FILES = (ENCODER, "encoder.bin", DECODER, "decoder.bin")  # the .bin hold the weights
DESCRIPTION = "network.json"  # written with the others, holds their digests
PACKAGES = ("promptda-recon", "torch", "openvino")  # those whose versions decide what a conversion gives
MOST_BYTES_OVER_WEIGHTS = 16 << 20  # of the graphs' text and of constants
TRACED_STRIDES = (3, 5)  # sides of the image that the graphs are traced with


class Conversion:
    """A folder with both halves of a network: ``ENCODER`` up to the pyramid, ``DECODER`` from there on.

    Inputs of the first are the image, uint8 (1, H, W, 3), and the prompt as ``PromptedDepth`` shows it to
    its parts, float32 (1, 2, h, w); its outputs are the pyramid. The second takes the pyramid, the prompt and
    the image, of which only the size counts, and gives depth as the normalisation has it, (1, H, W).
    All sizes are free.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ``OSError``, ``ValueError``, ``KeyError`` or ``TypeError`` for what is not whole."""
        description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        for name in FILES:
            if _digest(folder / name) != description["sha256"][name]:
                raise ValueError(f"{folder / name}: damaged")
        self.folder = folder
        self.architecture = Architecture(**description["architecture"])
        self.stride = int(description["stride"])


def converted(model: str, openvino: ModuleType) -> Conversion:
    """The network of this name or file, from the cache if it is whole there, else converted now.

    Raises ``WeightsError`` for a network that cannot be had, ``UsageError`` for one that OpenVINO does not run
    or a cache that cannot be written, ``ResourceError`` for a full disk.
    """
    try:
        weights = zoo.locate(model)
        folder = cache_folder() / _identity(weights)
        try:
            return Conversion(folder)
        except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged
            _convert(weights, folder, openvino)
            return Conversion(folder)
    except promptda.WeightsError as error:
        raise WeightsError(str(error)) from error


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recon" / "openvino"


def _identity(weights: Path) -> str:
    versions = " ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return hashlib.sha256(f"{_digest(weights)} {versions}".encode()).hexdigest()[:32]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(weights: Path, folder: Path, openvino: ModuleType) -> None:
    network = promptda.load(weights)
    if not isinstance(network, PromptedDepth):
        raise UsageError(f"{weights}: OpenVINO runs neither lite nor Depth Pro here; use --engine torch")
    atomic.make_folder(folder.parent)
    needed = sum(parameter.numel() * 4 for parameter in network.parameters()) + MOST_BYTES_OVER_WEIGHTS
    if shutil.disk_usage(folder.parent).free < needed:
        raise ResourceError(
            f"{folder.parent}: the converted network takes {needed / 1e6:.0f} MB and less is free; "
            "make room or set XDG_CACHE_HOME to a folder of another disk"
        )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as temporary:
        whole = Path(temporary) / folder.name
        whole.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's exporter warns of deprecations of its own
            for name, graph in zip((ENCODER, DECODER), _traced(network), strict=True):
                openvino.save_model(openvino.convert_model(graph), whole / name, compress_to_fp16=False)
        description = {
            "architecture": asdict(network.architecture),
            "stride": network.stride,
            "sha256": {name: _digest(whole / name) for name in FILES},
        }
        (whole / DESCRIPTION).write_text(json.dumps(description), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        whole.replace(folder)


class _Encoder(nn.Module):
    def __init__(self, network: PromptedDepth) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, prompt: Tensor) -> tuple[Tensor, ...]:
        network = self.network
        pixels = image.permute(0, 3, 1, 2).float() / 255
        standardised = (pixels - network.image_mean) / network.image_std
        return tuple(network.prompting.encode(network.encoder, standardised, prompt))


class _Decoder(nn.Module):
    def __init__(self, network: PromptedDepth) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, level0: Tensor, level1: Tensor, level2: Tensor, level3: Tensor, prompt: Tensor, image: Tensor
    ) -> Tensor:
        network = self.network
        pyramid = [level0, level1, level2, level3]
        features = network.decoder(pyramid, partial(network.prompting.fuse, prompt=prompt))
        return network.head(features, image.shape[1], image.shape[2])[:, 0]


def _traced(network: PromptedDepth) -> tuple[torch.export.ExportedProgram, torch.export.ExportedProgram]:
    rows, columns = TRACED_STRIDES
    stride = network.stride
    image = torch.zeros(1, rows * stride, columns * stride, 3, dtype=torch.uint8)
    prompt = torch.zeros(1, 2, 24, 32)
    grid = tuple(torch.export.Dim(name, min=2, max=10000) for name in ("rows", "columns"))
    free = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    strides = {1: stride * grid[0], 2: stride * grid[1]}
    any_size = {1: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC}
    with positions_by_operations(network), torch.no_grad():
        encoder, decoder = _Encoder(network).eval(), _Decoder(network).eval()
        pyramid = encoder(image, prompt)
        return (
            torch.export.export(encoder, (image, prompt), dynamic_shapes=(strides, free)),
            torch.export.export(
                decoder, (*pyramid, prompt, image), dynamic_shapes=(free, free, free, free, free, any_size)
            ),
        )
