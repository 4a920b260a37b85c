"""The faults of a phone's LiDAR, each a function of its own; maps are (b, 1, h, w), metres, 0 = unknown."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from train.simulation.smoothing import gaussian_blur, slopes, smooth_noise

FLATTENS_AT = 5.0  # metres
FLATTENS_BY = 3.0  # metres; nothing reads farther than this beyond FLATTENS_AT
DARK = 0.15  # of grey 0..1; darker surfaces answer weakly
BRIGHT = 0.92  # of the least colour channel; glare
FATTENED = 0.3  # of the deviation of an edge's displacement: how far the foreground grows on the average
WAVE_PX = 14.0  # between the knots of displacements along an edge
MOST_DISPLACED = 4.0  # pixels
FAR = 4.5  # metres, beyond which answers get lost
GRAZING = 0.04  # log depth from pixel to pixel; steeper surfaces are seen at a graze
MOST_LOST = 0.9  # of spots, so that a map rests on some
FRINGE = 1 / 12  # of the map's rows, at most, on each side
BLOBS, MOST_BLOBS = 4.0, 12  # of low confidence in a frame, mean and bound
BLOB_PX = 200.0  # pixels of one, the median
BLOB_SPREAD = 0.5  # deviation of the logarithm of that


def flattened(depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Readings beyond 5 m crowd together below 8 m."""
    beyond = (depth - FLATTENS_AT).clamp(min=0)
    return depth.clamp(max=FLATTENS_AT) + FLATTENS_BY * torch.tanh(beyond / FLATTENS_BY)


def mixed_at_rims(
    depth: Float[Tensor, "b 1 h w"], share: Float[Tensor, " b"], generator: torch.Generator
) -> Float[Tensor, "b 1 h w"]:
    """Flying pixels: a share of the pixels answers with a mean of what lies under a spot 3 pixels wide."""
    known = (depth > 0).float()
    pad = (1, 1, 1, 1)
    total = F.avg_pool2d(F.pad(depth, pad, mode="replicate"), 3, 1)
    weight = F.avg_pool2d(F.pad(known, pad, mode="replicate"), 3, 1)
    wide = total / weight.clamp(min=1e-6)
    chance = torch.rand(depth.shape, generator=generator, device=depth.device)
    return torch.where((chance < share[:, None, None, None]) & (known > 0), wide, depth)


def displaced(
    depth: Float[Tensor, "b 1 h w"], by: Float[Tensor, " b"], generator: torch.Generator
) -> Float[Tensor, "b 1 h w"]:
    """Edges moved by some ``by`` pixels, in waves along them: the foreground fattened here, eaten into there.

    Each pixel takes the surface found a little across the nearest edge, and continues it as a plane to its own place,
    so that planes are left as they are. Steps stay as sharp as they were. Depth is positive everywhere.
    """
    count, _, height, width = depth.shape
    inverse = 1 / depth
    down, right = slopes(inverse)
    soft = gaussian_blur(inverse, 2.0)
    towards_y, towards_x = torch.gradient(soft, dim=(-2, -1))  # to what is nearer
    size = FATTENED + smooth_noise(count, (height, width), WAVE_PX, generator)
    size = by[:, None, None, None] * size / torch.hypot(towards_y, towards_x).clamp(min=1e-9)
    y = torch.arange(height, device=depth.device)[:, None]
    x = torch.arange(width, device=depth.device)
    dy = (y + (towards_y * size).round().clamp(-MOST_DISPLACED, MOST_DISPLACED)).clamp(0, height - 1) - y
    dx = (x + (towards_x * size).round().clamp(-MOST_DISPLACED, MOST_DISPLACED)).clamp(0, width - 1) - x
    source = ((y + dy) * width + x + dx).long().flatten(1)
    there, slope_y, slope_x = (v.flatten(1).gather(1, source).view_as(depth) for v in (inverse, down, right))
    continued = there - slope_y * dy - slope_x * dx
    return 1 / continued.clamp(min=0.9 * there, max=1.1 * there)


