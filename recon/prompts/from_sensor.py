"""The prompt made of a sensor's depth map: what is not trusted is removed, then filled from its surroundings."""

import math

import numpy as np
from jaxtyping import Bool, Float

from recon.captures.base import SensorDepth
from recon.prompts.completion import fill_from_nearest
from recon.prompts.prompt import Prompt

MIN_DEPTH = 0.1  # metres; nearer than any phone's LiDAR measures
MAX_DEPTH = 20.0  # metres; ARKit's guesses end near 16
# The network scales the prompt by its extremes, so one wild pixel would change the whole picture
# (the released code divides by the plain minimum and maximum). Extremes are those of all but one
# pixel in a thousand at either end, and at least one, widened by a tenth of their value.
OUTLIER_SHARE = 0.001
OUTLIER_MARGIN = 1.1
TRUST = np.array([1 / 3, 2 / 3, 1], np.float32)  # of the sensor's confidence 0, 1 and 2
FEW_PIXELS = 100  # fewer do not tell what is usual


def prompt_from_sensor(sensor: SensorDepth, min_confidence: int = 1, max_depth: float = MAX_DEPTH) -> Prompt | None:
    """The prompt on the sensor's own grid, or None where no pixel can be trusted."""
    valid = confident_pixels(sensor, min_confidence, max_depth)
    valid &= _plausible(sensor.depth, valid)
    if not valid.any():
        return None
    level = np.uint8(2) if sensor.confidence is None else sensor.confidence
    return Prompt(fill_from_nearest(sensor.depth, valid), np.where(valid, TRUST[level], np.float32(0)))


def confident_pixels(sensor: SensorDepth, min_confidence: int, max_depth: float) -> Bool[np.ndarray, "h w"]:
    """Where the sensor measured within its range with at least this confidence."""
    known = (sensor.depth >= MIN_DEPTH) & (sensor.depth <= max_depth)
    return known if sensor.confidence is None else known & (sensor.confidence >= min_confidence)


def _plausible(depth: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    known = depth[valid]
    if len(known) < FEW_PIXELS:
        return valid
    outliers = math.ceil(OUTLIER_SHARE * len(known))
    low, high = np.partition(known, [outliers, -1 - outliers])[[outliers, -1 - outliers]]
    return (depth >= low / OUTLIER_MARGIN) & (depth <= high * OUTLIER_MARGIN)
