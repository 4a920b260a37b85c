"""A dataset in memory whose samples tell their number, and a sensor that only makes depth smaller."""

import os
import signal
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from made_triples import slanted
from torch import Tensor

from recon.errors import CaptureError
from train.data.base import Unusable
from train.sample import Sample
from train.simulation.simulated import SimulatedDepth


@dataclass(frozen=True)
class Counted:
    """Pictures of one depth each: ``index + 1`` metres."""

    count: int
    name: str = "counted"
    unusable: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()
    deadly: tuple[int, ...] = ()

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        if index in self.unusable:
            raise Unusable(f"{index} shows nothing")
        if index in self.damaged:
            raise CaptureError(f"{index}.png: damaged; download it again")
        if index in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        image, _ = slanted(index % 10)
        depth = np.full(image.shape[:2], index + 1, np.float32)
        return Sample(name=str(index), image=image, depth=depth, pseudo=depth)


@dataclass(frozen=True)
class Smaller:
    size: tuple[int, int] = (6, 8)

    def __call__(
        self, image: Tensor, depth: Tensor, generator: torch.Generator, K: Tensor | None = None
    ) -> SimulatedDepth:
        small = F.interpolate(depth, self.size, mode="nearest-exact")
        noisy = small * (1 + 0.01 * torch.rand(small.shape, generator=generator))
        return SimulatedDepth(noisy, 2 * (noisy > 0).to(torch.uint8))
