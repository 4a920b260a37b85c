"""The tensors of a run, whole and by name, however its processes share them."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from recon.errors import UsageError
from train.averaging import Average

WEIGHTS, AVERAGE, OPTIMISER = "weights/", "average/", "optimiser/"
WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
WHOLE_EVERYWHERE = StateDictOptions(full_state_dict=True)  # in every process


def gather(network: nn.Module, optimiser: torch.optim.Optimizer, average: Average | None) -> dict[str, Tensor]:
    """Everything that a step changes. Every process must call it; the first one gets the tensors."""
    tensors = {WEIGHTS + name: tensor for name, tensor in gather_delivered(network, None).items()}
    if average is not None:
        tensors |= {AVERAGE + name: tensor for name, tensor in gather_delivered(network, average).items()}
    states: Any = get_optimizer_state_dict(network, optimiser, options=WHOLE)
    for parameter, values in states.get("state", {}).items():  # of the first process alone
        tensors |= {f"{OPTIMISER}{name}/{parameter}": value for name, value in values.items()}
    return tensors


def gather_delivered(network: nn.Module, average: Average | None) -> dict[str, Tensor]:
    """The weights that a run delivers: the average where there is one."""
    with average.in_place() if average is not None else nullcontext():
        weights: Any = get_model_state_dict(network, options=WHOLE)
        return {name: tensor.clone() for name, tensor in weights.items()}


def restore(
    tensors: Mapping[str, Tensor], network: nn.Module, optimiser: torch.optim.Optimizer, average: Average | None
) -> None:
    """Puts back what ``gather`` gave. Every process calls it with all the tensors.

    Raises:
        UsageError: a tensor is missing or has another shape.
    """
    if average is not None:
        _put(tensors, AVERAGE, network)
        average.restart()
    _put(tensors, WEIGHTS, network)
    present: Any = get_optimizer_state_dict(network, optimiser, options=WHOLE_EVERYWHERE)
    for parameter, values in present["state"].items():
        for name, value in values.items():
            values[name] = _fitting(tensors, f"{OPTIMISER}{name}/{parameter}", value)
    set_optimizer_state_dict(network, optimiser, present, options=WHOLE_EVERYWHERE)


def restore_weights(tensors: Mapping[str, Tensor], network: nn.Module, average: Average | None) -> None:
    """Puts back the weights alone, from which a stage starts afresh."""
    _put(tensors, WEIGHTS, network)
    if average is not None:
        average.restart()


def _put(tensors: Mapping[str, Tensor], prefix: str, network: nn.Module) -> None:
    weights: Any = {name: _fitting(tensors, prefix + name, tensor) for name, tensor in network.state_dict().items()}
    set_model_state_dict(network, weights, options=WHOLE_EVERYWHERE)


def _fitting(tensors: Mapping[str, Tensor], name: str, expected: Tensor) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None or tensor.shape != expected.shape:
        found = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
        raise UsageError(
            f"the run's state: {name} is {found} and should be {tuple(expected.shape)}; "
            "it is of another network, choose another --out"
        )
    return tensor
