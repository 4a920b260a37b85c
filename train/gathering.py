"""The tensors of a run, whole and by name, however its processes share them."""

from collections.abc import Mapping
from contextlib import nullcontext

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


def gather(network: nn.Module, optimiser: torch.optim.Optimizer, average: Average | None) -> dict[str, Tensor]:
    """Everything that a step changes. Every process must call it; the first one gets the tensors."""
    tensors = {WEIGHTS + name: tensor.clone() for name, tensor in get_model_state_dict(network, options=WHOLE).items()}
    if average is not None:
        tensors |= {AVERAGE + name: tensor for name, tensor in gather_delivered(network, average).items()}
    states = get_optimizer_state_dict(network, optimiser, options=WHOLE)["state"]
    for parameter, values in states.items():
        tensors |= {f"{OPTIMISER}{name}/{parameter}": value for name, value in values.items()}
    return tensors


def gather_delivered(network: nn.Module, average: Average | None) -> dict[str, Tensor]:
    """The weights that a run delivers: the average where there is one."""
    with average.in_place() if average is not None else nullcontext():
        return {name: tensor.clone() for name, tensor in get_model_state_dict(network, options=WHOLE).items()}


def restore(
    tensors: Mapping[str, Tensor], network: nn.Module, optimiser: torch.optim.Optimizer, average: Average | None
) -> None:
    """Puts back what ``gather`` gave. Every process calls it with all the tensors.

    Raises:
        UsageError: a tensor is missing or has another shape.
    """
    if average is not None:
        set_model_state_dict(network, _part(tensors, AVERAGE, network.state_dict()), options=WHOLE)
        average.restart()
    set_model_state_dict(network, _part(tensors, WEIGHTS, network.state_dict()), options=WHOLE)
    present = get_optimizer_state_dict(network, optimiser, options=WHOLE)
    for parameter, values in present["state"].items():
        for name, value in values.items():
            values[name] = _fitting(tensors, f"{OPTIMISER}{name}/{parameter}", value)
    set_optimizer_state_dict(network, optimiser, present, options=WHOLE)


def restore_weights(tensors: Mapping[str, Tensor], network: nn.Module, average: Average | None) -> None:
    """Puts back the weights alone, from which a stage starts afresh."""
    set_model_state_dict(network, _part(tensors, WEIGHTS, network.state_dict()), options=WHOLE)
    if average is not None:
        average.restart()


def _part(tensors: Mapping[str, Tensor], prefix: str, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: _fitting(tensors, prefix + name, tensor) for name, tensor in expected.items()}


def _fitting(tensors: Mapping[str, Tensor], name: str, expected: Tensor) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None or tensor.shape != expected.shape:
        found = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
        raise UsageError(
            f"the run's state: {name} is {found} and should be {tuple(expected.shape)}; "
            "it is of another network, choose another --out"
        )
    return tensor
