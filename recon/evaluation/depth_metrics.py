"""How far predicted depth is from the truth: one formula a function, over the pixels that count.

Every function takes the predicted and the true z-depth (m) of the same pixels, the truth positive, and gives NaN
where there are no pixels: no average exists then, and the caller decides what becomes of the image.
"""

import numpy as np
from jaxtyping import Float

PERCENT = 100.0


def l1(prediction: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"]) -> float:
    """Mean of ``|prediction - target|``, metres; also called MAE."""
    return _mean(np.abs(_double(prediction) - target))


def rmse(prediction: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"]) -> float:
    """Root of the mean of ``(prediction - target)^2``, metres (Eigen et al., arXiv:1406.2283, sec. 4)."""
    return float(np.sqrt(_mean((_double(prediction) - target) ** 2)))


def abs_rel(prediction: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"]) -> float:
    """Mean of ``|prediction - target| / target`` (Eigen et al., arXiv:1406.2283, sec. 4)."""
    return _mean(np.abs(_double(prediction) - target) / target)


def delta_share(prediction: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"], threshold: float) -> float:
    """Share with ``max(prediction / target, target / prediction) < threshold``; a prediction of 0 is outside."""
    doubled = _double(prediction)
    return _mean((doubled < threshold * target) & (doubled * threshold > target))


def silog(prediction: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"]) -> float:
    """100 times the standard deviation of ``log prediction - log target``, of positive predictions.

    It does not change when the prediction is multiplied by a number: the scale-invariant error of Eigen et al.,
    arXiv:1406.2283, eq. 1 with lambda = 1, as KITTI's depth benchmark takes its root.
    """
    if not len(prediction):
        return float("nan")
    return PERCENT * float(np.std(np.log(_double(prediction)) - np.log(_double(target))))


def _double(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return values.astype(np.float64)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
