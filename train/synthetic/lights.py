"""Lamps, the sun and the sky as rays find them."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from train.synthetic.meetings import Meetings
from train.synthetic.packets import Rays
from train.synthetic.primitives import Primitives
from train.synthetic.scene import Scene
from train.synthetic.surface_points import SurfacePoints

SUN_AWAY = 1.5e3  # metres from the middle of the scene to a lamp that stands for the sun
LIFTED = 4e-4  # metres that a ray starts above the surface it leaves
AROUND = 0.02  # metres beyond its box within which a lamp counts as inside
PER_METRE = 1e-5  # that it starts higher in large scenes, for float32's sake


class Lights:
    """What lights a scene directly; the sun is one more lamp, far away."""

    def __init__(self, scene: Scene, primitives: Primitives) -> None:
        device = primitives.kind.device
        middle = ((primitives.low.amin(0) + primitives.high.amax(0)) / 2).cpu().numpy()
        rows = [[*lamp.position, *lamp.power, lamp.radius] for lamp in scene.lamps]
        if scene.sun is not None:
            away = middle + SUN_AWAY * scene.sun.direction
            rows.append([*away, *(scene.sun.irradiance * SUN_AWAY**2), np.tan(scene.sun.angle) * SUN_AWAY])
        table = torch.tensor(np.array(rows, np.float64).reshape(-1, 7), dtype=torch.float32, device=device)
        self.position, self.power, self.radius = table[:, :3], table[:, 3:6], table[:, 6]
        self._sky = torch.tensor(np.stack([scene.sky.horizon, scene.sky.zenith]), dtype=torch.float32, device=device)
        # Primitives around a lamp: their glow is the lamp's light, which must not count twice.
        low, high = primitives.low[:, None] - AROUND, primitives.high[:, None] + AROUND
        inside = ((self.position > low) & (self.position < high)).all(-1)
        self.enclosed = inside.any(-1) & ~primitives.shades

    def __len__(self) -> int:
        return len(self.position)

    def sky(self, direction: Float[Tensor, "k 3 r"]) -> Float[Tensor, "k 3 r"]:
        """Radiance from there."""
        height = (direction[:, 1:2] / direction.norm(dim=1, keepdim=True)).clamp(0, 1)
        horizon, zenith = self._sky[:, None, :, None]
        return torch.lerp(horizon, zenith, height)

    def arriving(
        self, points: SurfacePoints, light: Int[Tensor, " k"], meetings: Meetings, generator: torch.Generator
    ) -> tuple[Float[Tensor, "k 3 r"], Float[Tensor, "k 3 r"]]:
        """Irradiance from one light for each packet, and the unit vector towards it.

        Every ray starts at a random point of the lamp's ball, which softens shadows; rays that start close together
        stay close.
        """
        ball = torch.randn(points.place.shape, generator=generator, device=points.place.device)
        ball = ball / ball.norm(dim=1, keepdim=True).clamp(min=1e-6)
        towards = self.position[light][..., None] + self.radius[light][:, None, None] * ball - points.place
        distance = towards.norm(dim=1, keepdim=True).clamp(min=1e-3)
        unit = towards / distance
        facing = (unit * points.normal).sum(1, keepdim=True).clamp(min=0)
        lit = points.met & (facing[:, 0] > 0) & ((unit * points.face).sum(1) > 0)
        end = lifted(points.place, points.face)
        start = points.place + towards
        rays = Rays(start, end - start, lit.float())
        seen = lit & ~meetings.blocked(rays)
        return self.power[light][..., None] * facing / distance**2 * seen[:, None], unit


def lifted(place: Float[Tensor, "k 3 r"], face: Float[Tensor, "k 3 r"]) -> Float[Tensor, "k 3 r"]:
    """Where rays start that leave the surface."""
    return place + (LIFTED + PER_METRE * place.abs().amax(dim=1, keepdim=True)) * face
