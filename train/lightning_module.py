"""One training step of a recipe, for Lightning."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from promptda.checkpoints import Network
from promptda.encoders.efficientnet import EfficientNetLite
from promptda.lite import LiteDepth
from promptda.network import Prediction
from train.averaging import Average
from train.losses import Losses, losses
from train.recipes.recipe import Optimisation, Recipe
from train.sample import Batch

BatchesOf = Callable[[int, int, int], Iterable[Batch]]  # of the first step, the rank and the number of ranks


class Training(pl.LightningModule):  # type: ignore[misc]  # Lightning is not always installed
    """One stage of a recipe: the warm-up, or what follows it."""

    def __init__(self, network: Network, recipe: Recipe, is_warm_up: bool, step: int, batches: BatchesOf) -> None:
        """``step`` counts what is done of all stages; ``batches`` gives the data from a step on."""
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.step = step
        self.prompted = recipe.prompted and not is_warm_up
        self.first, self.last = (0, recipe.warm_up) if is_warm_up else (recipe.warm_up, recipe.total_steps)
        self.average: Average | None = None
        self.losses: Losses | None = None  # of the latest step
        self.gradient_norm: Tensor | None = None  # before it was clipped
        self._batches = batches
        if not isinstance(network, LiteDepth):
            # Without effect until trained: frozen, it keeps the prompt out and leaves its range.
            network.prompting.requires_grad_(self.prompted)
        self.train()  # Lightning leaves every part in the mode that it finds

    def configure_model(self) -> None:
        """Where the strategy says so, each device keeps a part of every tensor (FSDP2).

        The network is gathered as a whole for each step: designs of prompting reach into the encoder's blocks,
        so that these cannot come and go one by one.
        """
        if self.device_mesh is not None:
            fully_shard(self.network, mesh=self.device_mesh["data_parallel"])

    def train_dataloader(self) -> Iterable[Batch]:
        return self._batches(self.step, self.trainer.global_rank, self.trainer.world_size)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)

    def train(self, mode: bool = True) -> "Training":
        """As always, but batch statistics of a pretrained encoder stay: a few pictures have poorer ones."""
        super().train(mode)
        if self.recipe.foundation is not None and isinstance(self.network.encoder, EfficientNetLite):
            self.network.encoder.eval()
        return self

    def predict(self, batch: Batch) -> Prediction:
        """What the network says, of the prompt as far as this stage shows it."""
        if not self.prompted and isinstance(self.network, LiteDepth):
            batch = without_prompt(batch)
        trust = batch.trust if self.network.architecture.knows_trust else batch.valid
        return self.network(batch.image, batch.prompt, trust)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.losses = losses(self.predict(batch), batch, self.recipe.loss)
        return self.losses.total

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimiser = torch.optim.AdamW(
            parameter_groups(self.network, self.recipe.optimisation), weight_decay=self.recipe.optimisation.weight_decay
        )
        if self.recipe.optimisation.average:
            self.average = Average(self.network, self.recipe.optimisation.average)
        return optimiser

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        settings = self.recipe.optimisation
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.gradient_norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        share = rate_share(self.step - self.first, self.last - self.first, settings)
        for group, rate in zip(optimizer.param_groups, (settings.encoder_rate, settings.rate), strict=True):
            group["lr"] = rate * share

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.step += 1
        if self.average is not None:
            self.average.update(self.step - self.first)


def parameter_groups(network: Network, settings: Optimisation) -> list[dict[str, Any]]:
    """The encoder's parameters, then all others, as far as they are trained."""
    encoder = {id(parameter) for parameter in network.encoder.parameters()}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) in encoder], "lr": settings.encoder_rate},
        {"params": [p for p in trained if id(p) not in encoder], "lr": settings.rate},
    ]


def rate_share(step: int, steps: int, settings: Optimisation) -> float:
    """By what the learning rates are multiplied at a step of a stage, counted from 0.

    The cosine is that of Loshchilov and Hutter, arXiv:1608.03983, eq. 5, without restarts, down to 0.
    """
    ramp = min(1.0, (step + 1) / settings.ramp) if settings.ramp else 1.0
    if settings.schedule == "constant":
        return ramp
    return ramp * 0.5 * (1 + math.cos(math.pi * step / steps))


def without_prompt(batch: Batch) -> Batch:
    """The batch whose prompts say no more than the median of what was measured."""
    measured = batch.prompt.masked_fill(~batch.valid, torch.nan)
    median = measured.flatten(1).nanmedian(dim=1).values.view(-1, 1, 1, 1)
    prompt = median.expand_as(batch.prompt)
    return Batch(
        batch.image, prompt, prompt.isfinite().to(prompt.dtype), batch.target, batch.pseudo, batch.has_gradient
    )
