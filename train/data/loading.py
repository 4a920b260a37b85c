"""Batches of a mixture, made ahead of the training step by worker processes."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from recon.errors import CaptureError, ReconError, ResourceError
from train.data.base import Unusable
from train.data.mixture import Mixture
from train.data.preparation import BatchShape, Preparation, prepare, stack
from train.sample import Batch

TRIED = 20  # samples in a row that may be unusable before a dataset is given up
PREFETCHED = 4  # batches that each worker keeps ready
ENDLESS = 2**62  # steps


@dataclass(frozen=True)
class Order:
    """Everything that decides what is in which batch; the same on every machine and with any number of workers."""

    mixture: Mixture
    preparation: Preparation
    shapes: tuple[BatchShape, ...]  # one is drawn for each step, the same on all ranks
    batch_size: int  # of one rank
    seed: int
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if not self.shapes or self.batch_size < 1:
            raise ValueError(f"Order of {len(self.shapes)} shapes and batches of {self.batch_size}; both are positive")
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"Order.rank is {self.rank} of {self.world_size}")

    def batch(self, step: int) -> Batch:
        """The batch of this step and rank. The ranks' batches are consecutive parts of one global batch."""
        shape = self.shapes[int(np.random.default_rng((self.seed, 2, step)).integers(len(self.shapes)))]
        first = (step * self.world_size + self.rank) * self.batch_size
        return stack([self._picture(place, shape) for place in range(first, first + self.batch_size)])

    def _picture(self, place: int, shape: BatchShape) -> Batch:
        """The sample at this place of the mixture's order, or the next usable one of its dataset."""
        dataset, index = self.mixture.at(self.seed, place)
        reason = ""
        for further in range(min(TRIED, len(dataset))):
            rng = np.random.default_rng((self.seed, 3, place, further))
            try:
                return prepare(dataset.sample((index + further) % len(dataset)), shape, self.preparation, rng)
            except Unusable as unusable:
                reason = str(unusable)
        raise CaptureError(f"{dataset.name}: no usable sample in {further + 1} ({reason}); look at its files")


def batches(order: Order, first_step: int = 0, workers: int = 0) -> Iterator[Batch]:
    """Batches of steps from the first one on, without end.

    Args:
        order: what is in them.
        first_step: where a resumed run goes on.
        workers: processes that make them; with 0 they are made when asked for.

    Raises:
        ReconError: what a worker met, or that one died.
    """
    steps = range(first_step, ENDLESS)
    if not workers:
        yield from map(order.batch, steps)
        return
    loader = DataLoader(
        _Steps(order),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        collate_fn=_as_it_is,
        prefetch_factor=PREFETCHED,
        multiprocessing_context="forkserver",  # open files and threads do not survive a plain fork
        worker_init_fn=_start_worker,
    )
    try:
        for made in loader:
            if isinstance(made, ReconError):
                raise made
            yield made
    except RuntimeError as error:
        if "exited unexpectedly" not in str(error):
            raise
        raise ResourceError(
            f"a process that loads data died ({error}), most likely for want of memory; "
            f"use fewer than {workers} workers or smaller batches"
        ) from error


class _Steps(TorchDataset):
    """Batches by step, or what a person should know; anything else is our bug and travels with its traceback."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, step: int) -> Batch | ReconError:
        try:
            return self._order.batch(step)
        except ReconError as error:
            return error


def _as_it_is(made: Any) -> Any:
    return made


def _start_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the run, which then ends its workers
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
