"""The spaces in which the network sees the prompt's depth as well as predicts its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

LOW, HIGH = 0.05, 0.95  # quantiles of the prompt's log depth that become 0 and 1
MIN_LOG_SPAN = 0.1  # of log depth: before a bare wall the unit is a tenth of its distance


class Scale(Protocol):
    """The way back to metres for each prompt of a batch."""

    def to_metres(self, unit: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 1 H W"]: ...


@dataclass(frozen=True, eq=False)
class Range:
    """Least and greatest known depth of each prompt, metres."""

    minimum: Float[Tensor, "b 1 1 1"]
    maximum: Float[Tensor, "b 1 1 1"]

    def to_metres(self, unit: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 1 H W"]:
        """``unit (maximum - minimum) + minimum`` (arXiv:2412.14015, sec. 3.2)."""
        return unit * (self.maximum - self.minimum) + self.minimum


@dataclass(frozen=True, eq=False)
class LogRange:
    """Robust least log depth of each prompt with the span above it; metres before the logarithm."""

    log_minimum: Float[Tensor, "b 1 1 1"]  # -inf for a prompt without a known pixel
    span: Float[Tensor, "b 1 1 1"]

    def to_metres(self, unit: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 1 H W"]:
        """``exp(unit span + log_minimum)``: positive, not bounded by the prompt."""
        return (unit * self.span + self.log_minimum).exp()


def normalise(
    prompt: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"] | None
) -> tuple[Float[Tensor, "b 1 h w"], Range]:
    """The prompt scaled to [0, 1] by its own known minimum and maximum, and that range.

    Pixels outside ``valid`` or not finite are unknown: whatever they hold is ignored, and they are
    filled from known neighbours. A constant prompt is 0 everywhere and its range maps back to the
    constant. A prompt without a known pixel has the range 0 to 0, so that its depth is 0: unknown.
    """
    known = known_pixels(prompt, valid)
    minimum = prompt.masked_fill(~known, torch.inf).amin((1, 2, 3), keepdim=True)
    maximum = prompt.masked_fill(~known, -torch.inf).amax((1, 2, 3), keepdim=True)
    nothing = minimum > maximum
    minimum, maximum = minimum.masked_fill(nothing, 0), maximum.masked_fill(nothing, 0)
    span = maximum - minimum
    unit = (prompt.where(known, minimum) - minimum) / span.where(span > 0, 1)
    return fill(unit, known), Range(minimum, maximum)


def normalise_log(
    prompt: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"] | None
) -> tuple[Float[Tensor, "b 1 h w"], LogRange]:
    """The prompt's log depth on a scale where its 5 % quantile is 0 with the 95 % quantile at 1.

    So a few wrong pixels move the scale little, and inputs lie about where ``normalise`` puts them.
    Depth that is not positive is unknown too. Multiplying the prompt by a number leaves the result as
    it is. The span is never less than ``MIN_LOG_SPAN``; without a known pixel depth is 0: unknown.
    """
    known = positive_pixels(prompt, valid)
    log_depth = prompt.where(known, 1).log()
    ordered = log_depth.masked_fill(~known, torch.inf).flatten(1).sort(dim=1).values
    last = known.sum((1, 2, 3))[:, None] - 1  # (b, 1), -1 where none is known
    low, high = (
        ordered.gather(1, (share * last).round().long().clamp(min=0))[:, :, None, None] for share in (LOW, HIGH)
    )
    nothing = low.isinf()
    low, high = low.masked_fill(nothing, 0), high.masked_fill(nothing, 0)
    span = (high - low).clamp(min=MIN_LOG_SPAN)
    unit = ((log_depth - low) / span).where(known, 0)
    return fill(unit, known), LogRange(low.masked_fill(nothing, -torch.inf), span)


def normalise_centred(
    prompt: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"] | None
) -> tuple[Float[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"], LogRange]:
    """The prompt's log depth less its median, which pixels of it are known, and the way back.

    Unlike ``normalise_log`` a unit is the same share of the depth before every scene, as the errors of a
    sensor are. Multiplying the prompt by a number leaves the first as it is.
    """
    known = positive_pixels(prompt, valid)
    log_depth = prompt.where(known, 1).log()
    ordered = log_depth.masked_fill(~known, torch.inf).flatten(1).sort(dim=1).values
    middle = (known.sum((1, 2, 3)) - 1).clamp(min=0)[:, None] // 2
    median = ordered.gather(1, middle)[:, :, None, None]
    nothing = median.isinf()
    unit = (log_depth - median.masked_fill(nothing, 0)).where(known, 0)
    scale = LogRange(median.masked_fill(nothing, -torch.inf), torch.ones_like(median))
    return fill(unit, known), known, scale


def known_pixels(prompt: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"] | None) -> Bool[Tensor, "b 1 h w"]:
    """Where the prompt says something: within ``valid``, if there is such, and finite."""
    return prompt.isfinite() if valid is None else prompt.isfinite() & valid


def positive_pixels(prompt: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"] | None) -> Bool[Tensor, "b 1 h w"]:
    """Where it says something that has a logarithm."""
    return known_pixels(prompt, valid) & (prompt > 0)


def fill(values: Float[Tensor, "b 1 h w"], known: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Known values untouched, unknown ones interpolated from the nearest scale that knows some (pull-push).

    Gortler et al., The Lumigraph, SIGGRAPH 1996, sec. 3.4. ``values`` must be finite; 0 where none is known.
    """
    weight = known.to(values.dtype)
    levels = []
    average = values * weight
    while True:
        levels.append((average, weight))
        if max(average.shape[-2:]) == 1:
            break
        total = _halve(average * weight)
        weight = _halve(weight)
        average = total / weight.where(weight > 0, 1)
        weight = (weight > 0).to(values.dtype)
    filled, _ = levels.pop()
    while levels:
        average, weight = levels.pop()
        coarse = F.interpolate(filled, average.shape[-2:], mode="bilinear", align_corners=False)
        filled = average.where(weight > 0, coarse)
    return filled


def _halve(values: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h2 w2"]:
    return F.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)


@dataclass(frozen=True)
class Normalisation:
    """A space by name: which pixels count, the way into it, and the activation by which the network predicts in it."""

    name: str
    known: Callable[[Tensor, Tensor | None], Tensor]
    apply: Callable[[Tensor, Tensor | None], tuple[Tensor, Scale]]
    activation: type[nn.Module]


NORMALISATIONS = (
    Normalisation("range", known_pixels, normalise, nn.Sigmoid),  # as released: depth never leaves the prompt's range
    Normalisation("log", positive_pixels, normalise_log, nn.Identity),
)


def normalisation_named(name: str) -> Normalisation:
    for normalisation in NORMALISATIONS:
        if normalisation.name == name:
            return normalisation
    raise ValueError(f"no normalisation is named {name!r}; there are {', '.join(n.name for n in NORMALISATIONS)}")
