"""A look at the depth of some frames of a run, and one number of each, collected while the frames pass."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from recon.depth.depth_io import colour_depth
from recon.geometry.resampling import resize_image, resize_nearest
from recon.report.html import Block, Gallery, Picture
from recon.report.mesh_view import turbo_legend

LOOKS = 5
WIDTH_PX = 420
COLOUR_PERCENTILES = (2.0, 98.0)


@dataclass(frozen=True, eq=False)
class _Look:
    frame: str
    image: UInt8[np.ndarray, "h w 3"] | None
    sensor: Float[np.ndarray, "h w"]
    fused: Float[np.ndarray, "h w"]


@dataclass(frozen=True)
class _Scale:
    """What the colours of depth mean."""

    low: float
    high: float

    def html(self) -> str:
        legend = turbo_legend(f"{self.low:.2f} m", f"{self.high:.2f} m; black: unknown", reverse=True)
        return f'<p class="note">{legend}</p>'


@dataclass
class DepthLooks:
    """Small copies of a few of ``total`` frames, spread evenly, and of each the share of pixels that had depth."""

    total: int
    known: list[float] = field(default_factory=list)
    _looks: list[_Look] = field(default_factory=list)

    def add(
        self,
        frame: str,
        image: UInt8[np.ndarray, "H W 3"] | None,
        sensor: Float[np.ndarray, "h w"],
        fused: Float[np.ndarray, "k l"],
    ) -> None:
        """The next frame: RGB, the sensor's depth and the one that was fused, metres, 0 = unknown."""
        if len(self._looks) < LOOKS and len(self.known) >= (len(self._looks) + 0.5) * self.total // LOOKS:
            height = max(1, round(fused.shape[0] * WIDTH_PX / fused.shape[1]))
            self._looks.append(
                _Look(
                    frame,
                    None if image is None else resize_image(image, WIDTH_PX, height),
                    resize_nearest(sensor, WIDTH_PX, height),
                    resize_nearest(fused, WIDTH_PX, height),
                )
            )
        self.known.append(float(np.count_nonzero(fused) / fused.size))

    def blocks(self) -> Sequence[Block]:
        """Image, sensor depth and fused depth of each look beside each other, all in the same colours."""
        maps = [depth for look in self._looks for depth in (look.sensor, look.fused)]
        known = np.concatenate([np.zeros(0, np.float32), *(depth[depth > 0] for depth in maps)])
        if not len(known):
            return []
        low, high = (float(value) for value in np.percentile(known, COLOUR_PERCENTILES))
        lines = []
        for look in self._looks:
            image = np.zeros((*look.fused.shape, 3), np.uint8) if look.image is None else look.image
            lines.append(
                Gallery(
                    [
                        Picture(image, f"frame {look.frame}" + (", no picture" if look.image is None else "")),
                        Picture(colour_depth(look.sensor, low, high), "sensor depth"),
                        Picture(colour_depth(look.fused, low, high), "fused depth"),
                    ],
                    columns=3,
                )
            )
        return [_Scale(low, high), *lines]
