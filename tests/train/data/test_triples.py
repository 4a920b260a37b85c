import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_triples import HEIGHT, WIDTH, slanted, write_triples

from recon.errors import CaptureError, UsageError
from train.data.base import Dataset
from train.data.triples import Triples


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_triples(tmp_path / "room")


def test_samples_are_the_files(root: Path) -> None:
    triples = Triples(root)
    assert isinstance(triples, Dataset)
    assert (triples.name, len(triples)) == ("room", 6)
    for number in range(6):
        sample = triples.sample(number)
        image, depth = slanted(number)
        np.testing.assert_array_equal(sample.image, image)
        np.testing.assert_allclose(sample.depth, depth, atol=1e-6)
        assert sample.name == f"{number:03d}"
        assert sample.pseudo is sample.depth
        assert sample.prompt is None
        assert sample.K is None


def test_prompts_pseudo_depth_and_intrinsics_are_taken_along(root: Path) -> None:
    for kind, pixels in (
        ("prompt", np.full((6, 8), 1500, np.uint16)),
        ("pseudo", np.full((HEIGHT, WIDTH), 7, np.uint16)),
    ):
        (root / kind).mkdir()
        cv2.imwrite(str(root / kind / "002.png"), pixels)
    camera = {"width": 2 * WIDTH, "height": 2 * HEIGHT, "fx": 100, "fy": 101, "cx": WIDTH - 0.5, "cy": HEIGHT - 0.5}
    (root / "intrinsics.json").write_text(json.dumps(camera))
    triples = Triples(root)
    assert len(triples) == 1
    sample = triples.sample(0)
    assert sample.prompt is not None
    assert sample.pseudo is not None
    assert sample.K is not None
    assert sample.prompt.shape == (6, 8)
    np.testing.assert_allclose(sample.prompt, 1.5)
    np.testing.assert_allclose(sample.pseudo, 0.007)
    np.testing.assert_allclose(sample.K, [[50, 0, WIDTH / 2 - 0.5], [0, 50.5, HEIGHT / 2 - 0.5], [0, 0, 1]])


def test_npz_depth_is_read_too(root: Path) -> None:
    shutil.rmtree(root / "depth")
    (root / "depth").mkdir()
    np.savez(root / "depth" / "004.npz", depth=np.full((HEIGHT, WIDTH), 3.25, np.float32))
    np.testing.assert_array_equal(Triples(root).sample(0).depth, 3.25)


def test_a_folder_without_depth_is_told(root: Path) -> None:
    shutil.rmtree(root / "depth")
    with pytest.raises(UsageError, match="depth: no such folder; give one with depth maps"):
        Triples(root)


def test_names_that_do_not_meet_are_told(root: Path) -> None:
    (root / "prompt").mkdir()
    cv2.imwrite(str(root / "prompt" / "other.png"), np.ones((6, 8), np.uint16))
    with pytest.raises(UsageError, match="no name is in image, depth, prompt alike"):
        Triples(root)


def test_depth_of_another_size_is_told(root: Path) -> None:
    cv2.imwrite(str(root / "depth" / "000.png"), np.ones((HEIGHT, WIDTH // 2), np.uint16))
    with pytest.raises(CaptureError, match="depth/000: 32x48, but the picture is 64x48"):
        Triples(root).sample(0)


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "nonsense", '{"width": 1e400}', '{"width":1,"height":1,"fx":-1,"fy":1,"cx":0,"cy":0}']
)
def test_intrinsics_that_are_none_are_told(root: Path, text: str) -> None:
    (root / "intrinsics.json").write_text(text)
    with pytest.raises(CaptureError, match="intrinsics.json: no intrinsics"):
        Triples(root)
