"""How probable a measured depth is under a predicted one."""

import math

from jaxtyping import Bool, Float
from torch import Tensor


def laplace_negative_log_likelihood(
    depth: Float[Tensor, "b 1 h w"],
    uncertainty: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
) -> Float[Tensor, " b"]:
    """Mean of ``|log depth - log target| / uncertainty + log(2 uncertainty)`` over each image's valid pixels.

    A Laplace distribution of log depth: proper, so that in expectation the true median with the true
    scale, and nothing else, is best (Kendall and Gal, arXiv:1703.04977, sec. 2.2, with Laplace for Gauss).

    Args:
        depth: predicted z-depth, metres, positive wherever ``valid``.
        uncertainty: its Laplace scale of log depth, positive.
        target: true z-depth, metres, positive wherever ``valid``.
        valid: pixels that count.

    Returns:
        Natural units of information. NaN for an image without valid pixels.
    """
    # One where nothing counts: log and its gradient stay finite.
    error = (depth.where(valid, 1).log() - target.where(valid, 1).log()).abs()
    loss = error / uncertainty + uncertainty.log() + math.log(2)
    return loss.where(valid, 0).sum((1, 2, 3)) / valid.sum((1, 2, 3))
