"""Runs whose depth comes from a network: one with random weights, at a few pixels."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from box_room import IMAGE, measure, picture, poses, write_capture
from huggingface_hub.utils import are_progress_bars_disabled
from typer.testing import CliRunner, Result

import promptda
from recon.cli.main import app
from recon.depth.depth_io import read_depth, write_depth
from recon.depth.predictor import Predictor

SMALL = ("--resolution", "112x84", "--voxel-size", "0.1", "--keyframes", "6")  # 4 of 24 frames
FRAMES = 4


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_capture(tmp_path_factory.mktemp("captures") / "box")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    torch.manual_seed(0)
    promptda.save(promptda.PromptedDepth(promptda.Architecture.released("vits")), path)
    return path


@pytest.fixture
def predictions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each prediction."""
    made: list[int] = []
    predict = Predictor.predict_batch

    def counting(self, images, prompts):
        made.extend([1] * len(images))
        return predict(self, images, prompts)

    monkeypatch.setattr(Predictor, "predict_batch", counting)
    return made


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_named_network_gives_the_depth_and_the_run_says_so(box: Path, weights: Path, tmp_path: Path) -> None:
    result = run(box, "--out", tmp_path / "box.ply", "--model", weights, *SMALL)
    assert result.exit_code == 0, result.output
    assert f"depth: by the network {weights}, on cpu in fp32 by torch" in result.stderr.replace("\n", "")
    metrics = json.loads((tmp_path / "box_run" / "metrics.json").read_text())
    assert (metrics["depth"], metrics["model"], metrics["used"]) == ("model", str(weights), FRAMES)
    assert metrics["triangles"] > 0


def test_predicted_depth_is_kept_for_another_voxel_size(
    box: Path, weights: Path, tmp_path: Path, predictions: list[int]
) -> None:
    command = (box, "--out", tmp_path / "box.ply", "--model", weights, "--overwrite", *SMALL)
    assert run(*command).exit_code == 0
    assert len(predictions) == FRAMES
    assert run(*command, "--voxel-size", "0.08").exit_code == 0
    assert len(predictions) == FRAMES
    assert run(*command, "--no-resume").exit_code == 0
    assert len(predictions) == 2 * FRAMES
    assert run(*command, "--resolution", "98x70").exit_code == 0
    assert len(predictions) == 3 * FRAMES
    assert run(*command, "--batch-size", "3").exit_code == 0
    assert len(predictions) == 4 * FRAMES
    assert run(*command, "--batch-size", "2").exit_code == 0  # the same depth, as far as anyone may rely on
    assert len(predictions) == 4 * FRAMES
    assert run(*command, "--precision", "bf16").exit_code == 0
    assert len(predictions) == 5 * FRAMES


