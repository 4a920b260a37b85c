"""Light that comes from the sky or by way of other surfaces, at half the picture's resolution."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from train.synthetic.lights import Lights, lifted
from train.synthetic.meetings import Meetings
from train.synthetic.packets import Rays
from train.synthetic.screen import from_woven, to_woven
from train.synthetic.surface_points import Surfaces

WEAVE = 4  # pixels of each square of so many a side look in different directions, and share what they found
ROUNDS = 4  # directions of each pixel
NEAR_IS_DARK = 0.25  # metres; a surface nearer than about this is shaded by the very point that looks at it
SAME_PLANE = 0.02  # metres for each metre of depth, within which points share their light
BLUNT = 0.05  # metres for each metre, width of a ray that only gathers light
TAPS = (1, 2, 2, 2, 1)  # of a smoothing pass; every place of the weave counts alike
SMOOTHING = (1, 2)  # pixels between the taps of each pass


@dataclass(frozen=True, eq=False)
class IndirectLight:
    """Irradiance of every second pixel, with what tells whose light another point may take."""

    irradiance: Float[Tensor, "b 3 h w"]
    normal: Float[Tensor, "b 3 h w"]
    depth: Float[Tensor, "b 1 h w"]
    mean: Float[Tensor, "b 3"]  # over the picture

    def at(self, normal: Float[Tensor, "b 3 H W"], depth: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 3 H W"]:
        """Of points seen at the full resolution, from neighbours on the same surface."""
        rows, columns = depth.shape[-2:]
        total = torch.full_like(depth, 1e-4)
        light = 1e-4 * self.mean[:, :, None, None]
        for dv in (0, 1):
            for du in (0, 1):
                v = ((torch.arange(rows, device=depth.device) + dv) // 2).clamp(max=self.depth.shape[-2] - 1)
                u = ((torch.arange(columns, device=depth.device) + du) // 2).clamp(max=self.depth.shape[-1] - 1)
                row, column = torch.meshgrid(v, u, indexing="ij")
                weight = _alike(normal, depth, self.normal[:, :, row, column], self.depth[:, :, row, column])
                total = total + weight
                light = light + weight * self.irradiance[:, :, row, column]
        return light / total


class Gatherer:
    """One bounce, found by rays; further bounces as a constant that near surfaces take away."""

    def __init__(self, surfaces: Surfaces, meetings: Meetings, lights: Lights) -> None:
        self._surfaces, self._meetings, self._lights = surfaces, meetings, lights

    def gather(
        self,
        place: Float[Tensor, "b 3 H W"],
        normal: Float[Tensor, "b 3 H W"],
        face: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        generator: torch.Generator,
    ) -> IndirectLight:
        """For points seen by the picture's pixels; of unknown depth (0) where there are none."""
        known = (depth > 0).float()
        halves = [image[:, :, ::2, ::2] for image in (place, normal, face, known)]
        woven = to_woven(torch.cat(halves, dim=1), WEAVE)
        first, reflected = self._bounced(woven[:, :3], woven[:, 3:6], woven[:, 6:9], woven[:, 9:], generator)
        b, _, h, w = halves[0].shape
        total = woven[:, 9:].reshape(b, -1).sum(1).clamp(min=1)[:, None]
        mean, share = ((each * woven[:, 9:]).transpose(1, 2).reshape(b, -1, 3).sum(1) / total
                       for each in (first, reflected))  # fmt: skip
        constant = mean / (1 - share.clamp(max=0.8))  # the sum of all further bounces
        light = first + reflected * constant.repeat_interleave(len(first) // b, dim=0)[..., None]
        image = from_woven(light, WEAVE, h, w)
        known_half, normal_half, depth_half = halves[3], halves[1], depth[:, :, ::2, ::2]
        for step in SMOOTHING:
            image = _smoothed(image, normal_half, depth_half, known_half, step)
        return IndirectLight(image, normal_half, depth_half, constant)

    def _bounced(
        self,
        place: Float[Tensor, "k 3 r"],
        normal: Float[Tensor, "k 3 r"],
        face: Float[Tensor, "k 3 r"],
        known: Float[Tensor, "k 1 r"],
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, "k 3 r"], Float[Tensor, "k 3 r"]]:
        """Irradiance after one bounce or from the sky, and how much a point would get back of a uniform light."""
        sphere = _turned(_even_directions(WEAVE**2 * ROUNDS), generator).view(ROUNDS, WEAVE**2, 3)
        start = lifted(place, face)
        first, reflected = torch.zeros_like(place), torch.zeros_like(place)
        for directions in sphere:
            towards = directions.repeat(len(place) // WEAVE**2, 1)[..., None].expand_as(place)
            cosine = (towards * normal).sum(1, keepdim=True).clamp(min=0) * known
            cosine = cosine * ((towards * face).sum(1, keepdim=True) > 0)
            rays = Rays(start, towards, torch.where(cosine[:, 0] > 0, math.inf, 0.0))
            arriving, back = self._radiance(rays, generator)
            first += 4 / ROUNDS * cosine * arriving  # of directions from a whole sphere, each stands for 4 pi
            reflected += 4 / ROUNDS * cosine * back
        return first, reflected

    def _radiance(
        self, rays: Rays, generator: torch.Generator
    ) -> tuple[Float[Tensor, "k 3 r"], Float[Tensor, "k 3 r"]]:
        """Radiance times pi, and the share of further bounces."""
        hits = self._meetings.first(rays)
        distance = hits.t * rays.direction.norm(dim=1)
        points = self._surfaces.at(rays, hits, BLUNT * distance.clamp(max=100.0))
        light = torch.zeros_like(points.place)
        count = len(self._lights)
        if count:
            chosen = torch.randint(count, (len(light),), generator=generator, device=light.device)
            arriving, _ = self._lights.arriving(points, chosen, self._meetings, generator)
            light = count * points.albedo * arriving
        light = light + math.pi * points.albedo * (points.emission * ~self._lights.enclosed[hits.row])[:, None]
        met = points.met[:, None]
        light = torch.where(met, light, math.pi * self._lights.sky(rays.direction))
        open_share = (distance / (distance + NEAR_IS_DARK)).nan_to_num(1.0)[:, None]
        return light, torch.where(met, points.albedo * open_share, 0.0)


def _even_directions(count: int) -> Float[np.ndarray, "count 3"]:
    """Points of a sphere in a spiral of the golden angle, shuffled so that any few of them are spread."""
    i = np.arange(count) + 0.5
    y, angle = 1 - 2 * i / count, i * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(1 - y**2)
    spiral = np.stack([ring * np.cos(angle), y, ring * np.sin(angle)], axis=1)
    return spiral[np.random.default_rng(0).permutation(count)].astype(np.float32)


def _turned(directions: Float[np.ndarray, "n 3"], generator: torch.Generator) -> Float[Tensor, "n 3"]:
    """By a random rotation."""
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, device=generator.device))
    return torch.from_numpy(directions).to(generator.device) @ turn


