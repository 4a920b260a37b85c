"""What a ray finds where it meets a surface: place, normal, colour, gloss."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from train.synthetic.meetings import Hits
from train.synthetic.packets import Rays
from train.synthetic.primitives import Kind, Primitives
from train.synthetic.scene import Material, Object
from train.synthetic.texture_lookup import Textures

STEEPEST = 0.15  # cosine; pixels on surfaces seen more grazingly are not taken for wider still


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """One for each ray; of rays that met nothing, ``met`` is false and the rest means nothing."""

    met: Bool[Tensor, "k r"]
    place: Float[Tensor, "k 3 r"]
    normal: Float[Tensor, "k 3 r"]  # towards the ray's origin, smooth
    face: Float[Tensor, "k 3 r"]  # towards the ray's origin, of the surface itself
    albedo: Float[Tensor, "k 3 r"]
    gloss: Float[Tensor, "k r"]
    roughness: Float[Tensor, "k r"]
    emission: Float[Tensor, "k r"]


class Surfaces:
    """The looks of a scene's objects."""

    def __init__(self, primitives: Primitives, objects: Sequence[Object]) -> None:
        device = primitives.kind.device
        materials = {id(thing.material): thing.material for thing in objects}
        order = {key: row for row, key in enumerate(materials)}
        of_object = torch.tensor([order[id(thing.material)] for thing in objects], device=device)
        self._primitives = primitives
        self._material = of_object[primitives.object]
        self._finish = _finishes(list(materials.values()), device)
        self._textures = Textures([material.texture for material in materials.values()], device)
        self._round = bool((primitives.kind != Kind.TRIANGLE).any())
        self._has_triangles = bool((primitives.kind == Kind.TRIANGLE).any())

    def at(self, rays: Rays, hits: Hits, width: Float[Tensor, "k r"]) -> SurfacePoints:
        """``width``: of a ray where it arrives, metres."""
        met = hits.t < float("inf")
        k, r = met.shape
        row = hits.row.reshape(-1)
        place = rays.origin + torch.where(met, hits.t, 0)[:, None] * rays.direction
        flat = place.transpose(1, 2).reshape(-1, 3)
        direction = rays.direction.transpose(1, 2).reshape(-1, 3)
        unit_world = self._primitives.unit_world[row]
        unit = torch.baddbmm(unit_world[..., 3:], unit_world[..., :3], flat[..., None])[..., 0]
        face, normal, uv = self._geometry(row, unit, unit_world[..., :3])
        ahead = (face * direction).sum(1, keepdim=True) > 0
        face = torch.where(ahead, -face, face)
        normal = torch.where((normal * face).sum(1, keepdim=True) < 0, -normal, normal)
        cosine = (face * direction).sum(1).abs() / direction.norm(dim=1)
        spread = width.reshape(-1) / cosine.clamp(min=STEEPEST).sqrt()
        material = self._material[row]
        albedo = self._textures.albedo(material, uv, spread * self._primitives.uv_per_metre[row])
        gloss, roughness, emission = self._finish[material].view(k, r, 3).unbind(2)
        normal, face, albedo = (values.view(k, r, 3).transpose(1, 2) for values in (normal, face, albedo))
        return SurfacePoints(met, place, normal, face, albedo, gloss, roughness, emission)

    def _geometry(
        self, row: Int[Tensor, " n"], unit: Float[Tensor, "n 3"], linear: Float[Tensor, "n 3 3"]
    ) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"], Float[Tensor, "n 2"]]:
        """Unit normals of the surface itself and smoothed, world; and texture coordinates."""
        p = self._primitives
        kind = p.kind[row]
        slope = _slope(kind, unit, p.tube[row])
        face = _normalised((linear.transpose(1, 2) @ slope[..., None])[..., 0])
        scale = p.scale[row]
        uv = _box_mapped(unit * scale, slope / scale) * p.uv_per_metre[row][:, None]
        if not self._has_triangles:
            return face, face, uv
        of_mesh = (kind == Kind.TRIANGLE)[:, None]
        b, c = unit[:, 0, None], unit[:, 1, None]
        weights = torch.stack([1 - b - c, b, c], dim=1)  # (n, 3, 1)
        smooth = _normalised((weights * p.corner_normals[row]).sum(1))
        mapped = (weights * p.corner_uv[row]).sum(1)
        return face, torch.where(of_mesh, smooth, face), torch.where(of_mesh, mapped, uv)


def _slope(kind: Int[Tensor, " n"], unit: Float[Tensor, "n 3"], tube: Float[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """A vector along the normal, in the unit frame."""
    x, y, z = unit.unbind(1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    size = unit.abs()
    box = (size >= size.amax(1, keepdim=True)) * unit.sign()
    ring = torch.hypot(x, z).clamp(min=1e-9)
    on_cap = y.abs() > ring
    cylinder = torch.where(on_cap[:, None], torch.stack([zero, y, zero], 1), torch.stack([x, zero, z], 1))
    torus = torch.stack([x * (1 - 1 / ring), y, z * (1 - 1 / ring)], 1)
    flat = torch.stack([zero, zero, one], 1)
    kind = kind[:, None]
    slope = torch.where(kind == Kind.BOX, box, flat)
    slope = torch.where(kind == Kind.CYLINDER, cylinder, slope)
    slope = torch.where(kind == Kind.SPHERE, unit, slope)
    return torch.where(kind == Kind.TORUS, torus, slope)


def _box_mapped(own: Float[Tensor, "n 3"], normal: Float[Tensor, "n 3"]) -> Float[Tensor, "n 2"]:
    """The coordinates in the plane that the normal faces most, see ``scene.Object``; metres."""
    x, y, z = own.unbind(1)
    axis = normal.abs().argmax(dim=1)
    u = torch.where(axis == 0, z, x)
    v = torch.where(axis == 1, z, y)
    return torch.stack([u, v], 1)


def _normalised(vectors: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _finishes(materials: Sequence[Material], device: torch.device) -> Float[Tensor, "m 3"]:
    rows = [[material.gloss, material.roughness, material.emission] for material in materials]
    return torch.tensor(rows, dtype=torch.float32, device=device)
