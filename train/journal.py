"""What a run tells while it goes: curves and pictures for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from promptda.network import Prediction
from train.sample import Batch
from train.validation import enlarged_prompt

ERROR_SHOWN = 0.05  # of the depth: an error that is drawn white


class Journal:
    """Writes for TensorBoard, or nothing where that is not installed, as ``is_writing`` says."""

    def __init__(self, folder: Path, step: int) -> None:
        """What an interrupted run wrote after ``step`` is hidden."""
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    @property
    def is_writing(self) -> bool:
        return self._writer is not None

    def numbers(self, group: str, values: Mapping[str, float], step: int) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def picture(self, batch: Batch, prediction: Prediction, step: int) -> None:
        """The first picture of the batch, as ``sheet`` lays it out."""
        if self._writer is not None:
            self._writer.add_image("validation/depth", sheet(batch, prediction), step, dataformats="HWC")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def sheet(batch: Batch, prediction: Prediction) -> Float[np.ndarray, "H W 3"]:
    """Image, prompt, prediction, truth side by side; below, the errors of prompt and prediction. RGB in 0..1.

    Depth is grey, near bright, on one scale; an error of ``ERROR_SHOWN`` of the depth is white. Unknown is black.
    """
    image = batch.image[0].float().cpu().permute(1, 2, 0).numpy()
    target = batch.target[0, 0].float().cpu().numpy()
    prompt = enlarged_prompt(batch)[0, 0].float().cpu().numpy()
    ours = prediction.depth[0, 0].float().cpu().numpy()
    known = target > 0
    low, high = np.quantile(target[known], (0.01, 0.99)) if known.any() else (0.0, 1.0)

    def grey(depth: np.ndarray) -> np.ndarray:
        near = 1 - (depth - low) / max(high - low, 1e-6)
        return np.repeat(np.where(depth > 0, np.clip(near, 0.05, 1), 0)[..., None], 3, axis=2)

    def error(depth: np.ndarray) -> np.ndarray:
        share = np.abs(depth - target) / np.where(known, target, 1) / ERROR_SHOWN
        return np.repeat(np.where(known, np.clip(share, 0, 1), 0)[..., None], 3, axis=2)

    nothing = np.zeros_like(image)
    rows = ((image, grey(prompt), grey(ours), grey(target)), (nothing, error(prompt), error(ours), nothing))
    return np.concatenate([np.concatenate(row, axis=1) for row in rows]).astype(np.float32)


def scalars(values: Mapping[str, torch.Tensor | float | None]) -> dict[str, float]:
    """Plain numbers of those that are there."""
    return {name: float(torch.as_tensor(value).detach()) for name, value in values.items() if value is not None}
