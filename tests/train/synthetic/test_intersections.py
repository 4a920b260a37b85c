"""Unit shapes met by rays, against what solid geometry says."""

import numpy as np
import pytest
import torch
from torch import Tensor

from train.synthetic.intersections import MEET
from train.synthetic.primitives import Kind

TUBE = 0.25
INSIDE = {
    Kind.BOX: lambda p: p.abs().amax(1) < 1,
    Kind.CYLINDER: lambda p: (torch.hypot(p[:, 0], p[:, 2]) < 1) & (p[:, 1].abs() < 1),
    Kind.SPHERE: lambda p: p.norm(dim=1) < 1,
    Kind.TORUS: lambda p: torch.hypot(torch.hypot(p[:, 0], p[:, 2]) - 1, p[:, 1]) < TUBE,
}


def rays(seed: int, count: int = 600) -> tuple[Tensor, Tensor]:
    """From a ball of radius 4 towards points near the shape; as packets of one."""
    rng = np.random.default_rng(seed)
    origin = rng.standard_normal((count, 3))
    origin *= 4 / np.linalg.norm(origin, axis=1, keepdims=True)
    aim = rng.uniform(-1.1, 1.1, (count, 3))
    direction = (aim - origin) * rng.uniform(0.2, 3, (count, 1))
    return torch.tensor(origin[..., None]), torch.tensor(direction[..., None])


def meet(kind: Kind, o: Tensor, d: Tensor) -> Tensor:
    return MEET[kind](o, d, torch.full((len(o),), TUBE, dtype=o.dtype))[:, 0]


@pytest.mark.parametrize("kind", INSIDE)
def test_a_solid_is_entered_where_marching_first_finds_its_inside(kind: Kind) -> None:
    o, d = rays(1)
    t = meet(kind, o, d)
    steps = torch.linspace(0, 8, 2000, dtype=o.dtype)
    along = steps[:, None] / d[:, :, 0].norm(dim=1)
    inside = torch.stack([INSIDE[kind](o[..., 0] + a[:, None] * d[..., 0]) for a in along])
    found = inside.any(0)
    first = along.gather(0, inside.int().argmax(0)[None])[0]
    length = d[:, :, 0].norm(dim=1)
    assert (found & t.isinf()).float().mean() < (0.01 if kind == Kind.TORUS else 1e-9)  # at its silhouette
    found &= t.isfinite()
    assert ((first - t)[found] * length[found]).max() < 8 / 1999 + 1e-3  # the march is late by up to a step
    assert ((first - t)[found] * length[found]).min() > -1e-3
    assert (t.isfinite() & ~found).float().mean() < 0.01  # grazed between two steps


@pytest.mark.parametrize("kind", [Kind.BOX, Kind.CYLINDER, Kind.SPHERE])
def test_from_within_a_solid_a_ray_meets_its_far_side(kind: Kind) -> None:
    _, d = rays(2)
    t = meet(kind, torch.zeros_like(d), d)
    assert t.isfinite().all()
    beyond, before = (1 + 1e-6) * t[:, None] * d[..., 0], (1 - 1e-6) * t[:, None] * d[..., 0]
    assert INSIDE[kind](before).all()
    assert not INSIDE[kind](beyond).any()


@pytest.mark.parametrize("kind", Kind)
def test_longer_directions_meet_sooner_and_what_lies_behind_is_not_met(kind: Kind) -> None:
    o, d = rays(3)
    t = meet(kind, o, d)
    torch.testing.assert_close(meet(kind, o, 4 * d), t / 4, rtol=1e-4, atol=1e-4)
    assert meet(kind, o, -d).isinf().all()


@pytest.mark.parametrize(("kind", "holds"), [
    (Kind.QUAD, lambda x, y: (x.abs() <= 1) & (y.abs() <= 1)),
    (Kind.TRIANGLE, lambda x, y: (x >= 0) & (y >= 0) & (x + y <= 1)),
])  # fmt: skip
def test_a_flat_shape_is_met_in_its_plane_within_its_sides(kind: Kind, holds) -> None:
    o, d = rays(4)
    t = meet(kind, o, d)
    at_plane = -o[:, 2, 0] / d[:, 2, 0]
    x, y = (o[:, i, 0] + at_plane * d[:, i, 0] for i in (0, 1))
    expected = (at_plane > 0) & holds(x, y)
    near_a_side = torch.stack([x, y, x + y - 1, x.abs() - 1, y.abs() - 1]).abs().amin(0) < 1e-4
    assert ((t.isfinite() == expected) | near_a_side).all()
    torch.testing.assert_close(t[expected], at_plane[expected])


@pytest.mark.parametrize("kind", Kind)
def test_rays_along_an_axis_are_no_special_case(kind: Kind) -> None:
    o = torch.tensor([[[0.2], [0.3], [-3.0]], [[0.9], [3.0], [0.1]], [[9.0], [9.0], [9.0]]])
    d = torch.tensor([[[0.0], [0.0], [1.0]], [[0.0], [-1.0], [0.0]], [[1.0], [0.0], [0.0]]])
    t = meet(kind, o, d)
    assert not t.isnan().any()
    assert t[2].isinf()


def test_a_thin_far_cylinder_is_met_to_a_tenth_of_its_radius() -> None:
    radius = 0.005
    o = torch.tensor([[[0.3 / radius], [0.0], [-60 / radius]]])
    d = torch.tensor([[[-0.3 / radius], [0.0], [60 / radius]]])  # through the axis at t = 1
    t = meet(Kind.CYLINDER, o, d)
    assert abs(float(t[0]) - (1 - radius / np.hypot(0.3, 60))) * 60 < radius / 10
