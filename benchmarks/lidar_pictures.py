"""Pictures of depth maps: the map, its fine detail, its confidence."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8

from train.simulation.completion import complete_from_nearest
from train.simulation.resizing import resize_depth
from train.simulation.simulated import PHONE_SIZE
from train.simulation.table import simulation
from train.simulation.vehicle import KINDS, Vehicle

if TYPE_CHECKING:
    from lidar_realism import Maps

TILE = (256, 192)
DETAIL = 0.03  # log depth from the blurred map, at the ends of the colours
DETAIL_BLUR_PX = 6.0
ERROR = 0.08  # log depth, at the ends of the colours
GAP = 4  # pixels
STREET_K = np.array([[400.0, 0, 255.5], [0, 400.0, 191.5], [0, 0, 1]])
# Boxes in the camera's axes, metres: least and greatest corner.
STREET = [((-12, -9, 4), (-10, 2, 80)), ((9, -6, 10), (11, 2, 70)), ((-12, -9, 90), (-2, 2, 92))]
STREET += [((-4, 0, 9), (-2, 2, 13)), ((2, 0.2, 18), (4, 2, 22)), ((-1, -0.5, 35), (1, 2, 40))]
STREET += [((x, -4.0, z), (x + 0.2, 2, z + 0.2)) for x in (-6.0, 6.0) for z in range(6, 60, 9)]


def coloured(values: Float[np.ndarray, "h w"], low: float, high: float) -> UInt8[np.ndarray, "h w 3"]:
    """Blue to red; black where the value is 0."""
    scaled = (255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    return np.where((values == 0)[..., None], np.uint8(0), colours)


def detail(depth: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """What blurring takes away: edges, ripples and speckle."""
    level = np.log(depth.astype(np.float32))
    fine = level - cv2.GaussianBlur(level, (0, 0), DETAIL_BLUR_PX)
    return coloured(np.where(fine == 0, 1e-9, fine), -DETAIL, DETAIL)


def sheet(rows: Sequence[Sequence[np.ndarray]]) -> UInt8[np.ndarray, "h w 3"]:
    """Tiles in a grid, white between them."""
    lines = []
    for row in rows:
        tiles = [
            cv2.copyMakeBorder(fitted(tile), *(GAP // 2,) * 4, cv2.BORDER_CONSTANT, value=(255,) * 3) for tile in row
        ]
        lines.append(np.hstack(tiles))
    return np.vstack(lines)


def fitted(tile: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    tile = tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=2)
    if tile.shape[0] > tile.shape[1]:
        tile = np.rot90(tile)
    shrinks = tile.shape[1] > TILE[0]
    return cv2.resize(np.ascontiguousarray(tile), TILE, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)


def save(path: Path, picture: UInt8[np.ndarray, "h w 3"]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OSError(f"{path}: cannot be written")


def kinds(image: UInt8[np.ndarray, "H W 3"], depth: Float[np.ndarray, "H W"], path: Path) -> None:
    """What each simulation of a phone makes of one picture, and how far it is from the truth."""
    picture, true = torch.from_numpy(image).permute(2, 0, 1)[None] / 255, torch.from_numpy(depth)[None, None]
    exact = resize_depth(true, PHONE_SIZE)[0, 0].numpy()
    low, high = np.percentile(exact, (1, 99))
    first, second = [image, coloured(exact, low, high)], [np.full((*PHONE_SIZE, 3), 255, np.uint8)] * 2
    for name in ("anchors", "naive", "phone"):
        seen = simulation(name)(picture, true, torch.Generator().manual_seed(1)).depth[0, 0].numpy()
        first.append(coloured(seen, low, high))
        second.append(coloured(np.log(seen / exact) + 1e-9, -ERROR, ERROR))
    save(path, sheet([first, second]))


def vehicles(path: Path) -> None:
    """A made street under 16, 32 and 64 beams, and completed."""
    K, depth = STREET_K, street()
    image, true = torch.zeros(1, 3, *depth.shape), torch.from_numpy(depth)[None, None]
    rows: list[list[np.ndarray]] = []
    for beams in KINDS:
        lidar = Vehicle(kinds=(beams,), size=PHONE_SIZE)
        sparse = lidar(image, true, torch.Generator().manual_seed(0), torch.from_numpy(K).float()[None]).depth
        shown = [complete_from_nearest(sparse), F.max_pool2d(sparse, 3, 1, 1), resize_depth(true, PHONE_SIZE)]
        rows.append([coloured(np.log1p(map_[0, 0].numpy()), *np.log1p((3, 80))) for map_ in reversed(shown)])
    save(path, sheet(rows))


def street() -> Float[np.ndarray, "H W"]:
    """Depth of a road with house fronts, cars and posts, metres; 0 in the sky."""
    height, width = 384, 512
    y, x = np.mgrid[:height, :width]
    rays = np.stack(
        [(x - STREET_K[0, 2]) / STREET_K[0, 0], (y - STREET_K[1, 2]) / STREET_K[1, 1], np.ones(x.shape)], -1
    )
    rays[np.abs(rays) < 1e-9] = 1e-9
    depth = np.where(rays[..., 1] > 1e-6, 1.65 / rays[..., 1], np.inf)
    for low, high in STREET:
        sides = np.sort([low / rays, high / rays], axis=0)
        enters, leaves = sides[0].max(-1), sides[1].min(-1)
        depth = np.where((enters > 0) & (enters <= leaves), np.minimum(depth, enters), depth)
    return np.where(depth < 150, depth, 0).astype(np.float32)


def side_by_side(real: Sequence["Maps"], simulated: Sequence["Maps"], path: Path) -> None:
    """The first frame of each: picture, depth, detail and confidence."""
    rows = []
    for maps in (*real, *simulated):
        with_picture = [n for n, image in enumerate(maps.image) if image is not None]
        for n in with_picture[:1]:
            depth, image = maps.depth[n], maps.image[n]
            low, high = np.percentile(depth, (1, 99))
            level = np.full(depth.shape, 2, np.uint8) if maps.confidence is None else maps.confidence[n]
            rows.append([image(), coloured(depth, low, high), detail(depth), 127 * level])
    save(path, sheet(rows))