def test_an_interrupted_run_predicts_only_what_is_missing(
    box: Path, weights: Path, tmp_path: Path, predictions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Predictor.predict_batch

    def interrupted(self, images, prompts):
        if len(predictions) == 2:
            raise KeyboardInterrupt
        return counting(self, images, prompts)

    command = (box, "--out", tmp_path / "box.ply", "--model", weights, *SMALL)
    monkeypatch.setattr(Predictor, "predict_batch", interrupted)
    first = run(*command)
    assert first.exit_code == 130, first.output
    assert not (tmp_path / "box.ply").exists()
    monkeypatch.setattr(Predictor, "predict_batch", counting)
    assert run(*command).exit_code == 0
    assert len(predictions) == FRAMES


def test_depth_maps_of_a_capture_have_the_size_that_was_asked_for(box: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "depth"
    command = ("depth", box, "--out", out, "--model", weights, "--max-frames", "2", "--format", "exr")
    assert run(*command, "--resolution", "100x75").exit_code == 0
    assert [read_depth(path).shape for path in sorted(out.glob("*.exr"))] == [(75, 100)] * 2
    assert run(*command, "--resolution", "native", "--overwrite").exit_code == 0
    assert [read_depth(path).shape for path in sorted(out.glob("*.exr"))] == [(IMAGE.height, IMAGE.width)] * 2


def test_one_picture_with_its_coarse_depth(weights: Path, tmp_path: Path) -> None:
    T_world_camera = poses(1)[0]
    cv2.imwrite(str(tmp_path / "photo.jpg"), picture(T_world_camera)[..., ::-1])
    lidar = measure(T_world_camera).depth
    write_depth(tmp_path / "lidar.png", lidar, "png")
    command = ("depth", tmp_path / "photo.jpg", "--prompt", tmp_path / "lidar.png", "--model", weights)
    assert run(*command, "--out", tmp_path / "depth.png", "--resolution", "native").exit_code == 0
    depth = read_depth(tmp_path / "depth.png")
    assert depth.shape == (IMAGE.height, IMAGE.width)
    assert lidar.min() - 0.002 <= depth.min() <= depth.max() <= lidar.max() + 0.002
    summary = json.loads(run(*command, "--out", tmp_path / "depth.npz", "--json").stdout)
    assert summary["size"] == list(np.load(tmp_path / "depth.npz")["depth"].shape[::-1])
    refused = run(*command, "--out", tmp_path / "depth.npz")
    assert refused.exit_code == 2
    assert "exists already" in refused.stderr


@pytest.mark.parametrize("silence", ["--quiet", "--json"])
def test_no_bar_is_shown_while_weights_are_fetched_if_silent(
    silence: str, box: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, disabled = promptda.load, []

    def loading(*arguments: object) -> object:
        disabled.append(are_progress_bars_disabled())
        return load(*arguments)

    monkeypatch.setattr(promptda, "load", loading)
    command = (box, "--model", weights, *SMALL)
    assert run(*command, "--out", tmp_path / "a.ply", silence).exit_code == 0
    assert run(*command, "--out", tmp_path / "b.ply").exit_code == 0
    assert disabled == [True, False]


def test_a_folder_of_somebody_elses_files_is_never_cleared(box: Path, tmp_path: Path) -> None:
    precious = tmp_path / "scan" / "000000.png"
    precious.parent.mkdir()
    precious.write_text("precious")
    result = run("depth", box, "--out", precious.parent, "--overwrite")
    assert result.exit_code == 2
    assert "holds files that no depth run wrote" in result.stderr
    assert precious.read_text() == "precious"


def test_an_interrupted_depth_run_is_begun_again_by_the_same_command(
    box: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict, made = Predictor.predict_batch, []

    def interrupted(self, images, prompts):
        made.append(1)
        if len(made) == 2:
            raise KeyboardInterrupt
        return predict(self, images, prompts)

    command = ("depth", box, "--out", tmp_path / "depth", "--model", weights, "--max-frames", 3, *SMALL[:2])
    monkeypatch.setattr(Predictor, "predict_batch", interrupted)
    assert run(*command).exit_code == 130
    assert run(*command).exit_code == 0
    assert len(list((tmp_path / "depth").glob("0*.png"))) == 3
    finished = run(*command)
    assert finished.exit_code == 2
    assert "not empty; give --overwrite" in finished.stderr


def test_an_overwritten_folder_keeps_no_map_of_the_earlier_run(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "depth"
    assert run("depth", box, "--out", out, "--max-frames", "3").exit_code == 0
    assert run("depth", box, "--out", out, "--max-frames", "1", "--overwrite").exit_code == 0
    assert [path.name for path in out.glob("0*")] == ["000000.png"]
    assert [path.name for path in (out / "preview").iterdir()] == ["000000.jpg"]


def test_quiet_says_nothing_and_verbose_tells_the_log(box: Path, tmp_path: Path) -> None:
    command = (box, "--out", tmp_path / "box.ply", "--voxel-size", "0.1", "--keyframes", "6", "--overwrite")
    quiet = run(*command, "--quiet", "--run-dir", tmp_path / "elsewhere", "--simplify", "500")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert json.loads((tmp_path / "elsewhere" / "metrics.json").read_text())["triangles"] <= 500
    assert "frames chosen" in (tmp_path / "elsewhere" / "log.txt").read_text()
    assert "frames chosen" in run(*command, "--verbose").stderr


def test_verbose_shows_the_traceback_of_what_a_person_got_wrong(tmp_path: Path) -> None:
    plain, verbose = run(tmp_path / "missing.zip"), run(tmp_path / "missing.zip", "--verbose")
    assert plain.exit_code == verbose.exit_code == 2
    assert "Traceback" not in plain.stderr
    assert "Traceback" in verbose.stderr


def test_our_own_fault_exits_with_1_and_its_traceback_is_in_the_log(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("recon.pipeline.render_preview", broken)
    result = run(box, "--out", tmp_path / "box.ply", "--voxel-size", "0.1", "--keyframes", "6")
    assert result.exit_code == 1
    assert "internal error: ZeroDivisionError: a bug" in result.stderr
    assert "Traceback" not in result.stderr
    assert "ZeroDivisionError: a bug" in (tmp_path / "box_run" / "log.txt").read_text()
