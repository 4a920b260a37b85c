"""The protocol of ARKitScenes' depth upsampling, on files written in its layout."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.errors import CaptureError, UsageError
from recon.evaluation.arkitscenes import COUNTING, ARKitScenes
from recon.evaluation.depth_methods import UpsampledPrompt
from recon.evaluation.evaluate_depth import evaluate_depth

RNG = np.random.default_rng(0)
# Varies from pixel to pixel, so that every choice of resampling shows.
WIDE = RNG.integers(0, 255, (1440, 1920, 3)).astype(np.uint8)
TRUTH_MM = RNG.integers(0, 3000, (1440, 1920)).astype(np.uint16)  # some at 0 to 10 mm do not count
PROMPT_MM = RNG.integers(500, 3000, (192, 256)).astype(np.uint16)
SKIES = {"Up": 1, "Left": 2, "Right": 3, "Down": 4}


def write_video(root: Path, video: str, frame: str = "12.345") -> None:
    for kind, pixels in (("wide", WIDE[..., ::-1]), ("highres_depth", TRUTH_MM), ("lowres_depth", PROMPT_MM)):
        folder = root / "Validation" / video / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{video}_{frame}.png").write_bytes(
            cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes()
        )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("upsampling")
    lines = ["video_id,visit_id,fold,sky_direction"]
    for sky, number in SKIES.items():
        write_video(root, str(number))
        lines.append(f"{number},{number},Validation,{sky}")
    (root / "metadata.csv").write_text("\n".join([*lines, "5,5,Training,Up", "6,6,Validation,Up"]) + "\n")
    return root


def quarter_turns(pixels: np.ndarray, sky: str) -> np.ndarray:
    """NumPy turns counter-clockwise."""
    return np.rot90(pixels, {"Up": 0, "Left": 3, "Right": 1, "Down": 2}[sky])


def read(source: ARKitScenes, row: int):
    (reader,) = source.samples([row])
    sample = reader()
    assert sample.name == source.names[row]
    return sample


@pytest.mark.parametrize("sky", SKIES)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_sizes_resampling_and_turning_are_the_authors(root: Path, sky: str, factor: int) -> None:
    source = ARKitScenes(root, factor=factor)
    sample = read(source, SKIES[sky] - 1)
    high = {2: (512, 384), 4: (1024, 768), 8: (1920, 1440)}[factor]
    low = (240, 180) if factor == 8 else (256, 192)
    truth = cv2.resize(TRUTH_MM, high, interpolation=cv2.INTER_NEAREST) / 1000
    prompt = cv2.resize(PROMPT_MM, low, interpolation=cv2.INTER_NEAREST) / 1000
    image = cv2.resize(WIDE, high, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(sample.target, quarter_turns(truth.astype(np.float32), sky))
    np.testing.assert_array_equal(sample.prompt.depth, quarter_turns(prompt.astype(np.float32), sky))
    np.testing.assert_array_equal(sample.image, quarter_turns(image, sky))
    assert sample.target.shape[0] % 32 == sample.target.shape[1] % 32 == 0


def test_scores_are_the_means_of_the_images_over_truth_above_a_centimetre(root: Path) -> None:
    result = evaluate_depth(ARKitScenes(root), [UpsampledPrompt("nearest")], COUNTING)
    (row,) = result.rows
    errors = []
    for sky in SKIES:
        truth = quarter_turns(cv2.resize(TRUTH_MM, (1024, 768), interpolation=cv2.INTER_NEAREST) / 1000, sky)
        prompt = np.kron(quarter_turns(PROMPT_MM / 1000, sky), np.ones((4, 4)))
        error = np.abs(prompt - truth)[truth > 0.01]
        errors.append((error.mean(), np.sqrt((error**2).mean())))
    assert len(row.frames) == 4
    assert (row.mean.l1, row.mean.rmse) == pytest.approx(tuple(np.mean(errors, axis=0)), rel=1e-6)


def test_a_video_that_was_not_downloaded_is_told(root: Path) -> None:
    source = ARKitScenes(root)
    assert source.names == ["1/1_12.345", "2/2_12.345", "3/3_12.345", "4/4_12.345"]
    assert source.notes == ["1 of 5 videos in metadata.csv have no pictures here"]


def test_what_is_not_the_set_ends_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder; give the --root that holds Validation/"):
        ARKitScenes(tmp_path)
    (tmp_path / "Validation").mkdir()
    with pytest.raises(UsageError, match="which way is up"):
        ARKitScenes(tmp_path)
    (tmp_path / "metadata.csv").write_text("video_id,fold,sky_direction\n../../etc,Validation,Up\n")
    with pytest.raises(CaptureError, match="video '../../etc'"):
        ARKitScenes(tmp_path)
    (tmp_path / "metadata.csv").write_text("video_id,fold,sky_direction\n1,Validation,North\n")
    with pytest.raises(CaptureError, match="'North'"):
        ARKitScenes(tmp_path)
    (tmp_path / "metadata.csv").write_text("video_id,fold,sky_direction\n1,Validation,Up\n")
    with pytest.raises(CaptureError, match="download the set"):
        ARKitScenes(tmp_path)
    with pytest.raises(UsageError, match="factor is 3"):
        ARKitScenes(tmp_path, factor=3)
    with pytest.raises(UsageError, match="split is Test"):
        ARKitScenes(tmp_path, split="Test")


def test_a_missing_file_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    write_video(tmp_path, "1")
    write_video(tmp_path, "1", "13.000")
    (tmp_path / "Validation" / "1" / "lowres_depth" / "1_13.000.png").unlink()
    (tmp_path / "metadata.csv").write_text("video_id,fold,sky_direction\n1,Validation,Up\n")
    result = evaluate_depth(ARKitScenes(tmp_path, factor=2), [UpsampledPrompt("bilinear")], COUNTING)
    assert (len(result.rows[0].frames), dict(result.skipped)) == (1, {"cannot be read": 1})
    assert "1_13.000.png" in result.notes[0]
