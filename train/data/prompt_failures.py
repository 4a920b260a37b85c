"""Faults of a depth sensor as a whole, added to a sample's prompt so that a network learns to live with them."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float

from train.sample import Sample

MOST_HOLES = 3
HOLE_SIDE = 0.35  # of the map's side, at most
BAND_SIDE = 0.12  # of the map's side that a border without returns takes, at most
BLOB_PX = 10.0  # size of regions of low confidence, on a phone's map of 256 pixels
BLOB_SHARE = 0.15  # of the map, at most
NOISE = 0.01  # standard deviation of log depth, at most
NOISE_PX = 8.0  # over which it is correlated; phones' noise is over 6 to 12
LOW_CONFIDENCE_NOISE = 3.0  # times the noise elsewhere
PHONE_WIDTH = 256  # pixels
LEAST_KNOWN = 0.02  # of the map: with less left, a failure is not added

Failure = Callable[[Sample, np.random.Generator], Sample]


def holes(sample: Sample, rng: np.random.Generator) -> Sample:
    """Up to ``MOST_HOLES`` rectangles without returns."""
    prompt, confidence = _copies(sample)
    height, width = prompt.shape
    for _ in range(int(rng.integers(1, MOST_HOLES + 1))):
        rows, columns = (max(1, round(rng.uniform(0.05, HOLE_SIDE) * side)) for side in (height, width))
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        prompt[top : top + rows, left : left + columns] = 0
    return _with(sample, prompt, confidence)


def low_confidence(sample: Sample, rng: np.random.Generator) -> Sample:
    """Confidence 0 in blobs, where the depth may well be right."""
    prompt, confidence = _copies(sample)
    field = _smooth_field(prompt.shape, BLOB_PX, rng)
    confidence[field < np.quantile(field, rng.uniform(0, BLOB_SHARE))] = 0
    return _with(sample, prompt, confidence)


def short_range(sample: Sample, rng: np.random.Generator) -> Sample:
    """Nothing beyond a random range, down to half of the returns."""
    prompt, confidence = _copies(sample)
    known = prompt[prompt > 0]
    if known.size:
        prompt[prompt > np.quantile(known, rng.uniform(0.5, 1))] = 0
    return _with(sample, prompt, confidence)


def border_bands(sample: Sample, rng: np.random.Generator) -> Sample:
    """No returns along some of the borders: a LiDAR sees less than its camera."""
    prompt, confidence = _copies(sample)
    for side, reaches in enumerate(rng.random(4) < 0.5):
        band = round(rng.uniform(0, BAND_SIDE) * prompt.shape[side % 2]) if reaches else 0
        if band:
            turned = np.rot90(prompt, -side)  # a view with this side above
            turned[:band] = 0
    return _with(sample, prompt, confidence)


def noise(sample: Sample, rng: np.random.Generator) -> Sample:
    """Smooth log-normal noise of the depth, more where confidence is low."""
    prompt, confidence = _copies(sample)
    deviation = rng.uniform(0, NOISE) * np.where(confidence < 2, LOW_CONFIDENCE_NOISE, 1.0)
    field = _smooth_field(prompt.shape, NOISE_PX, rng)
    return _with(sample, (prompt * np.exp(deviation * field)).astype(np.float32), confidence)


FAILURES: tuple[Failure, ...] = (holes, low_confidence, short_range, border_bands, noise)


def fail(sample: Sample, share: float, rng: np.random.Generator) -> Sample:
    """Each of ``FAILURES`` with an even chance, in ``share`` of the samples; those that leave too little are left out.

    ``prompt`` and ``confidence`` must be known.
    """
    if rng.random() >= share:
        return sample
    for failure in FAILURES:
        if rng.random() < 0.5:
            failed = failure(sample, rng)
            prompt, confidence = _copies(failed)
            if np.count_nonzero(prompt * (confidence > 0)) >= LEAST_KNOWN * prompt.size:
                sample = failed
    return sample


def _copies(sample: Sample) -> tuple[Float[np.ndarray, "h w"], np.ndarray]:
    if sample.prompt is None or sample.confidence is None:
        raise ValueError(f"{sample.name}: no prompt with confidence that could fail")
    return sample.prompt.copy(), sample.confidence.copy()


def _with(sample: Sample, prompt: Float[np.ndarray, "h w"], confidence: np.ndarray) -> Sample:
    return replace(sample, prompt=prompt, confidence=np.where(prompt > 0, confidence, 0).astype(np.uint8))


def _smooth_field(shape: tuple[int, ...], px: float, rng: np.random.Generator) -> Float[np.ndarray, "h w"]:
    """Normal values of deviation about 1, correlated over ``px`` pixels of a phone's map."""
    step = max(1.0, px * shape[1] / PHONE_WIDTH)
    rows, columns = (int(np.ceil(side / step)) + 3 for side in shape)
    coarse = rng.standard_normal((rows, columns), np.float32)
    fine = cv2.resize(coarse, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
    top, left = int(step), int(step)
    part: Float[np.ndarray, "h w"] = fine[top : top + shape[0], left : left + shape[1]]
    return part
