"""Prompt depth on a scale from 0 to 1, the space in which the network predicts."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Range:
    """Least and greatest known depth of each prompt, metres."""

    minimum: Float[Tensor, "b 1 1 1"]
    maximum: Float[Tensor, "b 1 1 1"]

    def to_metres(self, unit: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 1 H W"]:
        """``unit (maximum - minimum) + minimum`` (arXiv:2412.14015, sec. 3.2)."""
        return unit * (self.maximum - self.minimum) + self.minimum


def normalise(
    prompt: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"] | None
) -> tuple[Float[Tensor, "b 1 h w"], Range]:
    """The prompt scaled to [0, 1] by its own known minimum and maximum, and that range.

    Pixels outside ``valid`` or not finite are unknown: whatever they hold is ignored, and they are
    filled from known neighbours. A constant prompt is 0 everywhere and its range maps back to the
    constant. A prompt without a known pixel has the range 0 to 0, so that its depth is 0: unknown.
    """
    known = prompt.isfinite() if valid is None else prompt.isfinite() & valid
    minimum = prompt.masked_fill(~known, torch.inf).amin((1, 2, 3), keepdim=True)
    maximum = prompt.masked_fill(~known, -torch.inf).amax((1, 2, 3), keepdim=True)
    nothing = minimum > maximum
    minimum, maximum = minimum.masked_fill(nothing, 0), maximum.masked_fill(nothing, 0)
    span = maximum - minimum
    unit = (prompt.where(known, minimum) - minimum) / span.where(span > 0, 1)
    return fill(unit, known), Range(minimum, maximum)


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
