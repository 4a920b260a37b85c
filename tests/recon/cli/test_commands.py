import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from box_room import SIZE, write_capture
from typer.testing import CliRunner

from recon.cli.main import app
from recon.depth.depth_io import read_depth


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_capture(tmp_path_factory.mktemp("captures") / "box")


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_capture_needs_no_verb(box: Path, tmp_path: Path) -> None:
    result = run(box, "--out", tmp_path / "box.ply", "--voxel-size", 0.05)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "box.ply").stat().st_size > 0
    assert (tmp_path / "box_run" / "preview.png").is_file()
    assert "frames used" in result.stdout


def test_json_is_the_only_thing_on_stdout(box: Path, tmp_path: Path) -> None:
    result = run(box, "--out", tmp_path / "box.obj", "--depth", "sensor", "--voxel-size", 0.05, "--json")
    summary = json.loads(result.stdout)
    np.testing.assert_allclose(summary["extent_m"], SIZE, atol=0.05)
    assert summary["mesh"] == str(tmp_path / "box.obj")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.zip"], "missing.zip: no such file or folder"),
        (["BOX", "--out", "mesh.xyz"], "mesh.xyz"),
        (["BOX", "--out", "/proc/mesh.ply"], "/proc"),
        (["BOX", "--voxel-size", "-1"], "voxel-size is -1"),
        (["BOX", "--keyframes", "sometimes"], "keyframes is sometimes"),
        (["BOX", "--depth", "model", "--model", "nothing-known", "--out", "m.ply"], "nothing-known"),
        (["BOX", "--poses", "nothing.txt", "--out", "m.ply"], "nothing.txt"),
        (["BOX", "--config", "nothing.toml"], "nothing.toml"),
        (["BOX", "--start", "5", "--stop", "2"], "stop is 2"),
        (["BOX", "--start", "500", "--out", "m.ply"], "no usable frame"),
        (["BOX", "--engine", "openvino", "--precision", "fp16"], "precision is fp16; it must be fp32 or bf16 with"),
        (["BOX", "--engine", "openvino", "--device", "cuda"], "device is cuda; it must be cpu with --engine openvino"),
        (["BOX", "--engine", "openvino", "--compile"], "compile is on; it must be off with --engine openvino"),
        (["BOX", "--batch-size", "0"], "batch-size is 0; it must be from 1 to 256"),
        (["BOX", "--model", "vits", "--device", "cuda:77", "--out", "m.ply"], "device is cuda:77, but this machine"),
        (["depth", "photo.jpg", "--prompt", "lidar.png", "--out", "d.png"], "photo.jpg: no picture"),
        (["inspect", "missing.zip"], "missing.zip: no such file or folder"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence_and_exit_2(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*[box if argument == "BOX" else argument for argument in arguments])
    assert result.exit_code == 2, result.output
    error = result.stderr.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert sentence in error
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("*.ply"))


def test_an_existing_mesh_is_kept_unless_told_otherwise(box: Path, tmp_path: Path) -> None:
    mesh = tmp_path / "box.ply"
    mesh.write_text("precious")
    assert run(box, "--out", mesh).exit_code == 2
    assert mesh.read_text() == "precious"
    assert run(box, "--out", mesh, "--voxel-size", 0.1, "--overwrite").exit_code == 0
    assert mesh.stat().st_size > 1000


def test_a_runs_settings_repeat_it(box: Path, tmp_path: Path) -> None:
    run(box, "--out", tmp_path / "a.ply", "--voxel-size", 0.08, "--max-frames", 9)
    again = run(box, "--out", tmp_path / "b.ply", "--config", tmp_path / "a_run" / "settings.toml", "--json")
    summary = json.loads(again.stdout)
    assert (summary["voxel_size_m"], summary["used"]) == (0.08, 9)


def test_inspect_tells_what_the_capture_holds(box: Path) -> None:
    facts = json.loads(run("inspect", box, "--json").stdout)
    assert facts["format"] == "3D Scanner App"
    assert (facts["frames"], facts["frames_with_image"]) == (24, 24)
    assert (facts["image_size"], facts["depth_size"]) == ([320, 240], [64, 48])
    assert facts["confidence_share"] == [0.0, 0.0, 1.0]
    np.testing.assert_allclose(facts["extent_m"], SIZE, rtol=0.1)
    assert facts["duration_s"] == pytest.approx(23 / 5)
    assert "extent" in run("inspect", box).stdout


def test_depth_writes_a_map_a_frame_with_its_camera(box: Path, tmp_path: Path) -> None:
    result = run("depth", box, "--out", tmp_path / "depth", "--depth", "sensor", "--max-frames", 3, "--video")
    assert result.exit_code == 0, result.output
    maps = sorted((tmp_path / "depth").glob("*.png"))
    assert len(maps) == 3
    assert read_depth(maps[0]).shape == (48, 64)
    cameras = (tmp_path / "depth" / "cameras.csv").read_text().splitlines()
    assert cameras[1].startswith("0,64,48,52.0")
    assert (tmp_path / "depth" / "side_by_side.mp4").stat().st_size > 0
    assert cv2.imread(str(tmp_path / "depth" / "preview" / "000000.jpg")).shape == (48, 64, 3)


def test_help_names_the_verbs_and_loads_neither_torch_nor_open3d() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from recon.cli.main import app\n"
        "print(CliRunner().invoke(app, ['--help']).output)\n"
        "assert not {'torch', 'open3d', 'cv2', 'numpy'} & set(sys.modules), sorted(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for verb in ("reconstruct", "inspect", "depth", "models", "CAPTURE --out mesh.ply"):
        assert verb in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_ctrl_c_ends_with_130_and_leaves_no_mesh(box: Path, tmp_path: Path) -> None:
    import signal

    command = [sys.executable, "-c", "from recon.cli.__main__ import main; main()", str(box)]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "box.ply"), "--voxel-size", "0.004", "--keyframes", "all"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "box_run" / "settings.toml").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert not (tmp_path / "box.ply").exists()
