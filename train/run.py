"""A training run from its job to its weights, in one go or in many."""

import json
import logging
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import ModelParallelStrategy

from promptda.checkpoints import Network
from recon.atomic import make_folder, write_bytes
from recon.errors import UsageError
from train import checkpoints, starting
from train.checkpoints import State
from train.data.loading import Order, batches
from train.data.mixture import Mixture
from train.data.preparation import BatchShape, Preparation
from train.journal import Journal
from train.lightning_module import Training
from train.recipes.assignments import differences, plain
from train.recipes.recipe import Recipe
from train.sample import Batch
from train.simulation.table import simulation
from train.watch import Pace, Record, Stop, Tell, Watch

MOST_WORKERS = 8  # on each device
MAY_CHANGE = ("name", "about", "steps")  # of a recipe between two parts of a run
REQUEST = "request.json"  # what a person asked for, so that the folder alone takes the run up


@dataclass(frozen=True)
class Job:
    """A recipe with its data, its machine and its place."""

    recipe: Recipe
    data: Mixture
    out: Path  # the run's folder; one that is there is taken up
    held_out: Mixture | None = None  # to validate on
    seed: int = 0
    device: str = "auto"  # cpu, cuda, mps
    devices: int = 1  # on each node
    nodes: int = 1
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    workers: int | None = None  # processes on each device that make batches; None: on a CPU 1, else 1 a core up to 8
    minutes: float | None = None  # after which the run stops in good order
    pace: Pace = field(default_factory=Pace)
    request: dict[str, Any] | None = None  # kept in the folder once the job is accepted


@dataclass(frozen=True)
class Outcome:
    """How a run, or a part of it, ended."""

    step: int
    reason: str | None  # why it ended before its last step
    record: Record


def train(job: Job, tell: Tell = lambda kind, values: None) -> Outcome:
    """Trains until the recipe's end, the time limit or a signal, from where the run's folder stands.

    The folder gets ``recipe.json``, ``state/``, ``weights.safetensors``, ``metrics.json`` and ``tensorboard/``.
    A run that was interrupted anywhere and taken up ends with the weights of one that was not, bit for bit
    on the same kind of device.

    Raises:
        ReconError: data, foundation or the run's folder cannot be used.
    """
    make_folder(job.out)
    state = checkpoints.read(job.out / "state")
    _agree(job, state)
    if job.request is not None:
        write_bytes(job.out / REQUEST, (json.dumps(job.request, indent=1) + "\n").encode())
    network = starting.start(job.recipe if state is None else replace(job.recipe, foundation=None), job.seed)
    stop = Stop(deadline=time.monotonic() + 60 * job.minutes if job.minutes is not None else float("inf"))
    record = _record(job, state)
    step = state.step if state is not None else 0
    with stop.on_signals():
        for is_warm_up in (True, False):
            end = job.recipe.warm_up if is_warm_up else job.recipe.total_steps
            if step < end and stop.reason is None:
                step = _run_stage(job, network, is_warm_up, step, state, stop, record, tell)
                state = None
                if job.strategy == "fsdp" and step < job.recipe.total_steps and stop.reason is None:
                    # A network cannot be sharded twice: the next stage takes up the state.
                    state = checkpoints.read(job.out / "state")
                    network = starting.start(replace(job.recipe, foundation=None), job.seed)
    return Outcome(step, stop.reason, record)


def _run_stage(
    job: Job, network: Network, is_warm_up: bool, step: int, state: State | None, stop: Stop, record: Record, tell: Tell
) -> int:
    training = Training(network, job.recipe, is_warm_up, step, lambda *place: _batches(job, *place))
    trainer = _trainer(job, training)
    journal = Journal(job.out / "tensorboard", step) if trainer.is_global_zero else None
    held_out = order(job, job.held_out, is_held_out=True) if job.held_out is not None else None
    trainer.callbacks.append(Watch(job.out, job.pace, stop, record, journal, held_out, state, tell))
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 asks torch in a way that torch 2.13 will give up.
            warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated")
            # The statistics of a pretrained encoder stay as they are on purpose.
            warnings.filterwarnings("ignore", "Found .* module.* in eval mode at the start of training")
            trainer.fit(training)
    except SystemExit as error:  # Lightning's answer to a second Ctrl-C
        raise KeyboardInterrupt from error
    finally:
        if journal is not None:
            journal.close()
    return training.step


