"""A coarse depth map on the pixels of a picture without any network, for comparison."""

import numpy as np
from jaxtyping import Float, UInt8

from recon.geometry.resampling import resize_image

RADIUS_PX = 2  # of the window, coarse pixels: Kopf et al.'s 5 x 5
SPATIAL_SIGMA_PX = 0.5  # coarse pixels, theirs
RANGE_SIGMA = 0.1  # of colours from 0 to 1, theirs
CHUNK_ROWS = 64  # filled at once, so that memory does not grow with the picture


def upsample_joint_bilateral(
    depth: Float[np.ndarray, "h w"], guide: UInt8[np.ndarray, "H W 3"]
) -> Float[np.ndarray, "H W"]:
    """Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007, eq. 3) to the size of the guiding picture.

    Each pixel is the mean of the known coarse ones in a window around it, weighted by Gaussians of their distance
    in coarse pixels and of their colours' difference. A coarse pixel's colour is the mean over its area.

    Args:
        depth: metres, 0 = unknown; its pixels cover the picture evenly.
        guide: RGB.

    Returns:
        Metres; 0 where no coarse pixel of the window is known.
    """
    height, width = guide.shape[:2]
    colours = resize_image(guide, depth.shape[1], depth.shape[0]).astype(np.float32) / 255
    edge = (RADIUS_PX, RADIUS_PX)
    padded_depth = np.pad(depth.astype(np.float32), (edge, edge))
    padded_colours = np.pad(colours, (edge, edge, (0, 0)))
    rows, columns = _coarse_positions(height, depth.shape[0]), _coarse_positions(width, depth.shape[1])
    out = np.empty((height, width), np.float32)
    for start in range(0, height, CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        fine = guide[part].astype(np.float32) / 255
        out[part] = _weighted_mean(padded_depth, padded_colours, fine, rows[part], columns)
    return out


def _coarse_positions(size: int, coarse_size: int) -> Float[np.ndarray, " n"]:
    """Where the centres of ``size`` pixels lie on a grid of ``coarse_size`` over the same length."""
    return (np.arange(size) + 0.5) * coarse_size / size - 0.5


def _weighted_mean(
    depth: Float[np.ndarray, "h w"],
    colours: Float[np.ndarray, "h w 3"],
    fine: Float[np.ndarray, "r c 3"],
    rows: Float[np.ndarray, " r"],
    columns: Float[np.ndarray, " c"],
) -> Float[np.ndarray, "r c"]:
    """The mean around positions on the coarse grid, which has a margin of ``RADIUS_PX``."""
    nearest_row, nearest_column = np.rint(rows).astype(int), np.rint(columns).astype(int)
    total, weights = np.zeros(fine.shape[:2], np.float32), np.zeros(fine.shape[:2], np.float32)
    for down in range(-RADIUS_PX, RADIUS_PX + 1):
        row_weight = _gaussian(nearest_row + down - rows)
        for right in range(-RADIUS_PX, RADIUS_PX + 1):
            at = np.ix_(nearest_row + down + RADIUS_PX, nearest_column + right + RADIUS_PX)
            value = depth[at]
            difference = fine - colours[at]
            distance = np.einsum("rck,rck->rc", difference, difference)
            weight = np.exp(distance * np.float32(-0.5 / RANGE_SIGMA**2))
            weight *= row_weight[:, None] * _gaussian(nearest_column + right - columns)
            weight *= value > 0
            weights += weight
            total += weight * value
    return np.divide(total, weights, out=np.zeros_like(total), where=weights > 0)


def _gaussian(offset: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.exp(-0.5 * (offset / SPATIAL_SIGMA_PX) ** 2).astype(np.float32)