def _smoothed(
    light: Float[Tensor, "b 3 h w"], normal: Float[Tensor, "b 3 h w"], depth: Float[Tensor, "b 1 h w"],
    known: Float[Tensor, "b 1 h w"], step: int,
) -> Float[Tensor, "b 3 h w"]:  # fmt: skip
    """Averaged over 5x5 taps on the same surface (a pass of the edge-avoiding a-trous wavelet, Dammertz 2010)."""
    stack = F.pad(torch.cat([light, normal, depth, known], dim=1), (2 * step,) * 4, mode="replicate")
    h, w = depth.shape[-2:]
    total, weights = torch.zeros_like(light), torch.zeros_like(depth)
    for v, v_weight in enumerate(TAPS):
        for u, u_weight in enumerate(TAPS):
            other = stack[:, :, v * step : v * step + h, u * step : u * step + w]
            weight = v_weight * u_weight * other[:, 7:] * _alike(normal, depth, other[:, 3:6], other[:, 6:7])
            total += weight * other[:, :3]
            weights += weight
    return torch.where(weights > 1e-3, total / weights.clamp(min=1e-3), light)


def _alike(
    normal: Float[Tensor, "b 3 h w"], depth: Float[Tensor, "b 1 h w"],
    other_normal: Float[Tensor, "b 3 h w"], other_depth: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, "b 1 h w"]:  # fmt: skip
    facing = (normal * other_normal).sum(1, keepdim=True).clamp(min=0) ** 8
    return facing * torch.exp(-((depth - other_depth) / (SAME_PLANE * depth + 1e-3)).abs())
