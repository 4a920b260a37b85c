"""Rays in packets of neighbours, and boxes in a tree: which packet may meet which box, without loops over either."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

BRANCHES = 8  # of a node
FAR = 1e30  # stands for infinity where infinity times zero must be zero
SLACK = 1e-4  # metres that boxes grow, against rounding


@dataclass(frozen=True, eq=False)
class Rays:
    """``origin + t * direction`` for 0 < t < ``reach``."""

    origin: Float[Tensor, "k 3 r"]
    direction: Float[Tensor, "k 3 r"]
    reach: Float[Tensor, "k r"]

    def split(self, packet: Bool[Tensor, " k"], size: int) -> "Rays":
        """The rays of the packets that are marked, in packets of ``size``."""
        origin, direction = (
            v[packet].view(-1, 3, v.shape[2] // size, size).transpose(1, 2).flatten(0, 1)
            for v in (self.origin, self.direction)
        )
        return Rays(origin, direction, self.reach[packet].reshape(-1, size))

    def bounds(self) -> Float[Tensor, "k 19"]:
        """Of each packet: lowest and highest origin; the inverse of the greatest and the least speed along each
        axis up and down, ``FAR`` where there is none; and the longest reach. Rays without reach do not count."""
        live = (self.reach > 0)[:, None]
        slowest, fastest = _extremes(self.direction, live)
        speeds = [_inverse(speed) for speed in (fastest, -slowest, slowest, -fastest)]
        return torch.cat([*_extremes(self.origin, live), *speeds, self.reach.amax(1, keepdim=True)], dim=1)


@dataclass(frozen=True, eq=False)
class BoxTree:
    """A complete tree of ``BRANCHES`` branches over boxes, each node as large as its children together."""

    levels: tuple[Float[Tensor, "_ 6"], ...]  # from below the root down: low and high corners
    rows: Int[Tensor, " leaves"]  # the box at each leaf; -1 for none

    @classmethod
    def over(cls, low: Float[Tensor, "p 3"], high: Float[Tensor, "p 3"]) -> "BoxTree":
        """Boxes that are near each other share nodes: halved again and again at the median."""
        device, count = low.device, len(low)
        depth = max(1, int(np.ceil(np.log(max(count, 1)) / np.log(BRANCHES) - 1e-9)))
        rows = _halved(((low + high) / 2).cpu().numpy(), BRANCHES**depth)
        nodes = np.full((len(rows), 6), np.float32(FAR))
        nodes[:, 3:] = -FAR
        filled = rows >= 0
        nodes[filled, :3] = low.cpu().numpy()[rows[filled]] - SLACK
        nodes[filled, 3:] = high.cpu().numpy()[rows[filled]] + SLACK
        levels = [nodes]
        while len(levels[0]) > BRANCHES:
            children = levels[0].reshape(-1, BRANCHES, 6)
            levels.insert(0, np.concatenate([children[..., :3].min(1), children[..., 3:].max(1)], axis=1))
        return cls(tuple(torch.from_numpy(level).to(device) for level in levels), torch.from_numpy(rows).to(device))

    def candidates(self, rays: Rays, most: int) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Bool[Tensor, " k"]]:
        """Pairs of packet and box that may meet; no pair that does is missing.

        Left out, and marked, are packets that come upon more than ``most`` nodes at once.
        """
        bounds = rays.bounds()
        packet = torch.arange(len(bounds), device=bounds.device)
        node = torch.zeros_like(packet)
        branch = torch.arange(BRANCHES, device=bounds.device)
        loose = torch.zeros(len(bounds), dtype=torch.bool, device=bounds.device)
        for level in self.levels:
            children = node[:, None] * BRANCHES + branch
            reached = _may_meet(bounds[packet], level.view(-1, BRANCHES, 6)[node])
            packet, node = packet[:, None].expand_as(children)[reached], children[reached]
            loose |= torch.bincount(packet, minlength=len(bounds)) > most
            tight = ~loose[packet]
            packet, node = packet[tight], node[tight]
        return packet, self.rows[node], loose


def _extremes(
    values: Float[Tensor, "k 3 r"], live: Bool[Tensor, "k 1 r"]
) -> tuple[Float[Tensor, "k 3"], Float[Tensor, "k 3"]]:
    return torch.where(live, values, FAR).amin(2), torch.where(live, values, -FAR).amax(2)


def _inverse(speed: Float[Tensor, "k 3"]) -> Float[Tensor, "k 3"]:
    return torch.where(speed > 0, 1 / speed, FAR).clamp(max=FAR)


def _may_meet(packet: Float[Tensor, "n 19"], boxes: Float[Tensor, "n c 6"]) -> Bool[Tensor, "n c"]:
    """Interval arithmetic on slabs: no ray of the packet arrives earlier or leaves later than this."""
    lowest, highest, quick_up, quick_down, slow_up, slow_down, reach = torch.split(packet[:, None], [3] * 6 + [1], -1)
    low, high = boxes[..., :3], boxes[..., 3:]
    arrive = torch.maximum((low - highest).clamp(min=0) * quick_up, (lowest - high).clamp(min=0) * quick_down)
    leave = torch.minimum((high - lowest).clamp(min=SLACK) * slow_up, (highest - low).clamp(min=SLACK) * slow_down)
    last = torch.minimum(leave.amin(-1), reach[..., 0])
    return (arrive.amax(-1) <= last * (1 + 1e-5)) & (last > 0)


def _halved(centres: Float[np.ndarray, "p 3"], leaves: int) -> Int[np.ndarray, " leaves"]:
    """Rows in an order of which every aligned run of a power of two is compact; -1 at the ends of runs."""
    rows = np.full(leaves, -1)
    rows[: len(centres)] = np.arange(len(centres))
    padded = np.concatenate([centres, np.full((1, 3), np.nan)])  # that -1 refers to
    length = leaves
    while length > 1:
        runs = padded[rows].reshape(-1, length, 3)
        held = np.isfinite(runs[..., 0])
        spread = np.where(held[..., None], runs, -np.inf).max(1) - np.where(held[..., None], runs, np.inf).min(1)
        axis = np.nan_to_num(spread, neginf=0).argmax(axis=1)
        key = np.take_along_axis(runs, axis[:, None, None], axis=2)[..., 0]
        order = np.argsort(key, axis=1, kind="stable")  # NaN comes last
        rows = np.take_along_axis(rows.reshape(-1, length), order, axis=1).reshape(-1)
        length //= 2
    return rows