def _trainer(job: Job, training: Training) -> pl.Trainer:
    # It tells of the machine and gives advice at each start.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    device = device_of(job)
    halves = job.recipe.optimisation.precision == "bf16" and device == "cuda" and torch.cuda.is_bf16_supported()
    return pl.Trainer(
        accelerator=device,
        devices=job.devices,
        num_nodes=job.nodes,
        strategy=_strategy(job),
        precision="bf16-mixed" if halves else "32-true",
        max_steps=training.last - training.step,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=job.out,
    )


def _strategy(job: Job) -> str | ModelParallelStrategy:
    if job.strategy != "fsdp":
        return job.strategy
    return ModelParallelStrategy(data_parallel_size=job.devices * job.nodes, tensor_parallel_size=1)


def device_of(job: Job) -> str:
    """cpu, cuda or mps."""
    if job.device != "auto":
        return job.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def require_device(job: Job) -> None:
    """``UsageError`` where there are not as many devices of the kind."""
    device = device_of(job)
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if job.devices > counts.get(device, job.devices):
        raise UsageError(
            f"--device {device} --devices {job.devices}: this machine has {counts[device]}; take fewer, or --device cpu"
        )


def order(job: Job, mixture: Mixture, is_held_out: bool = False) -> Order:
    """What is in which batch of the job."""
    pictures = job.recipe.pictures
    return Order(
        mixture=mixture,
        preparation=Preparation(
            simulation(pictures.simulation),
            smallest_crop=pictures.smallest_crop,
            augmented=not is_held_out,
            failing=0.0 if is_held_out else pictures.failing,
            max_prompt_depth=pictures.farthest,
            min_confidence=0 if job.recipe.architecture.knows_trust else 1,
        ),
        shapes=tuple(BatchShape((rows, columns), (h, w)) for rows, columns, h, w in pictures.shapes),
        batch_size=pictures.batch_size,
        seed=job.seed,
    )


def _batches(job: Job, step: int, rank: int, world_size: int) -> Iterator[Batch]:
    workers = job.workers
    if workers is None:
        workers = 1 if device_of(job) == "cpu" else min(MOST_WORKERS, (os.cpu_count() or 1) // job.devices or 1)
    return batches(replace(order(job, job.data), rank=rank, world_size=world_size), step, workers)


def _agree(job: Job, state: State | None) -> None:
    """Writes down what the run is, or checks that it is still that."""
    path = job.out / "recipe.json"
    data = {dataset.name: len(dataset) for dataset in job.data.datasets}
    now: dict[str, Any] = {**plain(job.recipe), "seed": job.seed, "data": data, "shares": list(job.data.weights)}
    if state is None:
        write_bytes(path, (json.dumps(now, indent=1) + "\n").encode())
        return
    try:
        then = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: not readable ({error}) beside a state; copy the run again") from error
    now = json.loads(json.dumps(now))  # as it would be read
    if missing := sorted(now.keys() - then.keys()):
        raise UsageError(
            f"{path}: without {missing[0]}, so damaged or of another version of recon; choose another --out"
        )
    kept = ({key: value for key, value in values.items() if key not in MAY_CHANGE} for values in (then, now))
    if changed := differences(*kept):
        raise UsageError(
            f"{job.out}: another run is there ({'; '.join(changed)}); choose another --out or the same values"
        )
    write_bytes(path, (json.dumps(now, indent=1) + "\n").encode())


def _record(job: Job, state: State | None) -> Record:
    record = Record(facts={"recipe": plain(job.recipe), "seed": job.seed, "torch": torch.__version__})
    path = job.out / "metrics.json"
    if state is not None and path.is_file():
        try:
            told = json.loads(path.read_text("utf-8"))
            history, validation = ([r for r in told[k] if r["step"] <= state.step] for k in ("history", "validation"))
            record.seconds = float(told["seconds"])
        except (OSError, ValueError, KeyError, TypeError):  # told to people only: the run goes on without it
            return record
        record.history, record.validation = history, validation
    return record