def slope(depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Steepness of log depth, per pixel; 0 beside unknown depth."""
    known = depth > 0
    level = torch.where(known, depth, 1.0).log()
    level, known = F.pad(level, (1, 1, 1, 1), mode="replicate"), F.pad(known.float(), (1, 1, 1, 1), mode="replicate")
    across = (level[..., 1:-1, 2:] - level[..., 1:-1, :-2]) * known[..., 1:-1, 2:] * known[..., 1:-1, :-2] / 2
    down = (level[..., 2:, 1:-1] - level[..., :-2, 1:-1]) * known[..., 2:, 1:-1] * known[..., :-2, 1:-1] / 2
    return torch.hypot(across, down)


def answered(
    depth: Float[Tensor, "b 1 h w"],
    image: Float[Tensor, "b 3 h w"],
    severity: Float[Tensor, " b"],
    generator: torch.Generator,
) -> Bool[Tensor, "b 1 h w"]:
    """Whether a spot here would come back: rarely from dark, glaring, far, grazing and small things."""
    dark = (image.mean(1, keepdim=True) < DARK).float()
    glare = (image.amin(1, keepdim=True) > BRIGHT).float()
    far = (depth > FAR).float()
    graze = (slope(depth) > GRAZING).float()
    around = F.avg_pool2d(F.pad(depth, (7, 7, 7, 7), mode="replicate"), 15, 1)
    small = (depth < 0.9 * around).float()  # what stands out from most of its surroundings
    chance = severity[:, None, None, None] * (0.03 + 0.3 * dark + 0.3 * glare + 0.4 * far + 0.3 * graze)
    chance = chance.clamp(max=MOST_LOST)
    alone = torch.rand(depth.shape, generator=generator, device=depth.device) > chance
    # Small things are lost as wholes: one smooth field decides for all their pixels.
    spared = smooth_noise(len(depth), _size(depth), 24.0, generator) < 0.8 / severity.clamp(min=1e-3).view(-1, 1, 1, 1)
    return alone & (spared | (small == 0))


def low_confidence_blobs(
    count: int, size: tuple[int, int], severity: Float[Tensor, " b"], generator: torch.Generator
) -> Float[Tensor, "b 1 h w"]:
    """Above 0 within blobs of doubt and up to 1 in their middle: some four a frame, of some 200 pixels each."""
    device = generator.device
    height, width = size

    def uniform() -> Float[Tensor, "b n"]:
        return torch.rand(count, MOST_BLOBS, generator=generator, device=device)

    number = torch.poisson(BLOBS * severity, generator=generator).clamp(max=MOST_BLOBS)
    present = torch.arange(MOST_BLOBS, device=device)[None] < number[:, None]
    spread = torch.randn(count, MOST_BLOBS, generator=generator, device=device)
    radius = (BLOB_PX * (BLOB_SPREAD * spread).exp() / math.pi).sqrt()
    stretch, turn = (0.5 * (uniform() - 0.5)).exp(), math.pi * uniform()
    row, column = uniform() * height, uniform() * width
    y = torch.arange(height, device=device, dtype=torch.float32)[None, :, None]
    x = torch.arange(width, device=device, dtype=torch.float32)[None, None, :]
    inside = torch.full((count, height, width), -1.0, device=device)
    for blob in range(MOST_BLOBS):
        cos, sin, longer, r = (v[:, blob, None, None] for v in (turn.cos(), turn.sin(), stretch, radius))
        dy, dx = y - row[:, blob, None, None], x - column[:, blob, None, None]
        away = torch.hypot((cos * dx + sin * dy) / longer, (cos * dy - sin * dx) * longer) / r
        inside = torch.maximum(inside, torch.where(present[:, blob, None, None], 1 - away, -1.0))
    ragged = 0.25 * smooth_noise(count, size, 8.0, generator)
    return (inside[:, None] + ragged * (inside[:, None] > -0.6)).clamp(0, 1)


def fringe(size: tuple[int, int], count: int, generator: torch.Generator) -> Float[Tensor, "b 1 h w"]:
    """1 at the picture's border, which the emitter does not reach, falling off inwards along a wavy line."""
    height, width = size
    rows = torch.arange(height, device=generator.device)[:, None].expand(size)
    columns = torch.arange(width, device=generator.device).expand(size)
    from_sides = torch.stack([rows, height - 1 - rows, columns, width - 1 - columns])
    reach = FRINGE * height * torch.rand(count, 4, 1, 1, generator=generator, device=generator.device)
    inside = (from_sides - reach).amin(1, keepdim=True)
    wavy = smooth_noise(count, size, 35.0, generator)
    return torch.exp(-(inside - 0.015 * height * wavy).clamp(min=0) / (0.026 * height))


def near_steps(depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """0 to 1: how close to a step of depth."""
    step = ((slope(depth) - 0.03) / 0.05).clamp(0, 1)
    return gaussian_blur(F.max_pool2d(step, 3, 1, 1), 1.2)


def structure(depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """0 to 1: how full of steps of depth the surroundings are."""
    return gaussian_blur(near_steps(depth), 5.0)


def _size(depth: Float[Tensor, "b 1 h w"]) -> tuple[int, int]:
    return depth.shape[-2], depth.shape[-1]
