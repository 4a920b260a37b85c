"""Small triples of a slanted wall, whose depth tells where in the picture a pixel was."""

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64


def slanted(number: int, height: int = HEIGHT, width: int = WIDTH) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose red and green are the column and the row, and depth in whole millimetres that grows with both."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([columns * 255 // width, rows * 255 // height, np.full_like(rows, 10 * number)], axis=-1)
    depth = 1 + 0.1 * number + 0.002 * rows + 0.001 * columns
    return image.astype(np.uint8), np.rint(depth * 1000).astype(np.float32) / np.float32(1000)


def write_triples(root: Path, count: int = 6) -> Path:
    """Pictures without prompts."""
    for kind in ("image", "depth"):
        (root / kind).mkdir(parents=True)
    for number in range(count):
        image, depth = slanted(number)
        cv2.imwrite(str(root / "image" / f"{number:03d}.png"), image[..., ::-1])
        cv2.imwrite(str(root / "depth" / f"{number:03d}.png"), np.rint(depth * 1000).astype(np.uint16))
    return root
