"""What is written is what our own readers read."""

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.captures.readers import open_capture
from recon.errors import UsageError
from train.data.triples import Triples
from train.simulation.phone import Phone
from train.synthetic import captures
from train.synthetic.captures import Stopped, in_millimetres, seed_of, write_capture, write_intrinsics, write_triple
from train.synthetic.scene import Rendered, View

from small_scene import camera, small_room  # isort: skip


@pytest.fixture(autouse=True)
def few_spot_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the phone, whose full pool takes seconds to draw."""
    monkeypatch.setattr(captures, "Phone", partial(Phone, patterns=2))


class Slope:
    """A renderer whose depth grows from row to row, and which remembers its seeds."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def render(self, view: View, seed: int) -> Rendered:
        self.seeds.append(seed)
        height, width = view.camera.height, view.camera.width
        depth = np.broadcast_to(np.linspace(1, 3, height, dtype=np.float32)[:, None], (height, width)).copy()
        return Rendered(radiance=np.repeat(depth[..., None], 3, axis=2), depth=depth)


def test_triples_come_back_by_the_training_reader(tmp_path: Path) -> None:
    view = small_room(1).views[0]
    rendered = Slope().render(view, 0)
    write_intrinsics(tmp_path, view.camera)
    write_triple(tmp_path, "scene_00000_000", rendered, np.random.default_rng(0))
    dataset = Triples(tmp_path)
    assert len(dataset) == 1
    sample = dataset.sample(0)
    assert sample.name == "scene_00000_000"
    assert sample.image.shape == (48, 64, 3)
    np.testing.assert_allclose(sample.depth, rendered.depth, atol=0.00051)
    np.testing.assert_allclose(sample.K, view.camera.K)


def test_depth_that_16_bits_of_millimetres_cannot_hold_is_unknown() -> None:
    depth = np.array([[0.0, 1.2344, 65.535, 65.6, 400.0]], np.float32)
    np.testing.assert_array_equal(in_millimetres(depth), [[0, 1234, 65535, 0, 0]])


def test_a_folder_keeps_to_one_camera(tmp_path: Path) -> None:
    write_intrinsics(tmp_path, camera())
    write_intrinsics(tmp_path, camera())
    assert json.loads((tmp_path / "intrinsics.json").read_text())["width"] == 64
    with pytest.raises(UsageError, match="another camera"):
        write_intrinsics(tmp_path, camera(32, 24))


def test_a_capture_opens_as_one_and_its_mesh_lies_beside_it(tmp_path: Path) -> None:
    made = small_room(3)
    path = tmp_path / "scene_00000.zip"
    write_capture(path, made, Slope(), 7, lambda: False)
    assert path.with_suffix(".ply").read_bytes().startswith(b"ply\nformat binary_little_endian")
    with open_capture(path) as capture:
        frames = list(capture.frames(range(3)))
        assert len(capture) == 3
        for frame, view in zip(frames, made.views, strict=True):
            np.testing.assert_allclose(frame.T_world_camera, view.T_world_camera, atol=1e-9)
            np.testing.assert_allclose(frame.camera.K, view.camera.K)
            sensor = frame.sensor()
            assert sensor.depth.shape == (192, 256)
            assert np.abs(np.median(sensor.depth) - 2) < 0.3


def test_a_capture_is_repeatable_and_every_frame_has_a_seed_of_its_own(tmp_path: Path) -> None:
    first, again = Slope(), Slope()
    for renderer, name in ((first, "a.zip"), (again, "b.zip")):
        write_capture(tmp_path / name, small_room(3), renderer, 7, lambda: False)
    assert first.seeds == again.seeds
    assert len(set(first.seeds)) == 3


def test_nothing_stands_where_a_capture_was_stopped(tmp_path: Path) -> None:
    asked = iter([False, True])
    with pytest.raises(Stopped):
        write_capture(tmp_path / "a.zip", small_room(3), Slope(), 7, lambda: next(asked))
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]


def test_seeds_differ_and_fit_in_31_bits() -> None:
    seeds = {seed_of(a, b) for a in range(20) for b in range(20)}
    assert len(seeds) == 400
    assert max(seeds) < 2**31


def test_the_depth_file_is_16_bit(tmp_path: Path) -> None:
    write_triple(tmp_path, "x", Slope().render(small_room(1).views[0], 0), np.random.default_rng(0))
    assert cv2.imread(str(tmp_path / "depth" / "x.png"), cv2.IMREAD_UNCHANGED).dtype == np.uint16
    assert sorted(path.name for path in (tmp_path / "image").iterdir()) == ["x.jpg"]
