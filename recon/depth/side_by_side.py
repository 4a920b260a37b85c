"""A video of each image beside its depth in colours."""

import contextlib
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from jaxtyping import UInt8

from recon import atomic
from recon.geometry.resampling import resize_image

CODEC = "libx264"
PIXEL_FORMAT = "yuv420p"  # what every player shows; it needs even sides


class SideBySide:
    """Writes frames one at a time, all at the first one's size; the file appears when the block ends well."""

    def __init__(self, path: Path, fps: int) -> None:
        self._path = path
        self._fps = fps
        self._size: tuple[int, int] | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "SideBySide":
        with contextlib.ExitStack() as opened:
            temporary = opened.enter_context(atomic.replacing(self._path))
            self._file = opened.enter_context(imageio.imopen(temporary, "w", plugin="pyav"))
            self._file.init_video_stream(CODEC, fps=self._fps, pixel_format=PIXEL_FORMAT)
            self._closing = opened.pop_all()
        return self

    def write(self, image: UInt8[np.ndarray, "h w 3"], depth_colours: UInt8[np.ndarray, "h w 3"]) -> None:
        picture = np.concatenate([image, depth_colours], axis=1)
        if self._size is None:
            self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
        self._file.write_frame(resize_image(picture, *self._size))

    def __exit__(self, *exception: object) -> None:
        self._closing.__exit__(*exception)  # type: ignore[arg-type]
