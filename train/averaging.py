"""A moving average of a network's weights, which is better than the last of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

YOUNG = 10  # steps: an average of few weights forgets the first of them sooner


class Average:
    """``average = decay average + (1 - decay) weights`` after every step.

    At step n the decay is at most ``(1 + n) / (10 + n)``, so that random first weights do not linger. Holds
    one tensor for each parameter of the network, on its device, or the shard of it that lies there.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._parameters = list(network.parameters())
        self._averages = [parameter.detach().clone() for parameter in self._parameters]
        self._decay = decay

    def update(self, step: int) -> None:
        """After the given number of optimiser steps."""
        decay = min(self._decay, (1 + step) / (YOUNG + step))
        weights: list[Tensor] = [parameter.detach() for parameter in self._parameters]
        torch._foreach_lerp_(self._averages, weights, 1 - decay)

    def restart(self) -> None:
        """From the weights as they are."""
        torch._foreach_copy_(self._averages, [parameter.detach() for parameter in self._parameters])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the network holds the average."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        with torch.no_grad():
            for parameter, average in zip(self._parameters, self._averages, strict=True):
                kept = parameter.detach().clone()
                parameter.copy_(average)
                average.copy_(kept)
