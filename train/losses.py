"""How far a predicted depth is from what is known of the truth, one number for each picture."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from promptda.likelihood import laplace_negative_log_likelihood
from promptda.network import Prediction
from promptda.normalisation import normalise
from promptda.precision import full_precision
from train.recipes.recipe import Loss
from train.sample import Batch

# Metres. A prompt that is flat to a millimetre gives no unit of length to measure an error in.
LEAST_RANGE = 1e-3
LEAST_DEPTH = 1e-6  # metres; what has underflowed still has a logarithm


@dataclass(frozen=True, eq=False)
class Losses:
    """Means over the pictures that have a truth; 0, with zero gradients, where none has."""

    total: Float[Tensor, ""]
    distance: Float[Tensor, ""]  # the part that asks for the depth itself
    gradient: Float[Tensor, ""]  # the part that asks for its steps, before its weight
    likelihood: Float[Tensor, ""]  # the part that asks for the uncertainty, before its weight


def losses(prediction: Prediction, batch: Batch, loss: Loss) -> Losses:
    """What the recipe asks, in float32 whatever a caller's autocast says.

    With the space "normalised", one scale and the weight 0.5 this is the edge-aware loss of
    arXiv:2412.14015, eq. 3: ``L1(D_gt, D) + 0.5 L_grad(D_pseudo, D)``. Pictures whose truth, or prompt
    range, is unknown drop out.
    """
    with full_precision(batch.target.device):
        depth = prediction.depth.float()
        known, pseudo_known = batch.target > 0, batch.pseudo > 0
        if loss.space == "log":  # without a prompt no depth is predicted, which is 0
            prompted = batch.valid.flatten(1).any(dim=1)[:, None, None, None]
            known, pseudo_known = known & prompted, pseudo_known & prompted
            depth = depth.clamp(min=LEAST_DEPTH)
        unit = torch.ones_like(batch.target[:, :1, :1, :1])
        usable = torch.ones_like(batch.has_gradient)
        if loss.space == "normalised":
            span = prompt_range(batch)
            usable = (span > LEAST_RANGE).flatten()
            unit = span.where(span > LEAST_RANGE, 1)
        distance, counted = masked_l1(_in(loss, depth, known), _in(loss, batch.target, known), known)
        likelihood = _likelihood(prediction, batch.target, known) if loss.likelihood else torch.zeros_like(distance)
        if loss.gradient:
            error = _in(loss, depth, pseudo_known) - _in(loss, batch.pseudo, pseudo_known)
            gradient, has_steps = masked_gradient(error, pseudo_known, loss.scales)
        else:
            gradient, has_steps = torch.zeros_like(distance), torch.zeros_like(counted)
        counted, has_steps = counted & usable, has_steps & usable & batch.has_gradient
        pictures = (counted | has_steps).sum().clamp(min=1)
        distance = (distance / unit.flatten()).where(counted, 0).sum() / pictures
        gradient = (gradient / unit.flatten()).where(has_steps, 0).sum() / pictures
        likelihood = likelihood.where(counted, 0).sum() / pictures
        total = distance + loss.gradient * gradient + loss.likelihood * likelihood
        return Losses(total, distance.detach(), gradient.detach(), likelihood.detach())


def _likelihood(
    prediction: Prediction, target: Float[Tensor, "b 1 h w"], known: Bool[Tensor, "b 1 h w"]
) -> Float[Tensor, " b"]:
    """The negative log likelihood of each picture's truth, which trains the uncertainty and nothing else.

    The depth of a likelihood learns least where most is unsure: its gradient is divided by the uncertainty, and
    edges stay blurred (Seitzer et al., arXiv:2203.09168, sec. 3, whose remedy with beta = 1 this is).
    """
    assert prediction.uncertainty is not None  # a recipe says so
    # An image without truth would give NaN, whose gradient no `where` stops: it is shown a right guess.
    shown = known | ~known.flatten(1).any(dim=1)[:, None, None, None]
    depth, truth = prediction.depth.detach().float().where(known, 1), target.where(known, 1)
    return laplace_negative_log_likelihood(depth, prediction.uncertainty.float(), truth, shown)


def masked_l1(
    depth: Float[Tensor, "b 1 h w"], target: Float[Tensor, "b 1 h w"], known: Bool[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
    """Mean of ``|depth - target|`` over each picture's known pixels, and which pictures have any; 0 for the others."""
    return _mean((depth - target).abs(), known)


def masked_gradient(
    error: Float[Tensor, "b 1 h w"], known: Bool[Tensor, "b 1 h w"], scales: int
) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
    """``|d error / dx| + |d error / dy|``, each the mean over the neighbours that are both known.

    Of the error taken at every pixel, then at every second in both directions, and so on, summed over
    ``scales`` (Li and Snavely, arXiv:1804.00607, eq. 3; MiDaS, arXiv:1907.01341, eq. 11). A scale without a
    pair counts 0; the second result says which pictures have any pair.
    """
    total = error.new_zeros(len(error))
    has_steps = torch.zeros(len(error), dtype=torch.bool, device=error.device)
    for scale in range(scales):
        step = 2**scale
        coarse, coarse_known = error[..., ::step, ::step], known[..., ::step, ::step]
        for axis in (-1, -2):
            length = coarse.shape[axis] - 1
            if length < 1:
                continue
            first, second = (coarse.narrow(axis, start, length) for start in (0, 1))
            both = coarse_known.narrow(axis, 0, length) & coarse_known.narrow(axis, 1, length)
            mean, any_pair = _mean((second - first).abs(), both)
            total = total + mean
            has_steps = has_steps | any_pair
    return total, has_steps


def prompt_range(batch: Batch) -> Float[Tensor, "b 1 1 1"]:
    """Greatest less least measured depth of each prompt, metres: the unit of the network's normalised depth."""
    _, scale = normalise(batch.prompt, batch.valid)
    return scale.maximum - scale.minimum


def _in(loss: Loss, depth: Float[Tensor, "b 1 h w"], known: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Depth in the loss's space but for its unit; a constant where nothing is known, so that no gradient leaves."""
    return depth.where(known, 1).log() if loss.space == "log" else depth.where(known, 0)


def _mean(
    values: Float[Tensor, "b 1 h w"], counted: Bool[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
    count = counted.sum((1, 2, 3))
    return values.where(counted, 0).sum((1, 2, 3)) / count.clamp(min=1), count > 0
