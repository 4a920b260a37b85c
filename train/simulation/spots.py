"""Where a phone's LiDAR fires its spots, with the spots around each pixel looked up beforehand."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Int8, Int32
from scipy.spatial import cKDTree
from torch import Tensor

POOL_SIZE = 256  # patterns; enough that a network cannot learn them
FARTHEST_PX = 127  # rows or columns from a pixel to its spots: kept in 8 bits
_POOL_SEED = 0x5B07  # the pool is a table of constants, the same in every process


@dataclass(frozen=True)
class SpotGrid:
    """How the spots are laid out, in pixels of the sensor's map; pairs are ranges that patterns are drawn from."""

    stride: tuple[float, float]  # between neighbours
    distortion: tuple[float, float]  # c of r -> r + c r^3 around the centre, per square pixel
    jitter: tuple[float, float]  # standard deviation of each spot's place
    fringe: tuple[float, float] = (0.0, 0.0)  # border that the emitter does not reach
    staggered: bool = True  # every second row is moved by half a stride

    def __post_init__(self) -> None:
        for name in ("stride", "distortion", "jitter", "fringe"):
            least, greatest = getattr(self, name)
            if not 0 <= least <= greatest:
                raise ValueError(f"SpotGrid.{name} is {least, greatest}; give a range of numbers from 0 up")
        if self.stride[0] < 1:
            raise ValueError(f"SpotGrid.stride begins at {self.stride[0]}; spots are at least a pixel apart")


@dataclass(frozen=True, eq=False)
class SpotPatterns:
    """Patterns of spots on one grid of pixels; each pixel with its nearest spots, the nearest first."""

    size: tuple[int, int]
    offsets: Int8[Tensor, "n p k 2"]  # rows and columns from a pixel to a spot

    def draw(self, count: int, generator: torch.Generator) -> "Neighbours":
        """Of patterns chosen at random."""
        chosen = torch.randint(len(self.offsets), (count,), generator=generator, device=generator.device)
        return Neighbours(self.size, self.offsets[chosen])


@dataclass(frozen=True, eq=False)
class Neighbour:
    """One of the spots around each pixel of a batch of maps."""

    pixel: Int32[Tensor, " n"]  # the spot's own pixel, numbered through the whole batch; n is b h w
    rows: Float[Tensor, "b p"]  # pixels down from the pixel to the spot
    columns: Float[Tensor, "b p"]  # pixels to the right


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The spots around each pixel of a batch of maps."""

    size: tuple[int, int]
    offsets: Int8[Tensor, "b p k 2"]

    def __iter__(self) -> Iterator[Neighbour]:
        """The nearest first; one at a time, which a processor's cache holds."""
        count, pixels, neighbours, _ = self.offsets.shape
        pixel = torch.arange(count * pixels, dtype=torch.int32, device=self.offsets.device)
        for which in range(neighbours):
            rows, columns = self.offsets[:, :, which].int().unbind(-1)
            yield Neighbour(pixel + (rows * self.size[1] + columns).flatten(), rows.float(), columns.float())


def draw_spots(grid: SpotGrid, size: tuple[int, int], rng: np.random.Generator) -> Int[np.ndarray, "n 2"]:
    """Rows and columns of one pattern's spots, each pixel at most once; at least one spot."""
    stride, distortion, jitter, fringe = (
        rng.uniform(*between) for between in (grid.stride, grid.distortion, grid.jitter, grid.fringe)
    )
    height, width = size
    reach = int(np.ceil(np.hypot(height, width) / 2 / stride)) + 1
    number = np.arange(-reach, reach + 1)
    y, x = np.meshgrid(number * stride, number * stride, indexing="ij")
    x = x + (number % 2)[:, None] * (stride / 2 if grid.staggered else 0.0)
    y, x = y + rng.uniform(0, 2 * stride), x + rng.uniform(0, stride)  # 2: rows repeat after two strides
    outwards = 1 + distortion * (x**2 + y**2)
    rows = y * outwards + rng.normal(0, 1, y.shape) * jitter + (height - 1) / 2
    columns = x * outwards + rng.normal(0, 1, x.shape) * jitter + (width - 1) / 2
    spots = np.rint(np.stack([rows.ravel(), columns.ravel()], axis=1)).astype(np.int64)
    inside = ((spots >= fringe) & (spots <= np.array(size) - 1 - fringe)).all(axis=1)
    middle = np.array([[height // 2, width // 2]])  # of a map smaller than the stride
    return np.unique(spots[inside], axis=0) if inside.any() else middle


def make_patterns(
    grid: SpotGrid, size: tuple[int, int], neighbours: int, count: int, rng: np.random.Generator
) -> SpotPatterns:
    """Draws patterns and looks up each pixel's nearest spots; a pattern with fewer repeats its farthest."""
    pixels = np.indices(size).reshape(2, -1).T
    offsets = np.empty((count, len(pixels), neighbours, 2), np.int8)
    for pattern in range(count):
        spots = draw_spots(grid, size, rng)
        found = np.minimum(np.arange(1, neighbours + 1), len(spots))
        _, which = cKDTree(spots).query(pixels, k=found, workers=-1)
        away = spots[which] - pixels[:, None]
        if np.abs(away).max() > FARTHEST_PX:
            raise ValueError(f"spots are {np.abs(away).max()} pixels from a pixel of the map; at most {FARTHEST_PX}")
        offsets[pattern] = away
    return SpotPatterns(size, torch.from_numpy(offsets))


@functools.lru_cache(maxsize=8)
def pattern_pool(
    grid: SpotGrid, size: tuple[int, int], neighbours: int, device: torch.device, count: int = POOL_SIZE
) -> SpotPatterns:
    """The same patterns at every call; the first takes seconds, and 0.1 GB for 256 of 192x256 with 4 neighbours."""
    if device.type != "cpu":
        made = pattern_pool(grid, size, neighbours, torch.device("cpu"), count)
        return SpotPatterns(size, made.offsets.to(device))
    return make_patterns(grid, size, neighbours, count, np.random.default_rng(_POOL_SEED))
