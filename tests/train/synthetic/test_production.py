"""Scenes depend on their number and seed alone, are taken up where they were left, and fail in one sentence."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from recon.errors import UsageError
from train.simulation.phone import Phone
from train.synthetic import captures as writing
from train.synthetic import production as making
from train.synthetic.production import Made, Production, make_scene, make_scenes
from train.synthetic.scene import Box, Scene

from small_scene import at, looking, scene  # isort: skip


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Production:
    """Of scenes with one box of random size."""

    def one_box(rng: np.random.Generator, furniture: object, camera: object, views: int) -> Scene:
        box = at(Box(rng.uniform(0.5, 2.0, 3)), 0, 0, 3)
        return scene(box, views=tuple(looking(0.1 * i, 0, 0, 32, 24) for i in range(views)))

    monkeypatch.setattr(making, "room", one_box)
    return Production(tmp_path / "made", views=2, width=32, height=24, seed=3)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_scene_is_the_same_whatever_is_made_before_it(order: Production, tmp_path: Path) -> None:
    assert [made.rendered for made in make_scenes(order, range(2), 1)] == [2, 2]
    alone = dataclasses.replace(order, folder=tmp_path / "alone")
    list(make_scenes(alone, range(1, 2), 1))
    everything, second = contents(order.folder), contents(alone.folder)
    assert sorted(second) == [
        "depth/scene_00001_000.png", "depth/scene_00001_001.png", "image/scene_00001_000.jpg",
        "image/scene_00001_001.jpg", "intrinsics.json", "production.json",
    ]  # fmt: skip
    assert all(everything[name] == data for name, data in second.items())
    assert everything["depth/scene_00000_000.png"] != everything["depth/scene_00001_000.png"]


def test_what_is_there_is_kept_and_what_is_missing_comes_out_as_before(order: Production) -> None:
    list(make_scenes(order, range(1), 1))
    before = contents(order.folder)
    (order.folder / "image" / "scene_00000_001.jpg").unlink()
    assert list(make_scenes(order, range(1), 1)) == [Made(scene=0, rendered=1, kept=1)]
    assert contents(order.folder) == before
    assert make_scene(order, 0, lambda: False) == Made(scene=0, rendered=0, kept=2)


def test_another_seed_is_refused_in_the_same_folder(order: Production) -> None:
    list(make_scenes(order, range(1), 1))
    with pytest.raises(UsageError, match="seed 3 there, 4 here"):
        list(make_scenes(dataclasses.replace(order, seed=4), range(1), 1))


def test_scenes_of_another_kind_are_refused_in_the_same_folder(order: Production) -> None:
    list(make_scenes(order, range(1), 1))
    with pytest.raises(UsageError, match="kind room there, street here"):
        list(make_scenes(dataclasses.replace(order, kind="street"), range(1), 1))


def test_captures_are_kept_too(order: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "Phone", partial(Phone, patterns=2))
    captures = dataclasses.replace(order, form="captures")
    assert list(make_scenes(captures, range(1), 1)) == [Made(0, 2, 0)]
    assert {path.name for path in captures.folder.iterdir()} == {
        "production.json",
        "scene_00000.ply",
        "scene_00000.zip",
    }
    assert list(make_scenes(captures, range(1), 1)) == [Made(0, 0, 2)]


@pytest.mark.parametrize(("change", "sentence"), [
    ({"width": 8}, "size is 8x24; both sides must be 16 to 4096 pixels"),
    ({"form": "captures", "width": 33}, "size is 33x24; the video of a capture needs even sides"),
    ({"furniture": Path("/nowhere")}, "/nowhere: no such folder of furniture"),
])  # fmt: skip
def test_what_cannot_be_made_is_told_before_any_work(order: Production, change: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        dataclasses.replace(order, **change)


@pytest.mark.slow
def test_two_processes_make_what_one_makes(tmp_path: Path) -> None:
    one, two = (Production(tmp_path / name, views=1, width=32, height=24) for name in ("one", "two"))
    list(make_scenes(one, range(2), 1))
    assert sorted(made.scene for made in make_scenes(two, range(2), 2)) == [0, 1]
    assert contents(one.folder) == contents(two.folder)
