"""Regions of a volume that are meshed one by one, and their meshes joined without seams."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from recon.fusion.mesh import Mesh

EVERYWHERE = 1 << 20  # blocks to either side: as far as their keys reach


@dataclass(frozen=True, eq=False)
class Region:
    """A box of blocks, ``low`` included and ``high`` excluded."""

    low: Int[np.ndarray, "3"]
    high: Int[np.ndarray, "3"]

    @property
    def is_everywhere(self) -> bool:
        """Whether it was not cut."""
        return bool((self.low == -EVERYWHERE).all() and (self.high == EVERYWHERE).all())

    def around(self, blocks: Int[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """Which blocks are in it or next to it: all that decides about the triangles in it."""
        return np.all((blocks >= self.low - 1) & (blocks < self.high + 1), axis=1)

    def owns(self, blocks: Int[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """Which blocks are in it."""
        return np.all((blocks >= self.low) & (blocks < self.high), axis=1)


@dataclass(frozen=True, eq=False)
class Piece:
    """The mesh in one region; vertices that other regions use too are ``shared``."""

    vertices: Float[np.ndarray, "n 3"]  # float32 metres, in the volume's frame
    triangles: Int[np.ndarray, "m 3"]  # int32
    normals: Float[np.ndarray, "n 3"]  # float32
    colors: UInt8[np.ndarray, "n 3"] | None
    shared: Bool[np.ndarray, " n"]


def cut(blocks: Int[np.ndarray, "n 3"], most: int) -> list[Region]:
    """Regions that fill space, with at most so many of these blocks in each: halved along their longest side."""
    regions = []
    whole = Region(np.full(3, -EVERYWHERE), np.full(3, EVERYWHERE))
    waiting = [(whole, blocks)]
    while waiting:
        region, inside = waiting.pop()
        if len(inside) <= most or not len(inside):
            regions.append(region)
            continue
        axis = int(np.ptp(inside, axis=0).argmax())
        along = inside[:, axis]
        middle = max(int(np.median(along)), int(along.min()) + 1)  # so that neither half is empty
        for low, high in ((region.low[axis], middle), (middle, region.high[axis])):
            half = Region(region.low.copy(), region.high.copy())
            half.low[axis], half.high[axis] = low, high
            waiting.append((half, inside[(along >= low) & (along < high)]))
    return regions


def piece_of(
    region: Region,
    block_size: float,
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "m 3"],
    normals: Float[np.ndarray, "n 3"],
    colors: UInt8[np.ndarray, "n 3"] | None,
) -> Piece:
    """What belongs to this region of a mesh of it and its neighbouring blocks.

    A triangle belongs where its centre is. The centre is the same number in each mesh that has the triangle, for a
    sum of three float32 is exact in float64; so each triangle belongs to one region, even on the border.
    """
    if region.is_everywhere:
        return Piece(vertices, triangles, normals, colors, np.zeros(len(vertices), np.bool_))
    corners = vertices.astype(np.float64)
    centre = (corners[triangles[:, 0]] + corners[triangles[:, 1]] + corners[triangles[:, 2]]) / 3
    owned = region.owns(np.floor(centre / block_size).astype(np.int64))
    used, used_elsewhere = np.zeros((2, len(vertices)), np.bool_)
    used[triangles[owned]] = True
    used_elsewhere[triangles[~owned]] = True
    new_index = np.cumsum(used, dtype=np.int32) - 1
    return Piece(
        vertices[used],
        new_index[triangles[owned]],
        normals[used],
        None if colors is None else colors[used],
        used_elsewhere[used],
    )


def join(pieces: Sequence[Piece], origin: Float[np.ndarray, "3"]) -> Mesh:
    """One mesh in the world, where ``origin`` (metres) is the volume's; shared vertices at one place become one."""
    if len(pieces) == 1:
        piece = pieces[0]
        return Mesh(piece.vertices + origin, piece.triangles, piece.normals, piece.colors)
    starts = np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    vertices = np.concatenate([piece.vertices for piece in pieces])
    shared = np.flatnonzero(np.concatenate([piece.shared for piece in pieces]))
    _, first, place = np.unique(vertices[shared], axis=0, return_index=True, return_inverse=True)
    kept = np.ones(len(vertices), np.bool_)
    kept[shared] = False
    kept[shared[first]] = True
    new_index = np.cumsum(kept, dtype=np.int32) - 1
    new_index[shared] = new_index[shared[first]][place.reshape(-1)]
    triangles = [new_index[piece.triangles + start] for piece, start in zip(pieces, starts[:-1], strict=True)]
    colors = [piece.colors for piece in pieces if piece.colors is not None]
    return Mesh(
        vertices=vertices[kept] + origin,
        triangles=np.concatenate(triangles),
        normals=np.concatenate([piece.normals for piece in pieces])[kept],
        colors=np.concatenate(colors)[kept] if colors else None,
    )
