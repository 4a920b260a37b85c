"""What a phone's LiDAR makes of a room: exact depth turned into a 192x256 map with the sensor's faults.

The phone fires a sparse lattice of spots and a network fills the gaps between them, guided by the
picture. Here too: spots are taken from the exact depth, disturbed, and interpolated; so thin things
fall between spots, edges are spread over pixels, and every pixel has a value. Figures: the mean
behaviour published for ARKit's depth against laser scans, and two real recordings looked at for the
texture of the error on flat walls.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import KDTree

SPOT_SPACING_PX = 7.0  # of the staggered lattice; about 27 x 36 spots
FRINGE_PX = 6  # border of the picture that the emitter does not reach
NEIGHBOURS = 14  # spots that decide a pixel
REACH_PX = 6.0  # Gaussian falloff of a spot's say
SAME_COLOUR = 45.0  # grey levels; spots of another colour have less say
SAME_DEPTH = 0.07  # of log depth, blurred as far as a network could tell it from the picture
# True over measured depth of confident pixels, by metres: the sensor reads short, more so near by.
SHORT_AT = (0.35, 0.45, 0.57, 0.72, 0.89, 1.12, 1.41, 1.79, 2.24, 2.83, 3.58, 4.47)
SHORT_BY = (1.030, 1.025, 1.024, 1.021, 1.019, 1.016, 1.013, 1.010, 1.009, 1.006, 1.006, 1.004)
FRAME_SCALE = 0.0075  # standard deviation of the whole map's scale from frame to frame
SPOT_NOISE = 0.005  # Laplace scale of a spot's log depth
FLATTENS_AT = 5.0  # metres
FLATTENS_BY = 3.0  # metres; nothing reads farther than this beyond FLATTENS_AT
MEDIUM, LOW = 0.4, 0.75  # doubt at which confidence falls from 2 to 1, and from 1 to 0


@dataclass(frozen=True, eq=False)
class LidarDepth:
    """What the phone stores of one frame."""

    depth: np.ndarray  # (192, 256) float32 metres, positive everywhere
    confidence: np.ndarray  # (192, 256) uint8 0, 1, 2


def measure(depth: np.ndarray, image: np.ndarray, rng: np.random.Generator) -> LidarDepth:
    """The phone's version of exact z-depth (h, w) in metres under a picture (h, w, 3) uint8 of the same size.

    Raises:
        ValueError: a pixel without depth; the phone would see something there.
    """
    if not (depth > 0).all():
        raise ValueError(f"{np.count_nonzero(~(depth > 0))} pixels have no depth; close the room or stand inside it")
    spots, measured, lost = _spots(depth, image, rng)
    filled, spread = _fill(depth, image, spots[~lost], measured[~lost])
    filled = cv2.GaussianBlur(filled, (0, 0), 0.6)
    ripple = 0.0012 * _blobs(depth.shape, 9.0, rng) + 0.0016 * _blobs(depth.shape, 28.0, rng)
    ripple += 0.0002 * rng.standard_normal(depth.shape)
    doubt = _doubt(filled, image, spots[lost], rng)
    # Where the filling is unsure the error is larger, in blobs.
    ripple += 0.012 * np.clip(doubt, 0, 1.5) * _blobs(depth.shape, 4.0, rng) * (spread > 0.02)
    scale = np.exp(rng.normal(0, FRAME_SCALE)) / np.interp(filled, SHORT_AT, SHORT_BY)
    reading = filled * scale * np.exp(ripple)
    beyond = np.maximum(reading - FLATTENS_AT, 0)
    reading = np.minimum(reading, FLATTENS_AT) + FLATTENS_BY * np.tanh(beyond / FLATTENS_BY)
    confidence = 2 - (doubt > MEDIUM).astype(np.uint8) - (doubt > LOW).astype(np.uint8)
    return LidarDepth(reading.astype(np.float32), confidence)


def _spots(depth: np.ndarray, image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (n, 2) as row and column, their measured depth, and which got no answer."""
    height, width = depth.shape
    rows = np.arange(FRINGE_PX, height - FRINGE_PX, SPOT_SPACING_PX)
    columns = np.arange(FRINGE_PX, width - FRINGE_PX, SPOT_SPACING_PX)
    v, u = np.meshgrid(rows, columns, indexing="ij")
    u = u + np.where(np.arange(len(rows)) % 2, SPOT_SPACING_PX / 2, 0)[:, None]
    spots = np.stack([v.ravel(), u.ravel()], axis=1) + rng.uniform(-1.5, 1.5, (v.size, 2))
    row, column = np.clip(spots.round().astype(int), 0, [height - 1, width - 1]).T
    # A spot is as wide as a pixel or two: on a rim it mixes both surfaces.
    wide = cv2.blur(depth, (3, 3))[row, column]
    measured = np.where(rng.random(len(row)) < 0.3, wide, depth[row, column])
    dark = image.mean(axis=2)[row, column] < 0.15 * 255
    measured = measured * np.exp(rng.laplace(0, SPOT_NOISE * np.where(dark, 2, 1)))
    slope = np.hypot(*np.gradient(np.log(depth)))[row, column]
    chance = 0.03 + 0.3 * dark + 0.5 * (measured > 4.5) + 0.5 * (slope > 0.04)
    return np.stack([row, column], axis=1), measured, rng.random(len(row)) < chance


