import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_sets import HEIGHT, WIDTH, picture, slope, write_arkitscenes, write_scannetpp, write_shift

from recon.errors import CaptureError, UsageError
from train.data.arkitscenes import ARKitScenesTraining
from train.data.base import Dataset
from train.data.scannetpp import ScanNetPlusPlusTraining
from train.data.shift import Shift


def test_arkitscenes_is_turned_upright_and_has_no_gradient(tmp_path: Path) -> None:
    dataset = ARKitScenesTraining(write_arkitscenes(tmp_path))
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 1
    sample = dataset.sample(0)
    assert sample.image.shape == (1024, 768, 3)
    assert sample.prompt is not None
    assert sample.prompt.shape == (256, 192)
    assert sample.pseudo is None
    np.testing.assert_allclose(sample.depth, np.rot90(slope(768, 1024), -1), atol=1e-6)
    np.testing.assert_allclose(sample.prompt, np.rot90(slope(192, 256), -1), atol=1e-6)


def test_scannetpp_has_the_lasers_depth_and_the_radiance_fields_edges(tmp_path: Path) -> None:
    dataset = ScanNetPlusPlusTraining(write_scannetpp(tmp_path))
    assert isinstance(dataset, Dataset)
    assert (len(dataset), dataset.name) == (1, "scannetpp")
    sample = dataset.sample(0)
    assert sample.prompt is not None
    assert sample.pseudo is not None
    np.testing.assert_allclose(sample.depth, slope(), atol=1e-6)
    np.testing.assert_allclose(sample.prompt, slope(6, 8, start=2.0), atol=1e-6)
    np.testing.assert_allclose(sample.pseudo, slope(start=1.1), atol=0.02)  # twice as coarse


@pytest.mark.parametrize("pseudo", [None, "frame_000010.png"])
def test_scannetpp_with_the_laser_alone_counts_no_gradient(tmp_path: Path, pseudo: str | None) -> None:
    dataset = ScanNetPlusPlusTraining(write_scannetpp(tmp_path, pseudo), "laser")
    sample = dataset.sample(0)
    assert dataset.name == "scannetpp-laser"
    assert sample.pseudo is None
    np.testing.assert_allclose(sample.depth, slope(), atol=1e-6)


def test_scannetpp_with_the_radiance_field_alone_takes_both_from_it(tmp_path: Path) -> None:
    sample = ScanNetPlusPlusTraining(write_scannetpp(tmp_path, "frame_000010.png"), "pseudo").sample(0)
    assert sample.pseudo is sample.depth
    np.testing.assert_allclose(sample.depth, slope(start=1.1), atol=0.02)


def test_scannetpp_without_pseudo_depth_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="render_depth: no depth map .*huggingface.co/datasets/haotongl.*scannetpp-laser"
    ):
        ScanNetPlusPlusTraining(write_scannetpp(tmp_path, None))


@pytest.mark.parametrize("zipped", [False, True])
def test_shift_is_read_from_folders_and_zips_in_any_process(tmp_path: Path, zipped: bool) -> None:
    depth = slope(start=40.0)
    depth[:3] = 1000.0  # the sky
    dataset = Shift(write_shift(tmp_path, depth, zipped))
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 2
    sample = pickle.loads(pickle.dumps(dataset)).sample(1)
    assert sample.name == "1bff-70aa/00000000"
    assert not sample.depth[:3].any()
    np.testing.assert_allclose(sample.depth[3:], depth[3:], atol=1e-4)
    assert sample.pseudo is sample.depth
    assert sample.K is not None
    np.testing.assert_allclose(sample.K[0], [WIDTH / 2, 0, WIDTH / 2 - 0.5])


def test_depth_of_shift_that_is_none_is_told(tmp_path: Path) -> None:
    root = write_shift(tmp_path, slope(), False)
    path = root / "discrete/images/train/front/depth/0aee-69fd/00000000_depth_front.png"
    dataset = Shift(root)
    cv2.imwrite(str(path), np.ones((HEIGHT, WIDTH), np.uint16))
    with pytest.raises(CaptureError, match="0aee-69fd/00000000_depth_front.png: not a depth map of 24 bits"):
        dataset.sample(0)
    picture(path, HEIGHT, WIDTH // 2)
    with pytest.raises(CaptureError, match="another size than its picture"):
        dataset.sample(0)


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        (ARKitScenesTraining, "Training: no such folder; .*github.com/apple/ARKitScenes .CC BY-NC-SA"),
        (ScanNetPlusPlusTraining, "data: no such folder; .*kaldir.vc.in.tum.de/scannetpp"),
        (Shift, "train/front: no such folder; .*vis.xyz/shift/download .CC BY-NC-SA"),
    ],
)
def test_what_is_missing_is_named_with_where_to_get_it(tmp_path: Path, dataset: type, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        dataset(tmp_path)


def test_shift_without_its_depth_is_told(tmp_path: Path) -> None:
    root = write_shift(tmp_path, slope(), False)
    shutil.rmtree(root / "discrete/images/train/front/depth")
    with pytest.raises(UsageError, match="neither depth nor depth.zip inside"):
        Shift(root)
