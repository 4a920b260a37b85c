"""What rays meet first, and whether they meet anything."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from train.synthetic.intersections import MEET
from train.synthetic.packets import BoxTree, Rays
from train.synthetic.primitives import Kind, Primitives

PACKETS_AT_ONCE = {"cpu": 2048, "cuda": 1 << 20}
RAYS_AT_ONCE = {"cpu": 1 << 16, "cuda": 1 << 23}  # what fits in a core's cache, or a GPU's memory
PARTED = 8  # smaller packets that take over where one comes upon too much
MOST_FOR_EACH = 3  # nodes of the tree, for each ray, that a packet may come upon together
ROW_BITS = 32
NOTHING = 0x7F800000 << ROW_BITS  # as a key: infinitely far


@dataclass(frozen=True, eq=False)
class Hits:
    t: Float[Tensor, "k r"]  # infinite where nothing is met
    row: Int[Tensor, "k r"]  # of the primitives; 0 where nothing is met


class Meetings:
    """Rays against the primitives of a scene."""

    def __init__(self, primitives: Primitives) -> None:
        self._primitives = primitives
        self._tree = BoxTree.over(primitives.low, primitives.high)
        self._kinds = [kind for kind in Kind if bool((primitives.kind == kind).any())]

    def first(self, rays: Rays) -> Hits:
        """The nearest of all meetings."""
        keys = self._keys(rays, shadows=False)
        t = (keys >> ROW_BITS).to(torch.int32).view(torch.float32)
        return Hits(t=t, row=torch.where(keys < NOTHING, keys & ((1 << ROW_BITS) - 1), 0))

    def blocked(self, rays: Rays) -> Bool[Tensor, "k r"]:
        """Whether anything that casts shadows is met before the ray's reach."""
        return self._keys(rays, shadows=True) < NOTHING

    def _keys(self, rays: Rays, shadows: bool) -> Int[Tensor, "k r"]:
        """The nearest distance in the upper bits, so that the least key is the nearest meeting, and its row below.

        Floats that are not negative are in the order of their bits. Packets whose rays part company are followed in
        smaller ones, in the end ray by ray.
        """
        return torch.cat([self._together(part, shadows) for part in _parts(rays)])

    def _together(self, rays: Rays, shadows: bool) -> Int[Tensor, "k r"]:
        size = rays.reach.shape[1]
        most = MOST_FOR_EACH * size if size > 1 else len(self._primitives.kind)
        packet, row, loose = self._tree.candidates(rays, most)
        keys = self._nearest(rays, packet, row, shadows)
        if bool(loose.any()):
            smaller = rays.split(loose, size // PARTED)
            keys[loose] = torch.cat([self._together(part, shadows) for part in _parts(smaller)]).view(-1, size)
        return keys

    def _nearest(
        self, rays: Rays, packet: Int[Tensor, " n"], row: Int[Tensor, " n"], shadows: bool
    ) -> Int[Tensor, "k r"]:
        if shadows:
            casts = self._primitives.shades[row]
            packet, row = packet[casts], row[casts]
        keys = torch.full(rays.reach.shape, NOTHING, dtype=torch.int64, device=row.device)
        kinds = self._primitives.kind[row]
        at_once = RAYS_AT_ONCE.get(row.device.type, RAYS_AT_ONCE["cpu"]) // keys.shape[1]
        for kind in self._kinds:
            for part in torch.split((kinds == kind).nonzero()[:, 0], at_once):
                self._integrate_keys(keys, kind, rays, packet[part], row[part])
        return keys

    def _integrate_keys(
        self, keys: Int[Tensor, "k r"], kind: Kind, rays: Rays, packet: Int[Tensor, " n"], row: Int[Tensor, " n"]
    ) -> None:
        unit_world = self._primitives.unit_world[row]
        linear, shift = unit_world[..., :3], unit_world[..., 3:]
        o = torch.baddbmm(shift, linear, rays.origin[packet])
        d = torch.bmm(linear, rays.direction[packet])
        t = MEET[kind](o, d, self._primitives.tube[row])
        pair, ray = (t < rays.reach[packet]).nonzero(as_tuple=True)
        found = (t[pair, ray].view(torch.int32).long() << ROW_BITS) | row[pair]
        keys.view(-1).scatter_reduce_(0, packet[pair] * keys.shape[1] + ray, found, "amin")


def _parts(rays: Rays) -> Iterator[Rays]:
    """Not more at once than memory, or a core's cache, holds well."""
    packets = PACKETS_AT_ONCE.get(rays.reach.device.type, PACKETS_AT_ONCE["cpu"])
    for first in range(0, len(rays.reach), packets):
        part = slice(first, first + packets)
        yield Rays(rays.origin[part], rays.direction[part], rays.reach[part])
