"""How fine a volume can be: for what the depth resolves and for what memory holds."""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from recon.depth.depth_map import DepthMap
from recon.errors import ResourceError
from recon.fusion.blocks import BLOCK_RESOLUTION, BYTES_PER_VOXEL
from recon.fusion.touched import touched_blocks
from recon.fusion.volume import BLOCKS_IN_MEMORY, REGION_BLOCKS, furthest_reach
from recon.geometry.projection import backproject
from recon.geometry.transforms import apply

Samples = Sequence[tuple[DepthMap, Float[np.ndarray, "4 4"]]]

READABLE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # times a power of ten
FINEST_VOXEL = 0.003  # metres: depth from phones is noisier than this at any distance
FINEST_SHARE = 0.004  # of the median depth: below, voxels resolve noise (sensors err by 1 to 2 %, networks by half)
VOXELS_ACROSS = 1000  # the extent at most, which keeps large spaces to about a million blocks
TRUNCATION_VOXELS = 4  # 6 and 8 gave a worse mesh of three real captures: thin things close up, noise gains nothing
# 13 m ahead of a car's camera a ray sinks into the road by one voxel in eight; with fewer the road comes in stripes.
STREET_TRUNCATION_VOXELS = 8
TRUNCATION_DEPTHS = 0.02  # of the depth at least: the sensor's noise must stay inside
# Along a street the road is seen at a grazing angle, and LiDARs and their completion err by centimetres: within this
# range a voxel is a share of the range, which bounds the voxels that a frame reaches.
STREET_VOXELS = (0.05, 0.15)
STREET_SHARE = 1 / 600  # of the range: 10 cm at 60 m
BYTES_PER_BLOCK = BLOCK_RESOLUTION**3 * BYTES_PER_VOXEL
INDEX_BYTES_PER_BLOCK = 16 * BLOCK_RESOLUTION**3  # Open3D's, of vertices, while it extracts
MESH_BYTES_PER_BLOCK = 8_000  # with its copies: 5,000 were measured before islands are sought
WAY_POINTS = 2000  # along a drive, to know how much of it is near
BLOCKS_MARGIN = 1.25  # Chao's is a lower bound, and noise scatters the depth of more frames over more blocks
MEMORY_SHARE = 0.8  # of the free memory that a volume may take; frames in flight need some too


@dataclass(frozen=True)
class MemoryEstimate:
    """What a volume will come to."""

    blocks: int
    in_memory: int  # of these blocks, at most at a time
    bytes: int  # of memory at its peak, while the mesh is extracted


def choose_voxel_size(samples: Samples, depth_max: float) -> float:
    """Edge of a voxel, metres: what the depth resolves at its median, or a thousandth of a large space."""
    resolved = [
        max(1 / depth_map.camera.fx, FINEST_SHARE) * float(np.median(known))
        for depth_map, _ in samples
        if len(known := _known(depth_map, depth_max))
    ]
    across = float(extent(samples, depth_max).max()) / VOXELS_ACROSS
    return round_readable(max(float(np.median(resolved)) if resolved else 0.0, across, FINEST_VOXEL))


def choose_street_voxel_size(samples: Samples, frames: int, depth_max: float, free: int) -> float:
    """Edge of a voxel for a drive, metres: 5 to 15 cm by the range, coarser if so many free bytes ask for it.

    However long the drive, for what is out of reach leaves memory.
    """
    finest, coarsest = STREET_VOXELS
    by_range = round_readable(min(max(STREET_SHARE * depth_max, finest), coarsest))
    sizes = [by_range, *(size for size in (0.06, 0.08, 0.1, coarsest) if size > by_range)]
    for size in sizes:
        truncation = choose_truncation(size, samples, depth_max, street=True)
        estimate = estimate_memory(samples, frames, size, truncation, depth_max, street=True)
        if estimate.bytes <= MEMORY_SHARE * free:
            return size
    return sizes[-1]


def choose_truncation(voxel_size: float, samples: Samples, depth_max: float, street: bool = False) -> float:
    """Distance to either side of the surface that is kept, metres."""
    depths = np.concatenate([_known(depth_map, depth_max) for depth_map, _ in samples] or [np.zeros(1)])
    voxels = STREET_TRUNCATION_VOXELS if street else TRUNCATION_VOXELS
    return max(voxels * voxel_size, TRUNCATION_DEPTHS * float(np.median(depths)) if len(depths) else 0.0)


