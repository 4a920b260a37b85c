"""Pictures and exact depth of a scene by casting rays in torch, on whatever device it runs."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from train.synthetic.indirect import Gatherer, IndirectLight
from train.synthetic.lights import Lights, lifted
from train.synthetic.meetings import Meetings
from train.synthetic.packets import Rays
from train.synthetic.primitives import primitives
from train.synthetic.scene import Rendered, Scene, View
from train.synthetic.screen import SIDE, primary_rays, to_image, to_packets
from train.synthetic.surface_points import SurfacePoints, Surfaces

# Of a pixel, in pixels from its centre; the first gives the depth.
SAMPLES = ((0.0, 0.0), (-0.31, 0.19), (0.22, 0.33), (0.12, -0.37))
GLOSSY = 0.02  # share of mirrored light below which none is cast


class RayCaster:
    """A scene ready for any number of views.

    Direct light of every lamp with soft shadows, one bounce from all around, further bounces as a constant, and one
    mirrored ray where a surface is glossy. What shines casts no shadow, for lamps stand inside their shades.
    """

    def __init__(self, scene: Scene, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        table = primitives(scene.objects).to(self._device)
        self.primitives = len(table.kind)
        self._meetings = Meetings(table)
        self._surfaces = Surfaces(table, scene.objects)
        self._lights = Lights(scene, table)
        self._gatherer = Gatherer(self._surfaces, self._meetings, self._lights)

    def render(self, view: View, seed: int) -> Rendered:
        """The same seed gives the same picture."""
        generator = torch.Generator(self._device).manual_seed(seed)
        radiance, depth = self.render_batch([view], generator)
        return Rendered(radiance[0].permute(1, 2, 0).cpu().numpy(), depth[0, 0].cpu().numpy())

    @torch.no_grad()
    def render_batch(
        self, views: Sequence[View], generator: torch.Generator
    ) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 1 h w"]]:
        """Linear radiance and z-depth (0 where nothing is met) of views of one size, on the caster's device.

        Raises:
            ValueError: views of different sizes.
        """
        sizes = {(view.camera.height, view.camera.width) for view in views}
        if len(sizes) != 1:
            raise ValueError(f"views of the sizes {sorted(sizes)}; a batch must have one")
        ((height, width),) = sizes
        total = torch.zeros((), device=self._device)
        indirect: IndirectLight | None = None
        for offset in SAMPLES:
            rays, spread = primary_rays(views, offset, self._device)
            hits = self._meetings.first(rays)
            seen = torch.where(hits.t < math.inf, hits.t, 0)
            points = self._surfaces.at(rays, hits, seen * spread.repeat_interleave(len(seen) // len(views))[:, None])
            rows, columns = -(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE
            depth, normal = to_image(seen[:, None], rows, columns), to_image(points.normal, rows, columns)
            if indirect is None:
                first_depth = depth[..., :height, :width]
                place, face = to_image(points.place, rows, columns), to_image(points.face, rows, columns)
                indirect = self._gatherer.gather(place, normal, face, depth, generator)
            around = to_packets(indirect.at(normal, depth))
            constant = indirect.mean.repeat_interleave(len(seen) // len(views), dim=0)[..., None]
            light = self._shade(rays, points, around, constant, generator)
            total = total + to_image(light, height, width)
        return total / len(SAMPLES), first_depth

    def _shade(
        self,
        rays: Rays,
        points: SurfacePoints,
        around: Float[Tensor, "k 3 r"],
        constant: Float[Tensor, "k 3 1"],
        generator: torch.Generator,
    ) -> Float[Tensor, "k 3 r"]:
        """Radiance along the rays back to their origins."""
        back = -rays.direction / rays.direction.norm(dim=1, keepdim=True)
        mirrored_share = _fresnel(points, back)
        matte, glint = around, torch.zeros_like(around)
        for number in range(len(self._lights)):
            light = torch.full((len(around),), number, device=self._device)
            arriving, towards = self._lights.arriving(points, light, self._meetings, generator)
            matte = matte + arriving
            glint = glint + arriving * _lobe(points, back, towards)[:, None]
        radiance = (1 - mirrored_share) * points.albedo * matte / math.pi + mirrored_share * glint
        radiance = radiance + points.albedo * points.emission[:, None]
        radiance = radiance + self._mirrored(points, back, mirrored_share, constant, generator)
        return torch.where(points.met[:, None], radiance, self._lights.sky(rays.direction))

    def _mirrored(
        self,
        points: SurfacePoints,
        back: Float[Tensor, "k 3 r"],
        share: Float[Tensor, "k 1 r"],
        constant: Float[Tensor, "k 3 1"],
        generator: torch.Generator,
    ) -> Float[Tensor, "k 3 r"]:
        """What glossy surfaces mirror, in the light that is everywhere; packets without any are left out."""
        light = torch.zeros_like(back)
        chosen = ((share[:, 0] > GLOSSY) & points.met).any(dim=1).nonzero()[:, 0]
        if not len(chosen):
            return light
        normal, back, face = points.normal[chosen], back[chosen], points.face[chosen]
        blur = (points.roughness[chosen] ** 2)[:, None]
        towards = 2 * (normal * back).sum(1, keepdim=True) * normal - back
        jitter = torch.randn((len(chosen), 3, 1), generator=generator, device=towards.device)
        towards = towards + 0.3 * blur * jitter  # alike in a packet, so that its rays stay together
        below = (towards * face).sum(1, keepdim=True)
        towards = towards - (below - 0.01).clamp(max=0) * face  # not into the surface
        needed = (share[chosen, 0] > GLOSSY) & points.met[chosen]
        rays = Rays(lifted(points.place[chosen], face), towards, torch.where(needed, math.inf, 0.0))
        hits = self._meetings.first(rays)
        width = hits.t.clamp(max=100.0) * (blur[:, 0] + 0.01)
        seen = self._surfaces.at(rays, hits, width)
        ambient = seen.albedo * (constant[chosen] / math.pi + seen.emission[:, None])
        found = torch.where(seen.met[:, None], ambient, self._lights.sky(towards))
        light[chosen] = share[chosen] * found * needed[:, None]
        return light


def _fresnel(points: SurfacePoints, back: Float[Tensor, "k 3 r"]) -> Float[Tensor, "k 1 r"]:
    """Share of the light that is mirrored: the gloss, more at grazing angles on smooth things (Schlick 1994)."""
    cosine = (points.normal * back).sum(1).clamp(0, 1)
    smooth = (1 - points.roughness).clamp(min=0) * (points.gloss > 0)
    return (points.gloss + (1 - points.gloss) * smooth * (1 - cosine) ** 5)[:, None]


def _lobe(points: SurfacePoints, back: Float[Tensor, "k 3 r"], towards: Float[Tensor, "k 3 r"]) -> Float[Tensor, "k r"]:
    """Radiance of a lamp's reflection for each irradiance: Blinn's lobe, normalised."""
    half = back + towards
    half = half / half.norm(dim=1, keepdim=True).clamp(min=1e-6)
    power = 2 / points.roughness.clamp(min=0.15) ** 4 - 2
    return (power + 8) / (8 * math.pi) * (half * points.normal).sum(1).clamp(min=0) ** power.clamp(min=1)
