"""What tells one phone, and one kind of filling, from another: drawn once, the same over all its frames."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

# True over measured depth of confident pixels, the median by range in metres, as published for ARKit against a laser
# scanner (PromptMoGe, 2026): the sensor reads short, more so near by.
RANGES = (0.35, 0.45, 0.57, 0.72, 0.89, 1.12, 1.41, 1.79, 2.24, 2.83, 3.58, 4.47)
TRUE_OVER_MEASURED = (1.030, 1.025, 1.024, 1.021, 1.019, 1.016, 1.013, 1.010, 1.009, 1.006, 1.006, 1.004)
CLEAN_SHARE = 0.25  # of devices that interpolate true spots and nothing else: the paper's kind
SCALE_SPREAD = 0.0075  # deviation of the log scale, as published for frames taken at different times
SEVERITY_SPREAD = 0.45  # deviation of the logarithm of a device's severity, whose median is 1


@dataclass(frozen=True, eq=False)
class PhoneDevice:
    """A batch of phones, one number each; ``severity`` scales every fault, 1 is the phone that was measured."""

    severity: Float[Tensor, " b"]
    scale: Float[Tensor, " b"]  # log of the factor by which it errs everywhere
    displacement: Float[Tensor, " b"]  # pixels, deviation of the places of edges
    bias: Float[Tensor, " b"]  # share of the table's bias that it has; 1 the table's, below 0 reads long
    noise: Float[Tensor, " b"]  # Laplace scale of a spot's log depth
    ripple: Float[Tensor, " b"]  # deviation of the error shared by the spots of a neighbourhood, log depth
    reach: Float[Tensor, " b"]  # pixels over which a spot's say falls off
    colour: Float[Tensor, " b"]  # how fast it falls off with difference of colour
    shape: Float[Tensor, " b"]  # how fast with difference of depth, as far as the picture gives it away
    plane: Float[Tensor, " b"]  # 0 to 1, how far the filling keeps planes plane; 0 means of spots
    blur: Float[Tensor, " b"]  # 0 to 1, how much of the filled map is smoothed over


def draw_devices(count: int, generator: torch.Generator) -> PhoneDevice:
    """Phones of every kind: from true spots filled plainly to worse than the phone that was measured."""
    device = generator.device

    def uniform(least: float, greatest: float) -> Float[Tensor, " count"]:
        return least + (greatest - least) * torch.rand(count, generator=generator, device=device)

    def normal(mean: float, deviation: float) -> Float[Tensor, " count"]:
        return mean + deviation * torch.randn(count, generator=generator, device=device)

    severity = normal(0.0, SEVERITY_SPREAD).exp().clamp(max=2.5)
    clean = uniform(0.0, 1.0) < CLEAN_SHARE
    return PhoneDevice(
        severity=torch.where(clean, 0.0, severity),
        scale=normal(0.0, SCALE_SPREAD),
        displacement=uniform(0.3, 1.4),
        bias=normal(0.0, 0.8),  # either way: devices differ, and no picture tells a network which one took it
        noise=uniform(math.log(0.0002), math.log(0.002)).exp(),
        ripple=uniform(math.log(0.0015), math.log(0.006)).exp(),
        plane=torch.where(clean, 0.0, uniform(0.0, 5.0).clamp(max=1)),
        reach=uniform(4.0, 7.0),
        colour=uniform(1.0, 6.0),
        shape=torch.where(clean, 0.0, uniform(math.log(12.0), math.log(120.0)).exp()),
        blur=torch.where(clean, 0.0, uniform(-2.0, 1.0).clamp(min=0)),
    )


def measured_over_true(depth: Float[Tensor, "b 1 h w"], bias: Float[Tensor, " b"]) -> Float[Tensor, "b 1 h w"]:
    """The table's reading at true depths in metres, in logarithmic steps of range, as far as each phone has it."""
    ranges = torch.tensor(RANGES, device=depth.device).log()
    short = -torch.tensor(TRUE_OVER_MEASURED, device=depth.device).log()
    place = depth.clamp(RANGES[0], RANGES[-1]).log()
    upper = torch.searchsorted(ranges, place.contiguous()).clamp(1, len(RANGES) - 1)
    share = (place - ranges[upper - 1]) / (ranges[upper] - ranges[upper - 1])
    return (bias[:, None, None, None] * torch.lerp(short[upper - 1], short[upper], share)).exp()
