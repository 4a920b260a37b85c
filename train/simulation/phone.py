"""The whole phone: spots with their faults, filled by a guide, with a confidence for each pixel."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from train.simulation import faults
from train.simulation.device import PhoneDevice, draw_devices, measured_over_true
from train.simulation.filling import distance, planes
from train.simulation.resizing import fill_unknown, resize_depth, resize_image
from train.simulation.simulated import PHONE_SIZE, SimulatedDepth
from train.simulation.smoothing import gaussian_blur, laplace, slopes, smooth_noise
from train.simulation.spots import POOL_SIZE, Neighbours, SpotGrid, pattern_pool

# Two to three times as dense as what is fired at once: the phone adds up over time. 192x256 with 8.4 is 23 x 30 spots.
PHONE_GRID = SpotGrid(stride=(5.0, 9.0), distortion=(0.0, 1e-5), jitter=(0.1, 1.5), fringe=(0.0, 7.0))
FLICKER = 0.0015  # deviation of a map's log scale from the frame before
STRUCTURE_NOISE = 6.0  # how much more errs what lies amid steps
RIPPLE_PX = (9.0, 20.0, 120.0)  # between the knots of errors: beside structure, in doubt, everywhere
NEAREST = 0.05  # metres
NO_SAY = 60.0  # exp(-60) is still a number in single precision: of spots that all differ, each has a say
BLUR_PX = 1.0  # of the whole map at the end, where the phone has it
DOUBT_NOISE = 0.04  # log depth, where the filling is unsure altogether
FINE_NOISE = 0.0002  # log depth, of each pixel by itself
MEDIUM, LOW = 0.4, 0.75  # doubt at which confidence falls from 2 to 1, and from 1 to 0


@dataclass(frozen=True)
class Phone:
    """A ``Simulation``: each picture is taken by another phone."""

    size: tuple[int, int] = PHONE_SIZE
    grid: SpotGrid = PHONE_GRID
    neighbours: int = 7
    patterns: int = POOL_SIZE

    def __call__(
        self,
        image: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        generator: torch.Generator,
        K: Float[Tensor, "b 3 3"] | None = None,
    ) -> SimulatedDepth:
        """Dense, as a phone's map is, unless nothing at all is known."""
        return self.measure(image, depth, draw_devices(len(depth), generator), generator)

    def measure(
        self,
        image: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        device: PhoneDevice,
        generator: torch.Generator,
    ) -> SimulatedDepth:
        """One frame of each phone; the next call gives the next frame's flicker."""
        low, true = resize_image(image, self.size), resize_depth(depth, self.size)
        whole = fill_unknown(true).clamp(min=NEAREST)
        edges_by = device.displacement * device.severity
        seen = torch.where(edges_by[:, None, None, None] > 0, faults.displaced(whole, edges_by, generator), whole)
        spots, sure = self._measured(low, seen * (true > 0), device, generator)
        pool = pattern_pool(self.grid, self.size, self.neighbours, true.device, self.patterns)
        filled = self._filled(low, seen, spots, pool.draw(len(true), generator), device)
        doubt = self._doubt(filled, sure, device, generator)
        reading = filled * _errors(filled, doubt, device, generator)
        reading = reading * measured_over_true(filled, device.bias * device.severity.clamp(max=1))
        clean = device.severity[:, None, None, None] == 0
        reading = torch.where(clean | (filled == 0), filled, faults.flattened(reading))
        return SimulatedDepth(reading, _confidence(doubt, reading))

    def _measured(
        self,
        image: Float[Tensor, "b 3 h w"],
        seen: Float[Tensor, "b 1 h w"],
        device: PhoneDevice,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 1 h w"]]:
        """What a spot at each pixel would read, 0 where lost; and 1 where one would be answered."""
        severity = device.severity
        mixed = faults.mixed_at_rims(seen, 0.3 * severity, generator)
        answered = (faults.answered(seen, image, severity, generator) & (seen > 0)).float()
        dark = (image.mean(1, keepdim=True) < faults.DARK).float()
        harder = 1 + dark + STRUCTURE_NOISE * faults.structure(seen) + (seen - 3.0).clamp(0, 4)
        scale = (severity * device.noise)[:, None, None, None] * harder
        return mixed * (scale * laplace(seen.shape, generator)).clamp(-0.3, 0.3).exp() * answered, answered

    def _filled(
        self,
        image: Float[Tensor, "b 3 h w"],
        seen: Float[Tensor, "b 1 h w"],
        spots: Float[Tensor, "b 1 h w"],
        around: Neighbours,
        device: PhoneDevice,
    ) -> Float[Tensor, "b 1 h w"]:
        """Every pixel's depth from its spots; planes stay planes: on them inverse depth is affine in the pixel."""
        count = len(seen)
        reach, colour, by_shape = (v[:, None] for v in (device.reach, device.colour, device.shape))
        values, colours, shape = spots.flatten(), planes(image), planes(seen.log())
        total, inverse, rows, columns = (torch.zeros_like(seen).view(count, -1) for _ in range(4))
        for spot in around:
            depth = values.index_select(0, spot.pixel).view(count, -1)
            away = (spot.rows.square() + spot.columns.square()) / (2 * reach.square())
            away += colour * distance(colours, spot.pixel).view(count, -1)
            away += by_shape * distance(shape, spot.pixel).view(count, -1)
            weight = away.clamp_(max=NO_SAY).neg_().exp_().masked_fill_(depth <= 0, 0.0)
            total += weight
            inverse += weight / depth.clamp(min=NEAREST)
            rows.addcmul_(weight, spot.rows)
            columns.addcmul_(weight, spot.columns)
        some = torch.where(total > 0, total, 1.0)
        mean = inverse / some
        down, right = slopes(1 / seen)
        tilt = device.plane[:, None] * (down.flatten(1) * rows + right.flatten(1) * columns) / some
        inverse = mean - torch.minimum(torch.maximum(tilt, -0.1 * mean), 0.1 * mean)
        filled = fill_unknown(torch.where(total > 0, 1 / inverse.clamp(min=1e-6), 0.0).view_as(seen))
        return torch.lerp(filled, gaussian_blur(filled, BLUR_PX), device.blur[:, None, None, None])

    def _doubt(
        self,
        filled: Float[Tensor, "b 1 h w"],
        answered: Float[Tensor, "b 1 h w"],
        device: PhoneDevice,
        generator: torch.Generator,
    ) -> Float[Tensor, "b 1 h w"]:
        """How little the phone trusts each pixel: steps, the border, range, lost spots, blobs."""
        count = len(filled)
        far = ((filled - 3.0) / 2.2).clamp(0, 1)
        lost = gaussian_blur(1 - answered, 4.0)
        blobs = faults.low_confidence_blobs(count, self.size, device.severity, generator)
        border = faults.fringe(self.size, count, generator)
        noise = 0.1 * smooth_noise(count, self.size, 14.0, generator)
        doubt = 0.75 * faults.near_steps(filled) + border + far + 1.2 * lost + 2 * blobs + noise
        return doubt * (device.severity > 0)[:, None, None, None]


def _errors(
    filled: Float[Tensor, "b 1 h w"],
    doubt: Float[Tensor, "b 1 h w"],
    device: PhoneDevice,
    generator: torch.Generator,
) -> Float[Tensor, "b 1 h w"]:
    """Factor by which a reading errs: scale of the frame, wide waves, and ripples where there is structure or doubt."""
    count, size = len(doubt), (doubt.shape[-2], doubt.shape[-1])
    flicker = FLICKER * torch.randn(count, generator=generator, device=doubt.device)
    scale = (device.scale + flicker)[:, None, None, None]
    near, middle, wide = (smooth_noise(count, size, spacing, generator) for spacing in RIPPLE_PX)
    ripple = device.ripple[:, None, None, None] * (wide + STRUCTURE_NOISE * faults.structure(filled) * (near + middle))
    unsure = middle * DOUBT_NOISE * ((doubt - MEDIUM / 2) / LOW).clamp(0, 1)
    fine = FINE_NOISE * torch.randn(doubt.shape, generator=generator, device=doubt.device)
    severity = device.severity[:, None, None, None]
    return (severity * (scale + ripple + unsure + fine)).clamp(-0.4, 0.4).exp()


def _confidence(doubt: Float[Tensor, "b 1 h w"], reading: Float[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 1 h w"]:
    level = 2 - (doubt > MEDIUM).to(torch.uint8) - (doubt > LOW).to(torch.uint8)
    return level * (reading > 0)
