"""How good the network is on pictures that it is not trained on, against the prompt made larger."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float

from promptda.network import Prediction
from promptda.normalisation import fill
from recon.evaluation.depth_edges import edge_f_score
from recon.evaluation.depth_metrics import abs_rel, delta_share, l1, rmse
from train.sample import Batch

DELTA = 1.25**0.5  # of the paper's d0.5
COMPARED = ("l1", "rmse", "abs_rel", "edge_f")  # also told as the ratio of the network's to the prompt's

Scores = dict[str, float]


def score(predict: Callable[[Batch], Prediction], batches: Iterable[Batch], device: torch.device) -> list[Scores]:
    """Of each picture the metrics of its prediction, and under ``prompt_...`` of the prompt made larger bilinearly."""
    rows = []
    for batch in batches:
        on_device = batch.to(device)
        with torch.no_grad():
            depth = predict(on_device).depth.float().cpu()
        enlarged = enlarged_prompt(batch)
        for image in range(len(batch.image)):
            target = batch.target[image, 0].numpy()
            known = target > 0
            if not known.any():
                continue
            ours, theirs = (_metrics(map_[image, 0].numpy(), target, known) for map_ in (depth, enlarged))
            rows.append(ours | {f"prompt_{name}": value for name, value in theirs.items()})
    return rows


def summary(rows: Sequence[Scores]) -> Scores:
    """Means over the pictures, ratios of these means, and the share of pictures where the network is the worse.

    Empty where there are no pictures; a metric that no picture has is left out.
    """
    if not rows:
        return {}
    means = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        if np.isfinite(values).any():
            means[name] = float(np.nanmean(values))
    ratios = {
        f"{name}_ratio": means[name] / means[f"prompt_{name}"]
        for name in COMPARED
        if name in means and means.get(f"prompt_{name}")
    }
    worse = float(np.mean([row["l1"] > row["prompt_l1"] for row in rows]))
    return {"pictures": float(len(rows)), **means, **ratios, "share_worse": worse}


def enlarged_prompt(batch: Batch) -> Float[torch.Tensor, "b 1 H W"]:
    """The prompt, its holes filled, at the image's size: what a person has without a network."""
    filled = fill(batch.prompt.where(batch.valid, 0), batch.valid)
    return F.interpolate(filled, batch.image.shape[-2:], mode="bilinear", align_corners=False)


def _metrics(
    depth: Float[np.ndarray, "h w"], target: Float[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]
) -> Scores:
    ours, true = depth[known], target[known]
    return {
        "l1": l1(ours, true),
        "rmse": rmse(ours, true),
        "abs_rel": abs_rel(ours, true),
        "d0.5": delta_share(ours, true, DELTA),
        "edge_f": edge_f_score(depth, target, known),
    }
