"""A LiDAR that turns on a vehicle's roof, seen through the camera beside it: a few lines of returns in the picture.

The LiDAR is taken to sit at the camera's centre; what only one of the two sees is left out.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from train.simulation.simulated import SimulatedDepth

NOTHING = torch.inf  # stands for "no return" where the nearest return is looked for


@dataclass(frozen=True)
class Beams:
    """The fan of one kind of LiDAR, elevations in degrees above the horizon, evenly spaced."""

    count: int
    lowest_deg: float
    highest_deg: float


# After the data sheets of the LiDARs that drives are recorded with.
KINDS = (Beams(16, -15.0, 15.0), Beams(32, -30.67, 10.67), Beams(64, -24.8, 2.0))


@dataclass(frozen=True)
class Vehicle:
    """A ``Simulation`` that needs ``K``; each picture is seen by one of the kinds, mounted a little askew."""

    size: tuple[int, int] = (192, 320)  # of the map; 192 rows have the prompts from real sweeps
    kinds: tuple[Beams, ...] = KINDS
    pitch_deg: float = 1.0  # standard deviation of the mount's
    most_skipped: int = 3  # of each so many columns of the map one is kept, from all to one in this many
    kept_share: tuple[float, float] = (0.5, 1.0)  # of returns, near ones
    noise: float = 0.02  # metres, standard deviation
    reach: float = 120.0  # metres; the sky and what is beyond give no return
    fades_at: float = 50.0  # metres; of returns at d a share of ((d - fades_at) / fades_over)^3 is lost
    fades_over: float = 30.0  # metres

    def __call__(
        self,
        image: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        generator: torch.Generator,
        K: Float[Tensor, "b 3 3"] | None = None,
    ) -> SimulatedDepth:
        """Zero but where a beam came back; of several returns in a pixel the nearest counts."""
        if K is None:
            raise ValueError("beams have directions of their own: the vehicle's LiDAR needs K of the pictures")
        count, (height, width) = len(depth), depth.shape[-2:]
        rows, columns = self.size
        elevation, present = self._elevations(count, depth.device, generator)
        column = (torch.arange(columns, device=depth.device) + 0.5) * (width / columns) - 0.5
        row = rows_of_beams(elevation, column, K)  # (b, beams, w) in pixels of the picture
        seen, inside = _depth_at(depth[:, 0], row, column)
        returned = inside & present[:, :, None] & self._comes_back(seen, generator)
        measured = seen + self.noise * torch.randn(seen.shape, generator=generator, device=seen.device)
        measured = torch.where(returned, measured.clamp(min=1e-2), NOTHING)
        target = ((row + 0.5) * (rows / height) - 0.5).round().clamp(0, rows - 1).long()
        sparse = torch.full((count, rows, columns), NOTHING, device=depth.device)
        sparse = sparse.scatter_reduce(1, target, measured, "amin")[:, None]
        found = sparse.isfinite()
        return SimulatedDepth(torch.where(found, sparse, 0.0), found.to(torch.uint8) * 2)

    def _elevations(
        self, count: int, device: torch.device, generator: torch.Generator
    ) -> tuple[Float[Tensor, "b n"], Bool[Tensor, "b n"]]:
        """Radians above the optical axis of each picture's beams, padded to the most beams; which there are."""
        most = max(kind.count for kind in self.kinds)
        steps = torch.arange(most, device=device)
        fans = [torch.linspace(kind.lowest_deg, kind.highest_deg, kind.count, device=device) for kind in self.kinds]
        padded = torch.stack([torch.nn.functional.pad(fan, (0, most - len(fan))) for fan in fans])
        counts = torch.tensor([kind.count for kind in self.kinds], device=device)
        which = torch.randint(len(self.kinds), (count,), generator=generator, device=device)
        pitch = self.pitch_deg * torch.randn(count, 1, generator=generator, device=device)
        return torch.deg2rad(padded[which] + pitch), steps[None] < counts[which][:, None]

    def _comes_back(self, depth: Float[Tensor, "b n w"], generator: torch.Generator) -> Bool[Tensor, "b n w"]:
        count, _, width = depth.shape
        device = depth.device
        least, greatest = self.kept_share
        share = least + (greatest - least) * torch.rand(count, 1, 1, generator=generator, device=device)
        fades = ((depth - self.fades_at) / self.fades_over).clamp(0, 1) ** 3
        kept = torch.rand(depth.shape, generator=generator, device=device) < share * (1 - fades)
        every = torch.randint(1, self.most_skipped + 1, (count, 1, 1), generator=generator, device=device)
        first = torch.randint(self.most_skipped, (count, 1, 1), generator=generator, device=device)
        column = torch.arange(width, device=device)
        return kept & ((column + first) % every == 0) & (depth > 0) & (depth < self.reach)


def rows_of_beams(
    elevation: Float[Tensor, "b n"], column: Float[Tensor, " w"], K: Float[Tensor, "b 3 3"]
) -> Float[Tensor, "b n w"]:
    """The picture's row at which each beam crosses each column: beams are cones, ``-y = tan(e) sqrt(x^2 + z^2)``."""
    fx, fy, cx, cy = (K[:, i, j].to(column.dtype)[:, None, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    sideways = (column - cx) / fx
    return cy - fy * torch.tan(elevation)[:, :, None] * torch.sqrt(1 + sideways**2)


def _depth_at(
    depth: Float[Tensor, "b H W"], row: Float[Tensor, "b n w"], column: Float[Tensor, " w"]
) -> tuple[Float[Tensor, "b n w"], Bool[Tensor, "b n w"]]:
    """Depth of the nearest pixels, and whether they are in the picture."""
    height, width = depth.shape[-2:]
    nearest_row, nearest_column = row.round(), column.round().clamp(0, width - 1).long()
    inside = (nearest_row >= 0) & (nearest_row < height)
    number = nearest_row.clamp(0, height - 1).long() * width + nearest_column
    return depth.flatten(1).gather(1, number.flatten(1)).view(row.shape), inside
