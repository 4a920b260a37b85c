"""Pictures of depth and its error for looking at: one a sample, one line a row of the table."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from recon.depth.depth_io import colour_depth
from recon.evaluation.depth_methods import Missing, Outcome
from recon.evaluation.depth_samples import DepthSample
from recon.evaluation.depth_scores import Counting
from recon.geometry.resampling import resize_image, resize_nearest

TILE_WIDTH_PX = 320
RED_SHARE = 0.1  # of the true depth, from which an error is shown in full red
PERCENTILES = (2, 98)  # of the truth, between which depth is coloured
BLANK = 40  # grey of what is not there
TEXT_PX, TEXT_SCALE = 16, 0.45


def side_by_side(
    sample: DepthSample, outcomes: dict[str, Outcome], counting: Counting
) -> UInt8[np.ndarray, "rows columns 3"]:
    """RGB tiles: image, prompt, prediction, truth and error, with a line for each row that has depth.

    Depth is coloured alike in a picture, near red and far blue, unknown black. Error goes from dark to red at a
    tenth of the true depth; grey where there is no truth or no prediction.
    """
    valid = counting.pixels(sample.target)
    low, high = (float(value) for value in np.percentile(sample.target[valid], PERCENTILES))
    height = max(1, round(sample.target.shape[0] * TILE_WIDTH_PX / sample.target.shape[1]))

    def tile(pixels: UInt8[np.ndarray, "h w 3"] | None, text: str) -> UInt8[np.ndarray, "h2 w2 3"]:
        if pixels is None:
            pixels = np.full((height, TILE_WIDTH_PX, 3), BLANK, np.uint8)
        bar = np.zeros((TEXT_PX, TILE_WIDTH_PX, 3), np.uint8)
        shown = text.encode("ascii", "replace").decode()  # OpenCV's letters are no others
        cv2.putText(bar, shown, (4, TEXT_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, TEXT_SCALE, (255, 255, 255), 1)
        return np.concatenate([bar, pixels])

    def depth_tile(depth: Float[np.ndarray, "h w"], text: str) -> UInt8[np.ndarray, "h2 w2 3"]:
        return tile(colour_depth(resize_nearest(depth, TILE_WIDTH_PX, height), low, high), text)

    image = None if sample.image is None else resize_image(sample.image, TILE_WIDTH_PX, height)
    prompt = tile(None, "no prompt") if sample.prompt is None else depth_tile(sample.prompt.depth, "prompt")
    truth = depth_tile(sample.target, f"truth, {low:.2f} to {high:.2f} m")
    lines = []
    for name, outcome in outcomes.items():
        if isinstance(outcome, Missing):
            continue
        known = np.isfinite(outcome) & (outcome > 0)
        depth = np.where(known, outcome, np.float32(0))
        error = _error_colours(depth, sample.target, valid & known)
        error_tile = tile(resize_nearest(error, TILE_WIDTH_PX, height), f"error, red from {RED_SHARE:.0%}")
        tiles = [tile(image, sample.name), prompt, depth_tile(depth, name), truth, error_tile]
        lines.append(np.concatenate(tiles, axis=1))
    return np.concatenate(lines) if lines else tile(image, f"{sample.name}: no depth")


def _error_colours(
    depth: Float[np.ndarray, "h w"], target: Float[np.ndarray, "h w"], known: np.ndarray
) -> UInt8[np.ndarray, "h w 3"]:
    share = np.zeros(depth.shape, np.float32)
    np.divide(np.abs(depth - target), RED_SHARE * target, out=share, where=known)
    colours = cv2.applyColorMap((255 * np.clip(share, 0, 1)).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    return np.where(known[..., None], colours, np.uint8(BLANK))
