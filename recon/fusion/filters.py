"""Which pixels of a depth map are fit to be fused."""

import numpy as np
from jaxtyping import Bool, Float

# Neighbours that differ by more of their depth belong to two surfaces or to the smear between them. On a phone's
# 256x192 map a plane reaches it at 81 degrees from facing the camera, so grazing views go by the same test; a
# limit in pixel footprints instead tore holes into the coarsely quantised far depth of 640x480 sensors.
EDGE_JUMP = 0.03


def within_range(depth: Float[np.ndarray, "h w"], nearest: float, farthest: float) -> Bool[np.ndarray, "h w"]:
    """True where depth is finite, known and between these limits, metres."""
    return np.isfinite(depth) & (depth > 0) & (depth >= nearest) & (depth <= farthest)


def off_edges(depth: Float[np.ndarray, "h w"], jump: float = EDGE_JUMP) -> Bool[np.ndarray, "h w"]:
    """True where no direct neighbour differs by more than this share of the nearer depth.

    Removes the pixels that float between foreground and background. Unknown neighbours count for nothing.
    """
    keep = np.ones(depth.shape, np.bool_)
    for this, next_ in (((slice(None), slice(-1)), (slice(None), slice(1, None))), (slice(-1), slice(1, None))):
        a, b = depth[this], depth[next_]
        breaks = (np.abs(a - b) > jump * np.minimum(a, b)) & (a > 0) & (b > 0)
        keep[this] &= ~breaks
        keep[next_] &= ~breaks
    return keep


def clean_depth(
    depth: Float[np.ndarray, "h w"], nearest: float, farthest: float, jump: float = EDGE_JUMP
) -> Float[np.ndarray, "h w"]:
    """The depth with 0 wherever it is out of range or at an edge; edges to pixels out of range count too."""
    keep = within_range(depth, nearest, farthest) & off_edges(np.nan_to_num(depth, posinf=0, neginf=0), jump)
    return np.where(keep, depth, np.float32(0))
