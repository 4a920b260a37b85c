import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from recon.cli.main import app
from recon.geometry.camera import Camera
from train.synthetic import production
from train.synthetic.scene import Box, Material, Object, Scene, Sky, View


@pytest.fixture(autouse=True)
def boxes_for_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    def box(rng: np.random.Generator, furniture: object, camera: Camera, views: int) -> Scene:
        T_world_box = np.eye(4)
        T_world_box[2, 3] = 3.0
        things = (Object(Box(rng.uniform(0.5, 2, 3)), Material(np.full((1, 1, 3), 99, np.uint8)), T_world_box),)
        sky = Sky(np.ones(3), np.ones(3))
        return Scene("box", things, (), sky, None, (View(camera, np.eye(4)),) * views)

    monkeypatch.setattr(production, "room", box)


def run(*arguments: object):
    return CliRunner().invoke(app, ["synth", *(str(argument) for argument in arguments)])


def test_scenes_are_made_and_made_again_they_are_kept(tmp_path: Path) -> None:
    arguments = ("--out", tmp_path / "made", "--scenes", 2, "--views", 2, "--size", "32x24", "--workers", 1)
    first = run(*arguments)
    assert first.exit_code == 0, first.output
    assert len(list((tmp_path / "made" / "image").iterdir())) == 4
    again = run(*arguments, "--json")
    summary = json.loads(again.stdout)
    assert (summary["rendered"], summary["kept"], summary["pictures"]) == (0, 4, 4)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--kind", "castle"], "--kind is castle; it must be room or street"),
    (["--as", "films"], "--as is films; it must be triples or captures"),
    (["--renderer", "blender"], "--renderer is blender; it must be torch or mitsuba"),
    (["--size", "big"], "--size is big; give width and height in pixels, as in 640x480"),
    (["--size", "9x9"], "size is 9x9; both sides must be 16 to 4096 pixels"),
    (["--furniture", "/nowhere"], "/nowhere: no such folder of furniture"),
    (["--device", "cuda:77"], "device is cuda:77, but this machine"),
])  # fmt: skip
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    result = run("--out", tmp_path / "made", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (tmp_path / "made").exists()


def test_without_mitsuba_a_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.synthetic import photoreal

    monkeypatch.setattr(photoreal, "require_llvm", lambda: None)
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    result = run("--out", tmp_path / "made", "--renderer", "mitsuba")
    assert result.exit_code == 2
    assert "pip install mitsuba" in result.stderr
