"""Surfaces and materials packed for ray casting."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy import sparse

from room_maker.shapes import Surface
from room_maker.textures import Material

GAMMA = 2.2  # of the tiles; close enough to the sRGB curve for a picture


@dataclass(frozen=True, eq=False)
class Hits:
    """Where rays ended; arrays of one entry a ray, fields of rays that met nothing are meaningless."""

    distance: np.ndarray  # along the ray in units of its direction, inf where nothing was met
    triangle: np.ndarray
    weights: np.ndarray  # (n, 3) of the triangle's corners


class Scene:
    """Triangles with interpolated normals and texture coordinates, and pyramids of the textures."""

    def __init__(self, surfaces: list[Surface], materials: dict[str, Material]) -> None:
        self.names = list(materials)
        self.materials = list(materials.values())
        starts = np.cumsum([0] + [len(surface.vertices) for surface in surfaces])
        self.vertices = np.concatenate([surface.vertices for surface in surfaces]).astype(np.float32)
        self.normals = np.concatenate([surface.normals for surface in surfaces]).astype(np.float32)
        self.uv = np.concatenate([surface.uv for surface in surfaces]).astype(np.float32)
        self.triangles = np.concatenate([s.triangles + start for s, start in zip(surfaces, starts, strict=False)])
        counts = [len(surface.triangles) for surface in surfaces]
        self.surface_of = np.repeat(np.arange(len(surfaces)), counts)
        self.material_of = np.repeat([self.names.index(surface.material) for surface in surfaces], counts)

    @cached_property
    def tracer(self):
        return self.tracer_without()

    def tracer_without(self, *names: str):
        """An Open3D ray caster over all triangles but those of some materials."""
        import open3d as o3d

        left = ~np.isin(self.material_of, [self.names.index(name) for name in names])
        tracer = o3d.t.geometry.RaycastingScene()
        tracer.add_triangles(o3d.core.Tensor(self.vertices), o3d.core.Tensor(self.triangles[left].astype(np.uint32)))
        return tracer

    @cached_property
    def pyramids(self) -> list[list[np.ndarray]]:
        """Each tile in linear light at halved resolutions."""
        pyramids = []
        for material in self.materials:
            levels = [(material.tile.astype(np.float32) / 255) ** GAMMA]
            while min(levels[-1].shape[:2]) >= 8:
                half = (levels[-1].shape[1] // 2, levels[-1].shape[0] // 2)
                levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
            pyramids.append(levels)
        return pyramids

    @cached_property
    def neighbour_mean(self) -> sparse.csr_matrix:
        """(vertices, vertices): the mean of a vertex and those that share a triangle with it."""
        corners = self.triangles[:, [0, 1, 2, 0, 1, 2]].ravel()
        others = self.triangles[:, [1, 2, 0, 2, 0, 1]].ravel()
        size = len(self.vertices)
        joined = sparse.coo_matrix((np.ones(len(corners)), (corners, others)), (size, size)).tocsr()
        joined.data[:] = 1
        joined += sparse.identity(size)
        return sparse.diags(1 / joined.sum(axis=1).A1) @ joined

    @cached_property
    def mean_colour(self) -> np.ndarray:
        """(materials, 3), linear."""
        return np.stack([levels[0].mean(axis=(0, 1)) for levels in self.pyramids])

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits of rays (n, 3); a ray that slips through a seam between two surfaces is moved by a hair."""
        hits = self._first_hits(origins, directions)
        missed = np.flatnonzero(~np.isfinite(hits.distance))
        if len(missed):
            moved = directions[missed] + np.float32(1e-4) * np.roll(directions[missed], 1, axis=1)
            again = self._first_hits(origins[missed], moved)
            hits.distance[missed], hits.triangle[missed] = again.distance, again.triangle
            hits.weights[missed] = again.weights
        return hits

    def _first_hits(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        import open3d as o3d

        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        answer = self.tracer.cast_rays(o3d.core.Tensor(rays))
        second, third = answer["primitive_uvs"].numpy().T
        triangle = answer["primitive_ids"].numpy().astype(np.int64)
        distance = answer["t_hit"].numpy()
        weights = np.stack([1 - second - third, second, third], axis=1)
        return Hits(distance, np.where(np.isfinite(distance), triangle, 0), weights)

    def interpolate(self, values: np.ndarray, hits: Hits) -> np.ndarray:
        """Values of the vertices at the hit points."""
        corners = self.triangles[hits.triangle]
        return sum(hits.weights[:, k, None] * values[corners[:, k]] for k in range(3))

    def colour(self, hits: Hits, footprint: np.ndarray) -> np.ndarray:
        """Linear texture colour (n, 3) averaged over about ``footprint`` metres."""
        uv = self.interpolate(self.uv, hits)
        material_of = self.material_of[hits.triangle]
        colour = np.zeros((len(uv), 3), np.float32)
        for index in np.unique(material_of):
            material = self.materials[index]
            texel = material.size[0] / material.tile.shape[1]
            rays = np.flatnonzero(material_of == index)
            coarsest = len(self.pyramids[index]) - 1
            level_of = np.clip(np.log2(np.maximum(footprint[rays] / texel, 1.0)).round(), 0, coarsest).astype(int)
            for level in np.unique(level_of):
                chosen = rays[level_of == level]
                colour[chosen] = _sample(self.pyramids[index][level], uv[chosen] / np.float32(material.size))
        return colour


def _sample(tile: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear with repetition; ``uv`` counts tiles, v upwards."""
    rows, columns = tile.shape[:2]
    padded = cv2.copyMakeBorder(tile, 1, 1, 1, 1, cv2.BORDER_WRAP)
    x = (uv[:, 0] % 1) * columns + 0.5
    y = (-uv[:, 1] % 1) * rows + 0.5
    width = 1024
    lacking = -len(uv) % width
    grid = [np.pad(axis, (0, lacking)).reshape(-1, width).astype(np.float32) for axis in (x, y)]
    return cv2.remap(padded, grid[0], grid[1], cv2.INTER_LINEAR).reshape(-1, 3)[: len(uv)]
