"""The sharp frames of a hand-held video, for what is trained or triangulated from them."""

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

# Prompt Depth Anything (arXiv:2412.14015, supplement): of 60 frames a second one of 30, no two within 6 in a row, at
# least one in 2 s. Seconds, so that other frame rates mean the same.
SECONDS_A_FRAME = 0.5
LEAST_APART = 0.1
LONGEST_GAP = 2.0
ROUNDING = 1e-6  # seconds, of time stamps


def sharpness(image: UInt8[np.ndarray, "H W 3"]) -> float:
    """Variance of the Laplacian of the grey picture, which motion blur lowers; comparable within one video only."""
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def choose_frames(timestamp: Float[np.ndarray, " n"], sharpness: Float[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """Rows of the chosen frames, increasing.

    The sharpest frames go first, as long as one is ``LEAST_APART`` from those chosen, until there is one for every
    ``SECONDS_A_FRAME`` of the video. Then every stretch longer than ``LONGEST_GAP`` without a chosen frame, its ends
    included, gets its sharpest until there is none, or no frame in it.

    Args:
        timestamp: seconds, increasing.
        sharpness: of each frame, NaN where it has no picture: it is never chosen.
    """
    if (np.diff(timestamp) <= 0).any():
        raise ValueError("choose_frames needs increasing times")
    usable = np.flatnonzero(np.isfinite(sharpness))
    if not len(usable):
        return usable
    wanted = max(1, round(float(timestamp[-1] - timestamp[0]) / SECONDS_A_FRAME))
    chosen: list[int] = []
    for row in usable[np.argsort(-sharpness[usable], kind="stable")].tolist():
        if len(chosen) == wanted:
            break
        if _apart(timestamp, chosen, row):
            chosen.append(row)
    return np.array(sorted(_with_gaps_filled(timestamp, sharpness, chosen)), np.intp)


def _apart(timestamp: Float[np.ndarray, " n"], chosen: list[int], row: int) -> bool:
    return not chosen or float(np.abs(timestamp[chosen] - timestamp[row]).min()) > LEAST_APART - ROUNDING


def _with_gaps_filled(
    timestamp: Float[np.ndarray, " n"], sharpness: Float[np.ndarray, " n"], chosen: list[int]
) -> list[int]:
    filled = sorted(chosen)
    place = 0
    while place <= len(filled):
        start = timestamp[filled[place - 1]] if place else timestamp[0]
        end = timestamp[filled[place]] if place < len(filled) else timestamp[-1]
        inside = (timestamp >= start) & (timestamp <= end) & np.isfinite(sharpness)
        candidates = [row for row in np.flatnonzero(inside).tolist() if _apart(timestamp, filled, row)]
        if end - start > LONGEST_GAP + ROUNDING and candidates:
            filled.insert(place, max(candidates, key=lambda row: sharpness[row]))
        else:
            place += 1
    return filled