def _fill(
    depth: np.ndarray, image: np.ndarray, spots: np.ndarray, measured: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depth of every pixel from the spots around it, and how far those disagree (in log depth).

    Moving least squares: inverse depth, which is affine in the pixel on a plane, fitted with weights
    that fall with distance, with difference of colour and with difference of blurred depth.
    """
    height, width = depth.shape
    pixels = np.stack(np.mgrid[:height, :width], axis=-1).reshape(-1, 2)
    away, nearest = KDTree(spots).query(pixels, k=NEIGHBOURS)
    colour = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), (0, 0), 0.7).reshape(-1, 3).astype(np.float32)
    shape = np.log(cv2.GaussianBlur(depth, (0, 0), 1.2)).ravel()
    at_spots = spots[:, 0] * width + spots[:, 1]
    colours_apart = np.linalg.norm(colour[:, None] - colour[at_spots][nearest], axis=2)
    depths_apart = shape[:, None] - np.log(measured)[nearest]
    weight = np.exp(-0.5 * (away / REACH_PX) ** 2 - colours_apart / SAME_COLOUR)
    weight = weight / (1 + (depths_apart / SAME_DEPTH) ** 2) ** 2 + 1e-9
    weight /= weight.sum(axis=1, keepdims=True)
    inverse = 1 / measured[nearest]
    mean = (weight * inverse).sum(axis=1)
    offset = (spots[nearest] - pixels[:, None]) / REACH_PX
    centre = (weight[..., None] * offset).sum(axis=1)
    spread = offset - centre[:, None]
    normal = np.einsum("nk,nki,nkj->nij", weight, spread, spread) + 0.15 * np.eye(2)  # damped: slopes stay tame
    moment = np.einsum("nk,nki,nk->ni", weight, spread, inverse - mean[:, None])
    slope = np.linalg.solve(normal, moment[..., None])[..., 0]
    value = mean - (slope * centre).sum(axis=1)
    trusted = np.where(weight > 0.03, inverse, mean[:, None])
    value = np.clip(value, 0.93 * trusted.min(axis=1), 1.07 * trusted.max(axis=1))
    deviation = np.sqrt((weight * (inverse - mean[:, None]) ** 2).sum(axis=1)) / mean
    return (1 / value).reshape(depth.shape), deviation.reshape(depth.shape)


def _doubt(depth: np.ndarray, image: np.ndarray, lost: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How little the phone trusts each pixel: edges, the border, range, glare, lost spots and chance.

    The sizes and weights were set by eye, to give the shapes and shares of the recordings.
    """
    height, width = depth.shape
    slope = np.hypot(*np.gradient(np.log(depth)))
    steps = np.clip((slope - 0.03) / 0.05, 0, 1).astype(np.float32)
    near_steps = cv2.GaussianBlur(cv2.dilate(steps, np.ones((3, 3))), (0, 0), 1.2)
    rows, columns = np.mgrid[:height, :width]
    inside = np.minimum.reduce([rows, columns, height - 1 - rows, width - 1 - columns])
    fringe = np.exp(-np.maximum(inside - 4 - 4 * _blobs(depth.shape, 20.0, rng), 0) / 7.0)
    far = np.clip((depth - 3.0) / 2.2, 0, 1)
    glare = cv2.GaussianBlur((image.min(axis=2) > 235).astype(np.float32), (0, 0), 2.0)
    unanswered = np.zeros(depth.shape, np.float32)
    unanswered[lost[:, 0], lost[:, 1]] = 1
    unanswered = cv2.GaussianBlur(unanswered, (0, 0), 4.0) * (2 * np.pi * 16) * 0.35
    chance = np.clip(_blobs(depth.shape, 7.0, rng) - 2.1, 0, 1)
    noise = 0.1 * _blobs(depth.shape, 7.0, rng)
    return 0.9 * near_steps + fringe + far + glare + unanswered + chance + noise


def _blobs(shape: tuple[int, int], size_px: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit deviation whose blobs are about twice ``size_px`` across."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), size_px, borderType=cv2.BORDER_REFLECT)
    return noise * (2 * np.sqrt(np.pi) * size_px)  # what blurring took from the deviation of white noise
