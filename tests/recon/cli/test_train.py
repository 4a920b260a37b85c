"""``recon train`` trains, tells, and refuses before any time is spent."""

import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from recon.cli.main import app
from train.smoke import MadeBoxes

NARROW = (
    "foundation=none", "architecture.width=3", "pictures.shapes=[[32, 32, 8, 8]]", "pictures.batch_size=2",
    "pictures.simulation=naive", "pictures.failing=0",
)  # fmt: skip


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def triples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("triples")
    for kind in ("image", "depth"):
        (folder / kind).mkdir()
    for index in range(3):
        sample = MadeBoxes(seed=0).sample(index)
        cv2.imwrite(str(folder / f"image/{index}.png"), sample.image)
        cv2.imwrite(str(folder / f"depth/{index}.png"), np.rint(1000 * sample.depth).astype(np.uint16))
    return folder


def narrow(triples: Path, out: Path, *more: object) -> Result:
    assigned = [word for text in NARROW for word in ("--set", text)]
    return run("--data", f"triples={triples}", "--out", out, "--workers", 0, "--device", "cpu", *assigned, *more)


def test_recipes_are_listed() -> None:
    lines = run("--list").stdout
    for name in ("lite", "paper-vitl", "paper-vits", "synthetic-only", "table3-b", "table3-j", "depth-pro", "vehicle"):
        assert name in lines
    assert {"name": "lite"}.items() <= json.loads(run("--list", "--json").stdout)["recipes"][0].items()


def test_the_keys_of_a_recipe_are_listed_with_what_they_are_set_to() -> None:
    told = json.loads(run("--list", "--recipe", "paper-vits", "--set", "optimisation.rate=1", "--json").stdout)
    assert told["optimisation.rate"] == 1.0
    assert told["architecture.encoder"] == "vits"


def test_a_folder_of_triples_is_trained_on_and_taken_up_by_its_folder_alone(triples: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = narrow(triples, out, "--validate", f"triples={triples}", "--steps", 3, "--time-limit", 0, "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert (told["step"], told["steps"], told["ended"]) == (1, 3, "out of time")
    assert "goes on from there" in first.stderr
    second = run("--out", out, "--workers", 0, "--device", "cpu")
    assert second.exit_code == 0, second.output
    assert "finished" in second.stdout
    assert "step 3 of 3: loss" in second.stderr
    assert "validation after 3: L1" in second.stderr
    assert json.loads((out / "metrics.json").read_text())["step"] == 3
    assert {"recipe.json", "request.json", "state", "weights.safetensors", "log.txt"} <= {p.name for p in out.iterdir()}


def test_ctrl_c_writes_the_state_and_says_so(triples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.watch.checkpoints.write", lambda *_: None)
    monkeypatch.setattr("train.lightning_module.Training.training_step", _interrupted(_training_step()))
    result = narrow(triples, tmp_path / "run", "--steps", 5)
    assert result.exit_code == 130
    assert "interrupted at step 1; recon train --out" in result.stderr
    assert "Traceback" not in result.output


def _training_step() -> object:
    from train.lightning_module import Training

    return Training.training_step


def _interrupted(step: object) -> object:
    def interrupted(self: object, batch: object, batch_idx: int) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, batch_idx)  # type: ignore[operator]

    return interrupted


def test_the_smoke_test_learns_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--smoke", "--workers", 0, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--recipe", "best"), "--recipe best: no recipe has that name; there are lite"),
        (("--set", "rate=1"), "--set rate: a recipe has no such key"),
        (("--recipe", "paper-vits"), "recipe paper-vits has nothing to learn from; give --data hypersim=PATH"),
        (("--data", "nowhere"), "--data nowhere: write KIND=PATH, where KIND is triples"),
        (("--data", "movies=x"), "--data movies=x: no data is of that kind; there are triples"),
        (("--data", "triples=nowhere"), "nowhere"),
        (("--steps", 0), "--steps 0: give at least 1"),
        (("--device", "tpu"), "--device is tpu; it must be auto, cpu"),
        (("--strategy", "none"), "--strategy is none; it must be auto, ddp"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(options: tuple[object, ...], told: str, tmp_path: Path) -> None:
    result = run("--out", tmp_path / "run", *options)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_weights_belong_to_data(triples: Path, tmp_path: Path) -> None:
    result = narrow(triples, tmp_path / "run", "--weight", 1, "--weight", 2)
    assert result.exit_code == 2
    assert "--weight: 2 for 1 --data" in result.stderr


def test_too_little_memory_is_told_before_anything_is_trained(
    triples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recon.memory.available_memory", lambda: 1 << 20)
    result = narrow(triples, tmp_path / "run")
    assert result.exit_code == 2
    assert "lite: a step needs at least" in result.stderr
    assert not (tmp_path / "run/state").exists()


def test_a_run_of_another_recipe_is_not_mixed_up(triples: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert narrow(triples, out, "--steps", 1).exit_code == 0
    result = narrow(triples, out, "--steps", 1, "--set", "loss.gradient=9.0")
    assert result.exit_code == 2
    assert "there, 9.0 here" in result.stderr
