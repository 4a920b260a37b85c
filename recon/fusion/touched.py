"""Which blocks of voxels a depth map touches."""

import numpy as np
from jaxtyping import Float, Int

from recon.depth.depth_map import DepthMap
from recon.geometry.projection import rays

PIXEL_STEP = 0.125  # of a block's edge, a voxel, between neighbouring rays at most: no block with more is missed
DEPTH_STEP = 0.5  # of a block's edge between samples along a ray at most
KEY_BITS = 21  # of one block coordinate in a 64-bit key: a million blocks to either side of the origin


def touched_blocks(
    depth_map: DepthMap,
    T_volume_camera: Float[np.ndarray, "4 4"],
    block_size: float,
    truncation: float,
    depth_max: float,
) -> Int[np.ndarray, "n 3"]:
    """Integer coordinates (int32) of the blocks within ``truncation`` of the surface along z, each once, sorted.

    All lengths in metres; pixels that are unknown or deeper than ``depth_max`` touch nothing. Open3D's own
    function takes every fourth pixel whatever the depth, which leaves holes in slanted and far surfaces.
    """
    stride = _stride(depth_map, block_size, depth_max)
    depth = depth_map.depth[::stride, ::stride]
    valid = (depth > 0) & (depth <= depth_max)
    # In units of blocks from here on: p = origin + direction * z, all float32, one array an axis.
    directions = rays(depth_map.camera)[::stride, ::stride][valid]
    directions = (T_volume_camera[:3, :3] / block_size).astype(np.float32) @ directions.T
    start = directions * depth[valid] + (T_volume_camera[:3, 3, None] / block_size).astype(np.float32)
    samples = int(np.ceil(2 * truncation / (DEPTH_STEP * block_size))) + 1
    keys = [
        _keys(np.floor(start + directions * offset).astype(np.int32))
        for offset in np.linspace(-truncation, truncation, samples, dtype=np.float32)
    ]
    return blocks_of_keys(np.unique(np.concatenate(keys)))


def _stride(depth_map: DepthMap, block_size: float, depth_max: float) -> int:
    """Pixels from one ray to the next, such that rays stay close enough at the greatest depth."""
    farthest = min(float(depth_map.depth.max()), depth_max)
    if farthest <= 0:
        return 1
    focal_px = min(depth_map.camera.fx, depth_map.camera.fy)
    return max(1, int(PIXEL_STEP * block_size * focal_px / farthest))


def block_keys(coordinates: Int[np.ndarray, "3 n"]) -> Int[np.ndarray, " n"]:
    """One int64 a block, ordered as (x, y, z)."""
    x, y, z = coordinates.astype(np.int64) + (1 << (KEY_BITS - 1))
    return np.asarray((x << (2 * KEY_BITS)) | (y << KEY_BITS) | z)


def blocks_of_keys(keys: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n 3"]:
    """The int32 coordinates of blocks with these keys."""
    coordinates = np.stack([keys >> (2 * KEY_BITS), keys >> KEY_BITS, keys], axis=1) & ((1 << KEY_BITS) - 1)
    return (coordinates - (1 << (KEY_BITS - 1))).astype(np.int32)


def _keys(coordinates: Int[np.ndarray, "3 n"]) -> Int[np.ndarray, " k"]:
    """Keys of the blocks; repetitions that follow each other are left out."""
    x, y, z = coordinates
    first = np.ones(len(x), np.bool_)
    first[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1]) | (z[1:] != z[:-1])
    return block_keys(coordinates[:, first])
