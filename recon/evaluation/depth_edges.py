"""How well the edges of a depth map lie where the true ones do."""

import numpy as np
from jaxtyping import Bool, Float

# Depth Pro's evaluation: ten ratios from 1.05 to 1.25, the larger weighing more.
RATIOS = np.linspace(1.05, 1.25, 10)


def edge_f_score(
    prediction: Float[np.ndarray, "h w"], target: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> float:
    """The boundary F1 of Depth Pro (arXiv:2410.02073, sec. 4, eq. 2 and 3), over the true depth that is there.

    An edge of ratio t lies between two neighbours, left and right or above and below, of which one is more than t
    times as far as the other. Precision is the share of predicted edges that are true ones, between the same two
    pixels and with the same one in front; recall is the share of true edges that are predicted; both over all pairs
    of neighbours at once. F is averaged over ``RATIOS``, each with its own value for a weight. There is no
    tolerance: an edge that is off by a pixel is missed. It does not change when the prediction is scaled.

    Args:
        prediction: metres, 0 = unknown; no edge is predicted next to unknown depth.
        target: metres, positive wherever ``valid``.
        valid: pairs count where both pixels do.

    Returns:
        From 0 to 1. NaN where the truth has no edge at any ratio; a ratio at which it has none is left out.
    """
    predicted = np.concatenate(_log_steps(prediction, prediction > 0))
    true = np.concatenate(_log_steps(target, valid))
    comparable = np.isfinite(true)
    predicted, true = predicted[comparable], true[comparable]
    scores, weights = [], []
    for ratio in RATIOS.tolist():
        step = np.log(ratio)
        found, there = np.abs(predicted) > step, np.abs(true) > step  # false for NaN
        if there.any():
            hits = np.count_nonzero(found & there & (np.sign(predicted) == np.sign(true)))
            # 2PR / (P + R) with P = hits / found and R = hits / there
            scores.append(2 * hits / (np.count_nonzero(found) + np.count_nonzero(there)))
            weights.append(ratio)
    return float(np.average(scores, weights=weights)) if scores else float("nan")


def _log_steps(
    depth: Float[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
    """Log of the ratios of all neighbours, side by side and above each other; NaN where one is unknown."""
    logs = np.full(depth.shape, np.nan)
    np.log(depth, out=logs, where=known)
    return (logs[:, 1:] - logs[:, :-1]).ravel(), (logs[1:] - logs[:-1]).ravel()
