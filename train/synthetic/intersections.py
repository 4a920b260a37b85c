"""Where rays first meet shapes of unit size; all in the frame of the shape, see ``primitives.Kind``."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from train.synthetic.primitives import Kind

INFINITE = float("inf")
EDGE = 1e-5  # of a triangle's side, by which neighbours overlap so that no ray slips between them
TINY = 1e-12  # directions below count as this, so that nothing is divided by zero
TORUS_STEPS, NEWTON_STEPS = 64, 2  # of which the latter
TORUS_REACHED = 1e-4  # of the major radius
STEEP = 0.02  # sine of the least angle to the surface at which Newton's steps are of use
REFINED = 0.01  # of the major radius, the longest of them

Meet = Callable[[Float[Tensor, "n 3 r"], Float[Tensor, "n 3 r"], Float[Tensor, " n"]], Float[Tensor, "n r"]]


def meet_box(o: Float[Tensor, "n 3 r"], d: Float[Tensor, "n 3 r"], _: Float[Tensor, " n"]) -> Float[Tensor, "n r"]:
    """By slabs (Kay and Kajiya 1986)."""
    inverse = 1 / _nonzero(d)
    middle, half = -o * inverse, inverse.abs()
    return _convex((middle - half).amax(dim=1), (middle + half).amin(dim=1))


def meet_cylinder(o: Float[Tensor, "n 3 r"], d: Float[Tensor, "n 3 r"], _: Float[Tensor, " n"]) -> Float[Tensor, "n r"]:
    """The part of a ray inside the endless cylinder and between the caps."""
    ox, oy, oz = o.unbind(1)
    dx, dy, dz = d.unbind(1)
    across = (dx * dx + dz * dz).clamp(min=TINY)
    closest = -(ox * dx + oz * dz) / across
    px, pz = ox + closest * dx, oz + closest * dz  # from there on, large distances have cancelled
    inside = 1 - px * px - pz * pz
    half = (inside.clamp(min=0) / across).sqrt()
    inverse = 1 / _nonzero(dy)
    middle, caps = -oy * inverse, inverse.abs()
    enter, leave = torch.maximum(closest - half, middle - caps), torch.minimum(closest + half, middle + caps)
    return _convex(enter, leave).masked_fill_(inside < 0, INFINITE)


def meet_sphere(o: Float[Tensor, "n 3 r"], d: Float[Tensor, "n 3 r"], _: Float[Tensor, " n"]) -> Float[Tensor, "n r"]:
    squared = (d * d).sum(1).clamp(min=TINY)
    closest = -(o * d).sum(1) / squared
    p = o + closest[:, None] * d
    inside = 1 - (p * p).sum(1)
    half = (inside.clamp(min=0) / squared).sqrt()
    return _convex(closest - half, closest + half).masked_fill_(inside < 0, INFINITE)


def meet_torus(o: Float[Tensor, "n 3 r"], d: Float[Tensor, "n 3 r"], tube: Float[Tensor, " n"]) -> Float[Tensor, "n r"]:
    """Steps of the distance to the surface (sphere tracing, Hart 1996) through the ball around it."""
    tube = tube[:, None]
    length = d.norm(dim=1).clamp(min=TINY)
    u = d / length[:, None]
    closest = -(o * u).sum(1)
    p = o + closest[:, None] * u
    inside = (1 + tube) ** 2 - (p * p).sum(1)
    half = inside.clamp(min=0).sqrt()
    along = torch.maximum(-half, -closest)  # from ``p``, and not before the ray's own start
    for step in range(TORUS_STEPS):
        x, y, z = (p + along[:, None] * u).unbind(1)
        ring = torch.hypot(x, z).clamp(min=TINY)
        across = torch.hypot(ring - 1, y)
        off = across - tube
        if step < TORUS_STEPS - NEWTON_STEPS:
            along = along + torch.where(off.abs() > TORUS_REACHED, off.abs(), 0)
        else:  # the last digits
            slope = ((1 - 1 / ring) * (x * u[:, 0] + z * u[:, 2]) + y * u[:, 1]) / across.clamp(min=TINY)
            along = along - torch.where(slope.abs() > STEEP, off / _nonzero(slope), 0).clamp(-REFINED, REFINED)
    missed = (off.abs() > 2 * TORUS_REACHED) | (along > half + 2 * TORUS_REACHED) | (inside < 0)
    return ((closest + along) / length).masked_fill_(missed | (closest + along <= 0), INFINITE)


def meet_quad(o: Float[Tensor, "n 3 r"], d: Float[Tensor, "n 3 r"], _: Float[Tensor, " n"]) -> Float[Tensor, "n r"]:
    t = -o[:, 2] / _nonzero(d[:, 2])
    x, y = o[:, 0] + t * d[:, 0], o[:, 1] + t * d[:, 1]
    missed = (torch.maximum(x.abs(), y.abs()) > 1) | (t <= 0)
    return t.masked_fill_(missed, INFINITE)


def meet_triangle(o: Float[Tensor, "n 3 r"], d: Float[Tensor, "n 3 r"], _: Float[Tensor, " n"]) -> Float[Tensor, "n r"]:
    t = -o[:, 2] / _nonzero(d[:, 2])
    x, y = o[:, 0] + t * d[:, 0], o[:, 1] + t * d[:, 1]
    missed = (torch.minimum(x, y) < -EDGE) | (x + y > 1 + EDGE) | (t <= 0)
    return t.masked_fill_(missed, INFINITE)


MEET: dict[Kind, Meet] = {
    Kind.BOX: meet_box,
    Kind.CYLINDER: meet_cylinder,
    Kind.SPHERE: meet_sphere,
    Kind.TORUS: meet_torus,
    Kind.QUAD: meet_quad,
    Kind.TRIANGLE: meet_triangle,
}


def _nonzero(d: Tensor) -> Tensor:
    return torch.where(d.abs() < TINY, TINY, d)


def _convex(enter: Float[Tensor, "n r"], leave: Float[Tensor, "n r"]) -> Float[Tensor, "n r"]:
    """Where a ray enters, or leaves if it starts inside; infinite where it does neither."""
    first = torch.where(enter > 0, enter, leave)
    return first.masked_fill_((enter > leave) | (leave <= 0), INFINITE)