def extent(samples: Samples, depth_max: float) -> Float[np.ndarray, "3"]:
    """Size of the box around what the samples see, metres, without its outermost hundredth."""
    points = [
        apply(T_world_camera, backproject(depth_map.depth, depth_map.camera)[depth_map.depth > 0].astype(np.float64))[
            :: max(1, depth_map.depth.size // 2000)
        ]
        for depth_map, T_world_camera in samples
    ]
    seen = np.concatenate(points) if points else np.zeros((0, 3))
    if not len(seen):
        return np.zeros(3)
    low, high = np.percentile(seen, [0.5, 99.5], axis=0)
    return high - low


def round_readable(length: float, up: bool = False) -> float:
    """The nearest of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten, by ratio; or the next above."""
    power = 10.0 ** math.floor(math.log10(length))
    steps = [step for step in READABLE if not up or step >= length / power * (1 - 1e-9)]
    return float(f"{min(steps, key=lambda step: abs(math.log(step * power / length))) * power:.3g}")


def estimate_memory(
    samples: Samples, frames: int, voxel_size: float, truncation: float, depth_max: float, street: bool = False
) -> MemoryEstimate:
    """Blocks and bytes for a capture of so many frames, from a handful spread evenly over it.

    Blocks that no sample saw are estimated from those that one or two samples saw, as biologists count species
    (Chao 1987, "Estimating the population size for capture-recapture data with unequal catchability"). Along a
    ``street`` samples may share nothing, so that blocks are counted by the metre; and those out of reach of the
    camera may leave memory.
    """
    if not samples:
        return MemoryEstimate(0, 0, 0)
    origin = samples[0][1][:3, 3]
    block_size = voxel_size * BLOCK_RESOLUTION
    touched, cameras, reach = [], np.zeros((len(samples), 3)), 0.0
    for row, (depth_map, T_world_camera) in enumerate(samples):
        T_volume_camera = T_world_camera.copy()
        T_volume_camera[:3, 3] -= origin
        touched.append(touched_blocks(depth_map, T_volume_camera, block_size, truncation, depth_max))
        cameras[row] = T_volume_camera[:3, 3]
        reach = max(reach, furthest_reach(depth_map.camera, depth_max, truncation))
    seen, times = np.unique(np.concatenate(touched), axis=0, return_counts=True)
    once, twice = int((times == 1).sum()), int((times == 2).sum())
    unseen = once * (once - 1) / (2 * (twice + 1)) * (1 - 1 / len(samples))
    total = BLOCKS_MARGIN * (len(seen) + unseen)
    all_apart = len(np.concatenate(touched)) / len(samples) * frames
    near_share = 1.0
    if street:
        total = min(total, BLOCKS_MARGIN * _along_way(touched, cameras, block_size))
        near_share = _share_within(cameras, reach)
    blocks = math.ceil(min(total, max(len(seen), all_apart)))
    in_memory = min(blocks, max(BLOCKS_IN_MEMORY, math.ceil(near_share * blocks)))
    region = blocks * INDEX_BYTES_PER_BLOCK
    if blocks > REGION_BLOCKS:
        region = REGION_BLOCKS * (INDEX_BYTES_PER_BLOCK + BYTES_PER_BLOCK)
    return MemoryEstimate(blocks, in_memory, in_memory * BYTES_PER_BLOCK + region + blocks * MESH_BYTES_PER_BLOCK)


def _along_way(
    touched: Sequence[Int[np.ndarray, "_ 3"]], cameras: Float[np.ndarray, "n 3"], block_size: float
) -> float:
    """Blocks of a whole drive: those in the fullest slice, a block thick, across the way of a sample, all along it.

    Of the samples the upper quartile counts, for cameras that look aside see less of the street.
    """
    steps = np.diff(cameras, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    fullest = [0]
    for blocks, step, length in zip(touched, steps, lengths, strict=False):
        if length > 0 and len(blocks):
            slices = np.floor(blocks @ (step / length)).astype(np.int64)
            fullest.append(int(np.bincount(slices - slices.min()).max()))
    return max(len(blocks) for blocks in touched) + float(np.percentile(fullest, 75) * lengths.sum()) / block_size


def _share_within(cameras: Float[np.ndarray, "n 3"], reach: float) -> float:
    """Share of the way between these places that is at most so far from its most crowded point."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(cameras, axis=0), axis=1))])
    even = np.linspace(0, along[-1], WAY_POINTS)
    way = np.stack([np.interp(even, along, cameras[:, axis]) for axis in range(3)], axis=1)
    return float(max((np.linalg.norm(way - point, axis=1) <= reach).mean() for point in way))


def check_memory(estimate: MemoryEstimate, voxel_size: float, free: int) -> None:
    """Refuses a volume that would not fit into so many free bytes.

    Raises:
        ResourceError: with the estimate, the free memory and a voxel size that would fit.
    """
    if estimate.bytes <= MEMORY_SHARE * free:
        return
    # A surface of a given area crosses blocks in proportion to 1 / voxel_size^2.
    coarser = round_readable(voxel_size * math.sqrt(estimate.bytes / max(MEMORY_SHARE * free, 1)), up=True)
    raise ResourceError(
        f"voxels of {voxel_size:g} m would need about {estimate.bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
        f"use --voxel-size {coarser:g} or larger"
    )


def check_disk(estimate: MemoryEstimate, voxel_size: float, folder: Path) -> None:
    """Refuses a volume whose blocks would leave memory for a disk that has no room for them.

    Raises:
        ResourceError: with what they take, what is free and a voxel size that would fit.
    """
    needed = (estimate.blocks - estimate.in_memory) * BYTES_PER_BLOCK
    free = shutil.disk_usage(folder)[2]
    if needed <= free:
        return
    coarser = round_readable(voxel_size * math.sqrt(needed / max(free, 1)), up=True)
    raise ResourceError(
        f"{folder}: voxels of {voxel_size:g} m would need about {needed / 1e9:.1f} GB of that disk for a while and "
        f"{free / 1e9:.1f} GB are free; free some space or use --voxel-size {coarser:g} or larger"
    )


def _known(depth_map: DepthMap, depth_max: float) -> Float[np.ndarray, " n"]:
    return depth_map.depth[(depth_map.depth > 0) & (depth_map.depth <= depth_max)]
