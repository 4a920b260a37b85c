"""Where the depth maps come from that are compared: one class a way, each filling one row of the table or two."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from recon.depth.depth_io import read_depth
from recon.depth.predictor import MAX_PROMPT_METRES, Predictor
from recon.errors import UsageError
from recon.evaluation.depth_pairs import DEPTH_SUFFIXES, files_by_stem
from recon.evaluation.depth_samples import DepthSample
from recon.evaluation.post_alignment import fit_scale_shift
from recon.evaluation.prompt_upsampling import upsample_joint_bilateral
from recon.geometry.resampling import resize_depth, resize_image, resize_nearest
from recon.prompts.from_sensor import prompt_from_sensor

Resize = Callable[[np.ndarray, int, int], np.ndarray]  # of depth, to a width and a height
RESIZES: dict[str, Resize] = {"nearest": resize_nearest, "bilinear": resize_depth}
NO_PROMPT, NO_IMAGE = "no prompt", "no picture"


@dataclass(frozen=True)
class Missing:
    """Why there is no depth."""

    reason: str


Outcome = Float[np.ndarray, "h w"] | Missing


@runtime_checkable  # for the shape checks of the test run
class DepthMethod(Protocol):
    """Gives one depth map a row, at the size of the sample's truth; unknown depth is 0 or not finite."""

    rows: list[str]

    def depths(self, sample: DepthSample) -> tuple[Outcome, ...]:
        """One outcome a row. Raises ``CaptureError`` for a file that cannot be read."""
        ...


class PredictionFolder:
    """Depth maps in files with the names of the samples.

    Args:
        folder: with its sub-folders.
        resize: how maps of another size than the truth's are brought to it; None refuses them.
    """

    def __init__(self, folder: Path, resize: Resize | None = None) -> None:
        self._files = files_by_stem(folder, DEPTH_SUFFIXES, "depth maps")
        self._resize = resize
        self.names = frozenset(self._files)
        self.rows = [str(folder)]

    def depths(self, sample: DepthSample) -> tuple[Outcome, ...]:
        """See ``DepthMethod``. Raises ``UsageError`` for a map of another size."""
        path = self._files.get(sample.name)
        if path is None:
            return (Missing("no file of this name"),)
        depth = read_depth(path)
        height, width = sample.target.shape
        if depth.shape != sample.target.shape:
            if self._resize is None:
                raise UsageError(
                    f"{path}: {depth.shape[1]}x{depth.shape[0]}, but the truth is {width}x{height}; "
                    "predict at that size, or give --resize nearest or bilinear"
                )
            depth = self._resize(depth, width, height)
        return (depth,)


class UpsampledPrompt:
    """The prompt itself, by one of ``RESIZES`` or joint-bilateral, which the picture guides."""

    def __init__(self, way: str) -> None:
        self._way = way
        self.rows = [f"prompt, {way}"]

    def depths(self, sample: DepthSample) -> tuple[Outcome, ...]:
        """See ``DepthMethod``."""
        if sample.prompt is None:
            return (Missing(NO_PROMPT),)
        height, width = sample.target.shape
        resize = RESIZES.get(self._way)
        if resize is not None:
            return (resize(sample.prompt.depth, width, height),)
        if sample.image is None:
            return (Missing(NO_IMAGE),)
        return (upsample_joint_bilateral(sample.prompt.depth, resize_image(sample.image, width, height)),)


class PromptedNetwork:
    """A network of ours with the prompt, brought to the truth's size bilinearly."""

    def __init__(self, name: str, predictor: Predictor, min_confidence: int) -> None:
        self._predictor = predictor
        self._min_confidence = min_confidence
        self.rows = [name]

    def depths(self, sample: DepthSample) -> tuple[Outcome, ...]:
        """See ``DepthMethod``."""
        if sample.image is None:
            return (Missing(NO_IMAGE),)
        if sample.prompt is None:
            return (Missing(NO_PROMPT),)
        prompt = prompt_from_sensor(sample.prompt, self._min_confidence, MAX_PROMPT_METRES)
        if prompt is None:
            return (Missing("no confident prompt in range"),)
        height, width = sample.target.shape
        return (resize_depth(self._predictor.predict(sample.image, prompt), width, height),)


@runtime_checkable  # for the shape checks of the test run
class Monocular(Protocol):
    """A network that sees the picture alone."""

    gives: Literal["depth", "disparity"]  # metres, or 1 / metres up to scale and shift

    def predict(self, image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
        """What it gives at the picture's size."""
        ...


class MonocularBaseline:
    """A network without prompt: as it is where it predicts metres, and aligned to the prompt by RANSAC."""

    def __init__(self, name: str, network: Monocular, seed: int) -> None:
        self._network = network
        self._seed = seed
        self._aligned_only = network.gives == "disparity"  # which has no unit by itself
        self.rows = [f"{name}, aligned"] if self._aligned_only else [name, f"{name}, aligned"]

    def depths(self, sample: DepthSample) -> tuple[Outcome, ...]:
        """See ``DepthMethod``."""
        if sample.image is None:
            return (Missing(NO_IMAGE),) * len(self.rows)
        raw = self._network.predict(sample.image)
        aligned = self._aligned(raw, sample)
        return (aligned,) if self._aligned_only else (_at_size(raw, sample), aligned)

    def _aligned(self, raw: Float[np.ndarray, "h w"], sample: DepthSample) -> Outcome:
        """Fitted at the prompt's size, the prediction brought there by nearest pixel, and applied at its own."""
        if sample.prompt is None:
            return Missing(NO_PROMPT)
        prompt = sample.prompt.depth
        coarse = resize_nearest(raw, prompt.shape[1], prompt.shape[0])
        known = (prompt > 0) & np.isfinite(coarse)
        target = prompt[known] if self._network.gives == "depth" else 1 / prompt[known]
        fit = fit_scale_shift(coarse[known], target, np.random.default_rng(self._seed))
        if fit is None:
            return Missing("no positive scale aligns it")
        aligned = np.float32(fit.scale) * raw + np.float32(fit.shift)
        if self._network.gives == "disparity":  # 0 and below is beyond infinity, and stays unknown
            aligned = np.divide(1, aligned, out=np.zeros_like(aligned), where=aligned > 0)
        return _at_size(aligned, sample)


def _at_size(depth: Float[np.ndarray, "h w"], sample: DepthSample) -> Float[np.ndarray, "h2 w2"]:
    height, width = sample.target.shape
    return resize_depth(np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0)), width, height)
