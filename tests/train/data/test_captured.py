import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from box_room import DEPTH, IMAGE, look, poses, write_capture
from made_drive import street, write_generic

from recon.captures.base import LidarSweep, SensorDepth
from recon.errors import UsageError
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject
from train.data.augmentation import resize_true_depth
from train.data.base import Dataset
from train.data.captured import Captured, at_picture_pixels, split_sweep


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_capture(tmp_path_factory.mktemp("captured") / "box", 4)


def test_a_phones_depth_is_prompt_and_sparse_truth(room: Path) -> None:
    dataset = Captured(room)
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 4
    sample = pickle.loads(pickle.dumps(dataset)).sample(2)
    assert sample.image.shape == (IMAGE.height, IMAGE.width, 3)
    assert sample.prompt is not None
    assert sample.confidence is not None
    assert sample.prompt.shape == (DEPTH.height, DEPTH.width)
    assert sample.pseudo is None
    exact = look(IMAGE, poses(4)[2])[0]
    known = sample.depth > 0
    assert np.count_nonzero(known) == DEPTH.height * DEPTH.width
    np.testing.assert_allclose(sample.depth[known], exact[known], atol=0.02)  # half a pixel of the picture aside


def test_true_depth_of_a_folder_is_the_truth_of_its_frames(room: Path, tmp_path: Path) -> None:
    exact = look(IMAGE, poses(4)[3])[0]
    cv2.imwrite(str(tmp_path / "000003.png"), np.rint(exact * 1000).astype(np.uint16))
    dataset = Captured(room, tmp_path)
    assert len(dataset) == 1
    sample = pickle.loads(pickle.dumps(dataset)).sample(0)
    np.testing.assert_allclose(sample.depth, exact, atol=0.001)
    assert sample.pseudo is sample.depth
    assert sample.confidence is not None


def test_doubtful_depth_is_no_truth() -> None:
    camera = Camera.from_focal(8, 8, 8.0, 8.0, 3.5, 3.5)
    confidence = np.array([[2, 1], [0, 2]], np.uint8)
    depth = at_picture_pixels(SensorDepth(np.full((2, 2), 3.0, np.float32), confidence, camera.resized(2, 2)), camera)
    assert np.argwhere(depth).tolist() == [[2, 2], [6, 6]]


def test_a_sweep_is_split_into_a_prompt_and_a_truth_that_knows_more() -> None:
    camera = Camera.from_focal(320, 192, 250.0, 250.0, 159.5, 95.5)
    rows, columns = np.mgrid[20:180:3, 5:315:2]
    picture = np.zeros((192, 320), np.float32)
    picture[rows, columns] = 10 + 0.02 * rows + 0.01 * columns
    points = backproject(picture, camera)[picture > 0].astype(np.float32)
    prompt, depth = split_sweep(LidarSweep(points, camera), np.random.default_rng(0))
    np.testing.assert_allclose(depth, picture, rtol=1e-4)
    assert prompt.depth.shape == (192, 320)
    assert prompt.confidence is not None
    measured = prompt.confidence == 2
    assert 0.4 < measured.sum() / (picture > 0).sum() < 0.6
    np.testing.assert_allclose(prompt.depth[measured], picture[measured], rtol=1e-4)
    exact = 10 + 0.02 * np.arange(192)[:, None] + 0.01 * np.arange(320)
    assert np.abs(prompt.depth - exact)[prompt.depth > 0].max() < 0.3


def test_sparse_truth_survives_a_smaller_picture() -> None:
    rng = np.random.default_rng(0)
    sparse = np.where(rng.random((240, 320)) < 0.02, rng.uniform(2, 50, (240, 320)), 0).astype(np.float32)
    smaller = resize_true_depth(sparse, (60, 80))
    blocks = sparse.reshape(60, 4, 80, 4).transpose(0, 2, 1, 3).reshape(60, 80, 16)
    nearest = np.where(blocks > 0, blocks, np.inf).min(axis=-1)
    np.testing.assert_array_equal(smaller, np.where(np.isinf(nearest), 0, nearest))


def test_a_capture_without_pictures_is_told(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "bare", 3)
    for path in folder.glob("frame_*.jpg"):
        path.unlink()
    with pytest.raises(UsageError, match="bare: no frame has a picture and depth"):
        Captured(folder)


def test_a_drive_gives_completed_prompts_and_the_returns_as_truth(tmp_path: Path) -> None:
    made = street(frames=4)
    dataset = Captured(write_generic(made, tmp_path / "drive"))
    sample = pickle.loads(pickle.dumps(dataset)).sample(1)
    assert sample.prompt is not None
    assert sample.confidence is not None
    assert sample.K is not None
    assert sample.pseudo is None
    known = sample.depth > 0
    assert 0.005 < known.mean() < 0.5
    assert sample.prompt.shape[0] == 192
    assert set(np.unique(sample.confidence)) == {0, 1, 2}
    rows, columns = (
        np.nonzero(known)[axis] * side // known.shape[axis] for axis, side in enumerate(sample.prompt.shape)
    )
    prompt = sample.prompt[rows, columns]
    error = np.abs(prompt / sample.depth[known] - 1)[prompt > 0]
    assert np.median(error) < 0.03
