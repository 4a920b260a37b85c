"""Maps that are computed a few rows at a time, so that memory does not grow with the height of the image."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

# Of the widest map in a strip. A CPU gains from small ones, which stay in its cache and in memory that
# the process holds already; the same head in one piece takes twice as long, most of it page faults.
STRIP_BYTES = {"cpu": 2**23}
STRIP_BYTES_ELSEWHERE = 2**29


@dataclass(frozen=True)
class LazyMap:
    """A map of which ``rows(first, last)`` computes rows ``first`` to ``last``, the latter left out."""

    height: int
    rows: Callable[[int, int], Tensor]  # (b, c, last - first, w)


def known(x: Float[Tensor, "b c h w"]) -> LazyMap:
    """A map that exists."""
    return LazyMap(x.shape[2], lambda first, last: x[:, :, first:last])


def convolved(x: LazyMap, conv: nn.Conv2d) -> LazyMap:
    """A convolution of stride 1 that keeps the size."""
    halo = conv.kernel_size[0] // 2

    def rows(first: int, last: int) -> Tensor:
        if (first, last) == (0, x.height):
            return conv(x.rows(0, x.height))
        top, bottom = first - halo, last + halo
        strip = x.rows(max(top, 0), min(bottom, x.height))
        if top < 0 or bottom > x.height:  # zeros only beyond the map, as its own padding gives them
            strip = F.pad(strip, (0, 0, max(-top, 0), max(bottom - x.height, 0)))
        return F.conv2d(strip, conv.weight, conv.bias, padding=(0, conv.kernel_size[1] // 2))

    return LazyMap(x.height, rows)


def enlarged(x: LazyMap, height: int, width: int) -> LazyMap:
    """Bilinear interpolation whose corners are the map's, as by ``F.interpolate(align_corners=True)``."""

    def rows(first: int, last: int) -> Tensor:
        if (first, last) == (0, height):
            return F.interpolate(x.rows(0, x.height), (height, width), mode="bilinear", align_corners=True)
        scale = (x.height - 1) / max(height - 1, 1)
        # In float32, as F.interpolate: at 4K its places are a ten thousandth of a row off.
        places = torch.arange(first, last, dtype=torch.float32) * scale
        above = places.long().clamp(max=x.height - 1)
        below = (above + 1).clamp(max=x.height - 1)
        top, bottom = int(above[0]), int(below[-1]) + 1
        strip = x.rows(top, bottom).permute(0, 2, 3, 1)  # (b, rows, w, c): the order in memory, which must stay
        share = (places - above).to(strip)[:, None, None]
        above, below = ((n - top).to(strip.device) for n in (above, below))
        tall = torch.lerp(strip.index_select(1, above), strip.index_select(1, below), share).permute(0, 3, 1, 2)
        return F.interpolate(tall, (last - first, width), mode="bilinear", align_corners=True)

    return LazyMap(height, rows)


def strips(height: int, like: Float[Tensor, "b c h w"], row_values: int) -> list[tuple[int, int]]:
    """First and last rows of the strips of a map that holds ``row_values`` in a row of each of its images.

    One strip where gradients are recorded, which keep every activation anyway, or a graph is traced.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if traced or torch.is_grad_enabled():
        return [(0, height)]
    most = STRIP_BYTES.get(like.device.type, STRIP_BYTES_ELSEWHERE)
    rows = max(most // (like.shape[0] * row_values * like.element_size()), 1)
    return [(first, min(first + rows, height)) for first in range(0, height, rows)]
