from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid
from train.data import synthetic
from train.data.base import Dataset
from train.data.synthetic import Synthetic, stream
from train.data.triples import Triples
from train.synthetic import production as made
from train.synthetic.production import Production
from train.synthetic.scene import Box, Lamp, Material, Object, Scene, Sky, View

SIZE = {"width": 32, "height": 24}


def bare_room(rng: np.random.Generator, furniture: object, camera: Camera, views: int) -> Scene:
    """Four walls, floor and ceiling, seen from random places inside: furnishing takes seconds."""
    grey = Material(rng.integers(50, 200, (4, 4, 3), dtype=np.uint8))
    shell = Object(Box(np.array([4.0, 2.5, 5.0])), grey, np.eye(4))
    flip = np.diag([1.0, -1.0, -1.0])
    places = [rigid(flip, rng.uniform(-0.5, 0.5, 3)) for _ in range(views)]
    lamp = Lamp(np.array([0.0, 1.0, 0.0]), 0.05, np.ones(3))
    sky = Sky(np.zeros(3), np.zeros(3))
    return Scene("room", (shell,), (lamp,), sky, None, tuple(View(camera, place) for place in places))


@pytest.fixture(autouse=True)
def bare_rooms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(made, "room", bare_room)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small steps: threads only wait for each other
    yield
    torch.set_num_threads(threads)


def test_a_picture_is_drawn_once_and_kept_as_a_triple(tmp_path: Path) -> None:
    dataset = Synthetic(tmp_path, **SIZE)
    assert isinstance(dataset, Dataset)
    drawn = dataset.sample(3)
    assert drawn.image.shape == (24, 32, 3)
    assert drawn.pseudo is drawn.depth
    assert (drawn.depth > 0).all()
    written = [path.stat().st_mtime_ns for path in tmp_path.rglob("*.*g")]
    again = Synthetic(tmp_path, **SIZE).sample(3)
    assert [path.stat().st_mtime_ns for path in tmp_path.rglob("*.*g")] == written
    kept = Triples(tmp_path).sample(0)
    for one in (again, kept):
        np.testing.assert_array_equal(one.image, drawn.image)
        np.testing.assert_array_equal(one.depth, drawn.depth)
        np.testing.assert_allclose(one.K, drawn.K)
    assert not np.array_equal(dataset.sample(4).depth, drawn.depth)


def test_a_stream_is_of_its_seed_and_resumes() -> None:
    production = Production(Path("unused"), views=2, seed=4, **SIZE)
    through = list(islice(stream(production, 2), 5))
    resumed = list(islice(stream(production, 2, first_step=3), 2))
    for (image, depth), (image_again, depth_again) in zip(through[3:], resumed, strict=True):
        torch.testing.assert_close(image, image_again, rtol=0, atol=0)
        torch.testing.assert_close(depth, depth_again, rtol=0, atol=0)
    shown = torch.cat([depth for _, depth in through])
    assert len({float(depth.mean()) for depth in shown}) == len(shown) == 10
    for image, depth in through:
        assert image.shape == (2, 3, 24, 32)
        assert depth.shape == (2, 1, 24, 32)
        assert 0 <= float(image.min()) <= float(image.max()) <= 1


@pytest.mark.slow  # rooms are furnished in earnest, in another process
def test_scenes_that_others_furnish_come_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # other processes furnish real rooms
    production = Production(Path("unused"), views=1, seed=4, **SIZE)
    source = synthetic._groups(production, 1, 2, workers=1)
    group, scenes = next(source)
    source.close()  # type: ignore[attr-defined]
    assert group == 2
    assert [scene.name for scene in scenes] == ["scene_00002"]
    expected = made.build_scene(production, 2)
    assert len(scenes[0].objects) == len(expected.objects)
    np.testing.assert_array_equal(scenes[0].views[0].T_world_camera, expected.views[0].T_world_camera)
