"""The tree and the packets against every ray tried on every primitive."""

import numpy as np
import pytest
import torch

from train.synthetic import meetings
from train.synthetic.intersections import MEET
from train.synthetic.meetings import Meetings
from train.synthetic.packets import BoxTree, Rays
from train.synthetic.primitives import Kind, Primitives, primitives
from train.synthetic.scene import Box, Cylinder, Quad, Sphere, Torus

from small_scene import at, plain, tetrahedron  # isort: skip


def clutter(seed: int, count: int) -> Primitives:
    rng = np.random.default_rng(seed)
    makers = [
        lambda s: Box(s * np.array([1, 2, 0.5])),
        lambda s: Sphere(s / 2),
        lambda s: Cylinder(s / 4, 3 * s),
        lambda s: Torus(s, s / 5),
        lambda s: Quad(s, 2 * s),
        tetrahedron,
    ]
    sizes, places = rng.uniform(0.05, 0.6, count), rng.uniform(-3, 3, (count, 3))
    return primitives([at(makers[i % 6](float(sizes[i])), *places[i].tolist()) for i in range(count)])


def fan(seed: int, spread: float, count: int = 6) -> Rays:
    """Packets whose rays part company by ``spread`` (0 together, 1 in all directions)."""
    generator = torch.Generator().manual_seed(seed)
    (start, towards), (starts, turns) = (torch.randn(2, count, 3, n, generator=generator) for n in (1, 64))
    origin, direction = start + 0.3 * spread * starts, towards + spread * turns
    return Rays(origin, direction, torch.full((count, 64), float("inf")))


def by_force(table: Primitives, rays: Rays) -> torch.Tensor:
    every = []
    for row in range(len(table.kind)):
        unit_world = table.unit_world[row].expand(len(rays.reach), 3, 4)
        o = torch.baddbmm(unit_world[..., 3:], unit_world[..., :3], rays.origin)
        d = torch.bmm(unit_world[..., :3], rays.direction)
        t = MEET[Kind(int(table.kind[row]))](o, d, table.tube[row].expand(len(o)))
        every.append(torch.where(t < rays.reach, t, float("inf")))
    return torch.stack(every).amin(0)


@pytest.mark.parametrize("spread", [0.01, 0.3, 1.0])
def test_the_first_meeting_is_the_nearest_of_all(spread: float) -> None:
    table, rays = clutter(1, 80), fan(2, spread)
    hits = Meetings(table).first(rays)
    torch.testing.assert_close(hits.t, by_force(table, rays))
    assert hits.t.isfinite().any()
    assert hits.t.isinf().any()


def test_packets_that_part_company_find_the_same_as_those_kept_together(monkeypatch: pytest.MonkeyPatch) -> None:
    table, rays = clutter(3, 60), fan(4, 0.5)
    parted = Meetings(table).first(rays)
    monkeypatch.setattr(meetings, "MOST_FOR_EACH", 10_000)
    together = Meetings(table).first(rays)
    torch.testing.assert_close(parted.t, together.t)
    assert (parted.row == together.row).all()


def test_a_ray_is_blocked_by_what_is_nearer_than_its_end() -> None:
    wall = Meetings(primitives([at(Quad(10.0, 10.0), 0, 0, 2)]))
    origin, direction = torch.zeros(1, 3, 64), torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1).expand(1, 3, 64)
    assert not wall.blocked(Rays(origin, direction, torch.full((1, 64), 1.99))).any()
    assert wall.blocked(Rays(origin, direction, torch.full((1, 64), 2.01))).all()


def test_what_shines_casts_no_shadow_but_is_seen() -> None:
    glowing = Meetings(primitives([at(Sphere(0.5), 0, 0, 2, plain(200, emission=3.0))]))
    direction = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1).expand(1, 3, 64)
    rays = Rays(torch.zeros(1, 3, 64), direction, torch.full((1, 64), float("inf")))
    assert not glowing.blocked(rays).any()
    torch.testing.assert_close(glowing.first(rays).t, torch.full((1, 64), 1.5))


@pytest.mark.parametrize("count", [1, 8, 9, 70])
def test_the_tree_holds_every_box_once_and_every_node_its_children(count: int) -> None:
    rng = np.random.default_rng(count)
    low = torch.tensor(rng.uniform(-1, 1, (count, 3)), dtype=torch.float32)
    tree = BoxTree.over(low, low + 0.1)
    assert sorted(tree.rows[tree.rows >= 0].tolist()) == list(range(count))
    for above, below in zip(tree.levels, tree.levels[1:], strict=False):
        children = below.view(len(above), -1, 6)
        torch.testing.assert_close(above[:, :3], children[..., :3].amin(1))
        torch.testing.assert_close(above[:, 3:], children[..., 3:].amax(1))
