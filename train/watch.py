"""What happens around the training steps: states written, validation, the journal, and an orderly end."""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
import torch.distributed as dist
from torch import Tensor

import promptda
from promptda.checkpoints import Network
from recon.atomic import write_bytes
from recon.errors import UsageError
from train import checkpoints, gathering, starting, validation
from train.checkpoints import State
from train.data.loading import Order
from train.journal import Journal, scalars
from train.lightning_module import Training
from train.recipes.recipe import Recipe

AGREED_EVERY = 10  # steps between two agreements of several processes on when to stop
SIGNALS = (signal.SIGINT, signal.SIGTERM)  # a person's, a cluster's

# What has happened, "step" or "validation", in numbers.
Tell = Callable[[str, Mapping[str, float]], None]

INTERRUPTED, OUT_OF_TIME = "interrupted", "out of time"


@dataclass(frozen=True)
class Pace:
    """How often things happen."""

    state_seconds: float = 300.0
    log_steps: int = 50
    validation_steps: int = 2000
    validation_pictures: int = 32


@dataclass
class Stop:
    """Whether and why the run ends early; a signal handler may set it."""

    deadline: float = math.inf  # of time.monotonic
    reason: str | None = None

    def look(self) -> None:
        if self.reason is None and time.monotonic() >= self.deadline:
            self.reason = OUT_OF_TIME

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within the block the first signal lets the step at hand end, a second one ends at once."""
        earlier = {number: signal.getsignal(number) for number in SIGNALS}
        self.listen()
        try:
            yield
        finally:
            if _may_listen():
                for number, handler in earlier.items():
                    signal.signal(number, handler)

    def listen(self) -> None:
        """Takes the signals, again where another has taken them since."""
        if _may_listen():
            for number in SIGNALS:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.reason == INTERRUPTED:
            raise KeyboardInterrupt
        self.reason = INTERRUPTED


def _may_listen() -> bool:
    return threading.current_thread() is threading.main_thread()


@dataclass
class Record:
    """What a run tells about itself in ``metrics.json``."""

    facts: Mapping[str, Any]
    step: int = 0
    seconds: float = 0.0  # of training, over all its parts
    history: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        values = {**self.facts, **{name: getattr(self, name) for name in ("step", "seconds", "history", "validation")}}
        write_bytes(path, (json.dumps(values, indent=1) + "\n").encode())


class Watch(pl.Callback):  # type: ignore[misc]  # Lightning is not always installed
    """Looks after one stage of a run."""

    def __init__(
        self, out: Path, pace: Pace, stop: Stop, record: Record, journal: Journal | None, held_out: Order | None,
        state: State | None, tell: Tell,
    ) -> None:  # fmt: skip
        self._out, self._pace, self._stop, self._record = out, pace, stop, record
        self._journal, self._held_out, self._state, self._tell = journal, held_out, state, tell
        self._saved = self._noted = time.monotonic()
        self._noted_step = 0
        self._advice = (
            f"the last state is kept, begin another run with --set foundation={out / 'weights.safetensors'} "
            "and a lower optimisation.rate"
        )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Training)
        network, average = pl_module.network, pl_module.average
        if self._state is not None and self._state.step == pl_module.first:  # written by the stage before
            gathering.restore_weights(self._state.tensors, network, average)
        elif self._state is not None:
            gathering.restore(self._state.tensors, network, trainer.optimizers[0], average)
        self._stop.listen()  # Lightning, too, has taken SIGTERM, and would end without a state
        self._saved = self._noted = time.monotonic()
        self._noted_step = pl_module.step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Training)
        step, is_last = pl_module.step, pl_module.step == pl_module.last
        if step % self._pace.log_steps == 0 or is_last:
            self._log(pl_module)
        if (step % self._pace.validation_steps == 0 or is_last) and self._held_out is not None:
            self._validate(trainer, pl_module, self._held_out)
        stopping, due = self._agreed(trainer, step, is_last)
        if stopping or due or is_last:
            self._save(trainer, pl_module)
        if stopping:
            trainer.should_stop = True

    def _agreed(self, trainer: pl.Trainer, step: int, is_last: bool) -> tuple[bool, bool]:
        """Whether to stop and whether to write, the same in every process: as the first one sees it."""
        self._stop.look()
        wishes = (self._stop.reason, time.monotonic() - self._saved >= self._pace.state_seconds)
        if trainer.world_size > 1:
            if step % AGREED_EVERY and not is_last:
                return False, False
            wishes = trainer.strategy.broadcast(wishes, src=0)
        self._stop.reason = wishes[0]
        return wishes[0] is not None, wishes[1]

    def _log(self, training: Training) -> None:
        assert training.losses is not None
        told = scalars(
            {
                "loss": training.losses.total,
                "distance": training.losses.distance,
                "gradient": training.losses.gradient,
                "likelihood": training.losses.likelihood,
                "gradient_norm": training.gradient_norm,
            }
        )
        if not math.isfinite(told["loss"]):
            raise UsageError(f"step {training.step}: the loss is {told['loss']}; {self._advice}")
        now = time.monotonic()
        told["steps_per_second"] = (training.step - self._noted_step) / max(now - self._noted, 1e-9)
        told["rate"] = training.trainer.optimizers[0].param_groups[-1]["lr"]
        self._record.history.append({"step": float(training.step), **told})
        if self._journal is not None:
            self._journal.numbers("train", told, training.step)
            self._tell("step", {"step": float(training.step), "steps": float(training.recipe.total_steps), **told})
        self._noted, self._noted_step = now, training.step

    def _validate(self, trainer: pl.Trainer, training: Training, held_out: Order) -> None:
        """Of the weights that would be delivered, every process a part of the pictures."""
        # As many for each process: where the network is sharded every prediction takes all of them.
        batches = -(-self._pace.validation_pictures // (held_out.batch_size * trainer.world_size)) * trainer.world_size
        mine = range(trainer.global_rank, batches, trainer.world_size)
        training.eval()
        with torch.no_grad(), _delivered(training):
            rows = validation.score(training.predict, map(held_out.batch, mine), training.device)
            first = held_out.batch(0).to(training.device)
            shown = training.predict(first)
            if self._journal is not None:
                self._journal.picture(first, shown, training.step)
        training.train()
        if trainer.world_size > 1:
            parts: list[list[dict[str, float]]] = [[] for _ in range(trainer.world_size)]
            dist.all_gather_object(parts, rows)
            rows = [row for part in parts for row in part]
        found = validation.summary(rows)
        self._record.validation.append({"step": float(training.step), **found})
        if self._journal is not None:
            self._journal.numbers("validation", found, training.step)
            self._tell("validation", {"step": float(training.step), **found})
        self._noted, self._noted_step = time.monotonic(), training.step

    def _save(self, trainer: pl.Trainer, training: Training) -> None:
        if training.gradient_norm is not None and not math.isfinite(float(training.gradient_norm)):
            raise UsageError(f"step {training.step}: the gradients are not finite; {self._advice}")
        now = time.monotonic()
        self._record.seconds += now - self._saved
        self._record.step = training.step
        tensors = gathering.gather(training.network, trainer.optimizers[0], training.average)
        delivered = gathering.gather_delivered(training.network, training.average)
        if trainer.is_global_zero:
            # The state last: what it says is finished has been delivered.
            deliver(self._out / "weights.safetensors", training.recipe, delivered)
            self._record.write(self._out / "metrics.json")
            checkpoints.write(self._out / "state", State(training.step, {"stage_end": training.last}, tensors))
        trainer.strategy.barrier()
        self._saved = time.monotonic()


def deliver(path: Path, recipe: Recipe, weights: Mapping[str, Tensor]) -> None:
    """A file that ``promptda.load`` reads."""
    network: Network = starting.empty(recipe)
    network.load_state_dict(dict(weights), assign=True)
    promptda.save(network, path)


@contextmanager
def _delivered(training: Training) -> Iterator[None]:
    if training.average is None:
        yield
        return
    with training.average.in_place():
        yield
