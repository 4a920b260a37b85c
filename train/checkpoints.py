"""The state of a training run on disk: what is needed to go on as if nothing had happened.

``state/step-00012000/`` holds ``state.json`` and shards of tensors in safetensors. A folder of that name is
complete: it is written under another name and renamed at the end. Only the latest is kept. Nothing in
it is ever unpickled.
"""

import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from recon.errors import UsageError

SHARD_BYTES = 15 * 2**20  # of tensors; a tensor that is larger has a shard of its own
FACTS = "state.json"
PREFIX, UNFINISHED = "step-", ".writing-"


@dataclass(frozen=True, eq=False)
class State:
    """A run after a number of steps."""

    step: int  # optimiser steps done, of all stages
    facts: Mapping[str, Any]  # JSON values
    tensors: Mapping[str, Tensor]


def write(folder: Path, state: State) -> None:
    """Makes it the folder's only state; interrupted or on a full disk it leaves the earlier one."""
    name = f"{PREFIX}{state.step:08d}"
    if (folder / name / FACTS).is_file():
        return  # the same step of the same run is the same state
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{UNFINISHED}{uuid.uuid4().hex[:8]}"
    try:
        unfinished.mkdir()
        names = []
        for number, shard in enumerate(_shards(state.tensors), start=1):
            names.append(f"tensors-{number:03d}.safetensors")
            _write(unfinished / names[-1], safetensors.torch.save(shard))
        facts = {"step": state.step, "shards": names, "facts": dict(state.facts)}
        _write(unfinished / FACTS, json.dumps(facts, indent=2).encode())
        _settle(unfinished)
        unfinished.rename(folder / name)
        _settle(folder)  # before the earlier state goes
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for other in folder.iterdir():
        if other.name != name and other.name.startswith((PREFIX, UNFINISHED)):
            shutil.rmtree(other, ignore_errors=True)


def _settle(folder: Path) -> None:
    """Until the disk itself has the folder's entries."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(folder: Path) -> State | None:
    """The latest state there; None where there is none.

    Raises:
        UsageError: a file of it is missing or damaged.
    """
    states = sorted(folder.glob(f"{PREFIX}*"), key=lambda path: path.name)
    if not states:
        return None
    latest = states[-1]
    try:
        written = json.loads((latest / FACTS).read_text("utf-8"))
        tensors: dict[str, Tensor] = {}
        for name in written["shards"]:
            tensors.update(safetensors.torch.load_file(latest / Path(name).name))
        return State(int(written["step"]), written["facts"], tensors)
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise UsageError(
            f"{latest}: not a complete state ({error}); copy the folder again, or remove it to start anew"
        ) from error


def _shards(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        bytes_needed = math.prod(tensor.shape) * tensor.element_size()
        if shard and size + bytes_needed > SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        # A copy, since safetensors refuses tensors that share memory.
        shard[name] = tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        size += bytes_needed
    if shard:
        yield shard


def _write(path: Path, content: bytes) -> None:
    """All of it, on the disk before the folder gets its name."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)  # a full disk names no file
        raise
