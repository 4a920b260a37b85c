"""Filling unknown depth from the nearest known pixels."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

NEIGHBOURS = 4  # the paper's authors' advice for sparse prompts


def fill_from_nearest(
    depth: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], neighbours: int = NEIGHBOURS
) -> Float[np.ndarray, "h w"]:
    """Unknown pixels become the mean of their nearest known ones, weighted by 1 / pixel distance.

    Raises ``ValueError`` where nothing is known.
    """
    if valid.all():
        return depth
    known = np.argwhere(valid)
    if not len(known):
        raise ValueError("fill_from_nearest was given no valid pixel")
    unknown = np.argwhere(~valid)
    k = min(neighbours, len(known))
    distance_px, nearest = cKDTree(known).query(unknown, k=np.arange(1, k + 1))
    weight = 1.0 / distance_px  # distinct pixels: never below 1
    values = depth[valid][nearest]
    filled = depth.copy()
    filled[~valid] = (weight * values).sum(1) / weight.sum(1)
    return filled
