"""Whether a recipe fits into memory, told before anything is trained."""

import torch
from torch import Tensor

from recon.errors import ResourceError
from train import starting
from train.recipes.recipe import Recipe

FLOAT = 4  # bytes
MB = 2**20


def require_memory(recipe: Recipe, device: str, available: int, parts: int = 1) -> None:
    """``ResourceError`` where a step surely needs more than there is.

    Args:
        recipe: what is to be trained.
        device: auto, cpu, cuda or mps.
        available: bytes of main memory, asked for unless the device has memory of its own.
        parts: devices that share weights, gradients and the optimiser's state.
    """
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        available, _ = torch.cuda.mem_get_info()
    needed = needed_memory(recipe, parts)
    if needed > available:
        raise ResourceError(
            f"{recipe.name}: a step needs at least {needed / MB:,.0f} MB and {available / MB:,.0f} MB are free; "
            "lower pictures.batch_size or pictures.shapes by --set, or take a smaller network"
        )


def needed_memory(recipe: Recipe, parts: int = 1) -> int:
    """A lower bound in bytes, as a step without data says: what is held, and what the forward pass keeps.

    Weights, gradients, both moments of AdamW and the average are float32. Under bf16 what the
    forward pass keeps is counted at half its size, although the decoder's stays float32. Each of ``parts``
    devices holds its share of what is held.
    """
    network = starting.empty(recipe).to("meta").train()  # with its constants
    held = 4 + (1 if recipe.optimisation.average else 0)
    weights = FLOAT * sum(parameter.numel() for parameter in network.parameters())
    kept: dict[int, int] = {}
    own = {id(parameter) for parameter in network.parameters()}

    def note(tensor: Tensor) -> Tensor:
        if id(tensor) not in own:
            kept[id(tensor.untyped_storage())] = tensor.untyped_storage().nbytes()
            alive.append(tensor)
        return tensor

    alive: list[Tensor] = []  # so that no identity is given twice
    rows, columns, prompt_rows, prompt_columns = max(recipe.pictures.shapes, key=lambda shape: shape[0] * shape[1])
    batch = recipe.pictures.batch_size
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), torch.device("meta"):
        network(torch.zeros(batch, 3, rows, columns), torch.ones(batch, 1, prompt_rows, prompt_columns))
    share = 2 if recipe.optimisation.precision == "bf16" else 1
    return held * weights // parts + sum(kept.values()) // share
