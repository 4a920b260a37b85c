"""What a recipe is: the network, where it starts, what it sees, what it is asked, and how long."""

import math
from dataclasses import dataclass, field
from typing import Literal

from promptda.depth_pro import DepthProArchitecture
from promptda.lite import LiteArchitecture
from promptda.network import Architecture

Shape = tuple[int, ...]  # rows and columns of the image, then of the prompt


@dataclass(frozen=True)
class Pictures:
    """What one training step looks at."""

    shapes: tuple[Shape, ...] = ((756, 1008, 192, 256),)  # one of them for each step
    batch_size: int = 2  # on each device
    simulation: str = "anchors"  # a name of train.simulation, for samples without a prompt of their own
    kinds: tuple[str, ...] = ("synthetic",)  # datasets it is meant for, by their names on the command line
    smallest_crop: float = 0.6  # side, as a share of the largest crop that fits
    failing: float = 0.0  # share of samples with faults of the sensor as a whole
    farthest: float = 20.0  # metres; beyond it a prompt is not measured

    def __post_init__(self) -> None:
        fit = bool(self.shapes) and all(map(_is_shape, self.shapes))
        _require(fit, f"the shapes {self.shapes}; each is four positive numbers")
        _require(self.batch_size > 0, f"a batch of {self.batch_size}; at least 1")
        _require(0 < self.smallest_crop <= 1, f"a smallest crop of {self.smallest_crop}; above 0, at most 1")
        _require(self.farthest > 0, f"prompts up to {self.farthest} m; above 0")
        _require(0 <= self.failing <= 1, f"a share of {self.failing} failing; from 0 to 1")


def _is_shape(shape: object) -> bool:
    return isinstance(shape, tuple) and len(shape) == 4 and all(type(side) is int and side > 0 for side in shape)


@dataclass(frozen=True)
class Loss:
    """What is asked of the predicted depth; the formulas are in ``train.losses``."""

    space: Literal["normalised", "metres", "log"] = "normalised"  # "normalised": by the range of the prompt
    gradient: float = 0.5  # weight of the gradient term (arXiv:2412.14015, eq. 3: lambda)
    scales: int = 1  # of the gradient term, each half the size of the last
    likelihood: float = 0.0  # weight of the likelihood by which the uncertainty learns

    def __post_init__(self) -> None:
        _require(self.space in ("normalised", "metres", "log"), f"a loss in {self.space!r}; normalised, metres or log")
        _require(self.likelihood >= 0, f"a likelihood weight of {self.likelihood}; at least 0")
        _require(self.gradient >= 0, f"a gradient weight of {self.gradient}; at least 0")
        _require(1 <= self.scales <= 8, f"{self.scales} scales of the gradient; 1 to 8")


@dataclass(frozen=True)
class Optimisation:
    """AdamW in two groups (Loshchilov and Hutter, arXiv:1711.05101), and what surrounds it."""

    encoder_rate: float = 5e-6
    rate: float = 5e-5  # of all else
    weight_decay: float = 0.01
    clip: float = 1.0  # greatest norm of all gradients together
    schedule: Literal["constant", "cosine"] = "constant"
    ramp: int = 0  # steps in which the rates grow linearly to their full size
    average: float = 0.0  # decay of the moving average of the weights that is delivered; 0 for none
    precision: Literal["fp32", "bf16"] = "bf16"  # of the encoder; decoder, head and loss are always fp32

    def __post_init__(self) -> None:
        rates = (self.encoder_rate, self.rate)
        _require(all(0 < rate < math.inf for rate in rates), "a learning rate that is not positive and finite")
        _require(self.weight_decay >= 0, f"a weight decay of {self.weight_decay}; at least 0")
        _require(self.clip > 0, f"gradients clipped to {self.clip}; above 0")
        _require(self.schedule in ("constant", "cosine"), f"the schedule {self.schedule!r}; constant or cosine")
        _require(self.ramp >= 0, f"a ramp of {self.ramp} steps; at least 0")
        _require(0 <= self.average < 1, f"an average of decay {self.average}; at least 0, below 1")
        _require(self.precision in ("fp32", "bf16"), f"the precision {self.precision!r}; fp32 or bf16")


AnyArchitecture = Architecture | DepthProArchitecture | LiteArchitecture


@dataclass(frozen=True)
class Recipe:
    """A training run but for its data, its machine and its seed."""

    name: str
    about: str  # one line for `recon train --list`
    architecture: AnyArchitecture
    foundation: str | None  # a name or file of weights to start from, "imagenet", or None for random weights
    steps: int  # in which the network sees the prompt, if ``prompted``
    warm_up: int = 0  # steps before them in which a foundation learns the prompt's range, without the prompt
    prompted: bool = True
    pictures: Pictures = field(default_factory=Pictures)
    loss: Loss = field(default_factory=Loss)
    optimisation: Optimisation = field(default_factory=Optimisation)

    def __post_init__(self) -> None:
        _require(self.steps > 0, f"{self.steps} steps; at least 1")
        _require(self.warm_up >= 0, f"{self.warm_up} steps of warm-up; at least 0")
        _require(
            not self.loss.likelihood or predicts_uncertainty(self.architecture),
            "a likelihood for a network without uncertainty; set loss.likelihood to 0",
        )

    @property
    def total_steps(self) -> int:
        return self.warm_up + self.steps


def predicts_uncertainty(architecture: AnyArchitecture) -> bool:
    return isinstance(architecture, LiteArchitecture) or getattr(architecture, "head", "depth") == "laplace"


def _require(holds: bool, told: str) -> None:
    if not holds:
        raise ValueError(f"a recipe cannot have {told}")
