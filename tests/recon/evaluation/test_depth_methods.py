"""Each way to depth, and the loop that compares them."""

from pathlib import Path

import numpy as np
import pytest

from recon.captures.base import SensorDepth
from recon.depth.depth_io import write_depth
from recon.errors import CaptureError, UsageError
from recon.evaluation.depth_methods import (
    RESIZES,
    Missing,
    MonocularBaseline,
    PredictionFolder,
    PromptedNetwork,
    UpsampledPrompt,
)
from recon.evaluation.depth_pairs import Triples, TrueDepthFolder, files_by_stem
from recon.evaluation.depth_pictures import BLANK, TEXT_PX, TILE_WIDTH_PX, side_by_side
from recon.evaluation.depth_samples import DepthSample, plain_sensor
from recon.evaluation.depth_scores import Counting
from recon.evaluation.evaluate_depth import evaluate_depth, spread_evenly
from recon.evaluation.paper_tables import paper_rows

RAMP = np.linspace(1, 3, 48 * 64, dtype=np.float32).reshape(48, 64)


def sample(target: np.ndarray = RAMP, prompt: SensorDepth | None = None) -> DepthSample:
    image = np.zeros((*target.shape, 3), np.uint8)
    return DepthSample("a", target, image, prompt or plain_sensor(target[::4, ::4].copy()))


class Fixed:
    """A network that predicts what it was made with."""

    def __init__(self, depth: np.ndarray, gives: str) -> None:
        self.gives = gives
        self._depth = depth

    def predict(self, image: np.ndarray) -> np.ndarray:
        return self._depth


def baseline(depth: np.ndarray, gives: str) -> MonocularBaseline:
    return MonocularBaseline("mono", Fixed(depth, gives), 0)


def test_metres_have_a_row_as_they_are_and_one_aligned_to_the_prompt() -> None:
    prompt = plain_sensor(RAMP)
    method = baseline((RAMP - 0.5) / 2, "depth")
    raw, aligned = method.depths(sample(prompt=prompt))
    assert method.rows == ["mono", "mono, aligned"]
    np.testing.assert_allclose(raw, (RAMP - 0.5) / 2, rtol=1e-5)
    np.testing.assert_allclose(aligned, RAMP, rtol=1e-4)


def test_disparity_is_aligned_in_disparity_and_has_no_row_of_its_own() -> None:
    disparity = (1 / RAMP - 0.1) / 3
    disparity[0, 0] = -5  # farther than infinity
    method = baseline(disparity, "disparity")
    (aligned,) = method.depths(sample(prompt=plain_sensor(RAMP)))
    assert method.rows == ["mono, aligned"]
    assert aligned[0, 0] == 0
    np.testing.assert_allclose(aligned[1:], RAMP[1:], rtol=1e-3)


def test_what_cannot_be_aligned_is_missing_with_its_reason() -> None:
    raw, aligned = baseline(4 - RAMP, "depth").depths(sample(prompt=plain_sensor(RAMP)))
    assert isinstance(aligned, Missing)
    assert raw.shape == RAMP.shape
    nothing = plain_sensor(np.zeros((4, 4), np.float32))
    assert isinstance(baseline(RAMP, "depth").depths(sample(prompt=nothing))[1], Missing)


def test_the_prompt_itself_is_brought_to_the_truths_size() -> None:
    coarse = np.array([[1, 2], [3, 0]], np.float32)
    given = sample(np.ones((4, 4), np.float32), plain_sensor(coarse))
    (nearest,) = UpsampledPrompt("nearest").depths(given)
    np.testing.assert_array_equal(nearest, np.kron(coarse, np.ones((2, 2))))
    (bilinear,) = UpsampledPrompt("bilinear").depths(given)
    assert bilinear[0, 1] == pytest.approx(1.25)
    assert not bilinear[2:, 2:].any()
    (guided,) = UpsampledPrompt("joint-bilateral").depths(given)
    assert guided.shape == (4, 4)


def test_without_picture_or_prompt_there_is_no_depth_but_a_reason() -> None:
    bare = DepthSample("a", RAMP)
    assert UpsampledPrompt("nearest").depths(bare) == (Missing("no prompt"),)
    no_image = DepthSample("a", RAMP, None, plain_sensor(RAMP))
    assert UpsampledPrompt("joint-bilateral").depths(no_image) == (Missing("no picture"),)
    network = PromptedNetwork.__new__(PromptedNetwork)
    assert network.depths(no_image) == (Missing("no picture"),)
    assert network.depths(DepthSample("a", RAMP, np.zeros((4, 4, 3), np.uint8))) == (Missing("no prompt"),)
    assert baseline(RAMP, "depth").depths(no_image) == (Missing("no picture"), Missing("no picture"))


def test_files_of_another_size_are_refused_or_resized_as_asked(tmp_path: Path) -> None:
    write_depth(tmp_path / "a", np.array([[1, 2]], np.float32), "npz")
    given = sample(np.ones((2, 4), np.float32))
    with pytest.raises(UsageError, match="2x1, but the truth is 4x2; .* --resize nearest"):
        PredictionFolder(tmp_path).depths(given)
    (nearest,) = PredictionFolder(tmp_path, RESIZES["nearest"]).depths(given)
    np.testing.assert_array_equal(nearest, [[1, 1, 2, 2]] * 2)
    (bilinear,) = PredictionFolder(tmp_path, RESIZES["bilinear"]).depths(given)
    np.testing.assert_allclose(bilinear, [[1, 1.25, 1.75, 2]] * 2)


def test_each_image_without_its_prediction_is_counted(tmp_path: Path) -> None:
    truth, predicted = tmp_path / "truth", tmp_path / "predicted"
    for folder, names in ((truth, "abc"), (predicted, "bcd")):
        folder.mkdir()
        for name in names:
            write_depth(folder / name, np.full((2, 2), 2.0 if folder == truth else 2.5, np.float32), "png")
    (truth / "sub").mkdir()
    write_depth(truth / "sub" / "b", np.zeros((2, 2), np.float32), "exr")
    result = evaluate_depth(TrueDepthFolder(truth), [PredictionFolder(predicted)], Counting())
    (row,) = result.rows
    assert list(row.frames) == ["b", "c"]
    assert row.mean.l1 == pytest.approx(0.5)
    assert dict(row.missing) == {"no file of this name": 1}
    assert dict(result.skipped) == {"no pixel of the truth counts": 1}
    assert result.samples == 4


def test_nothing_to_compare_ends_with_the_reasons(tmp_path: Path) -> None:
    write_depth(tmp_path / "a", np.zeros((2, 2), np.float32), "png")
    with pytest.raises(CaptureError, match=r"none of 1 .* no pixel of the truth counts \(1\)"):
        evaluate_depth(TrueDepthFolder(tmp_path), [PredictionFolder(tmp_path)], Counting())


def test_a_file_that_cannot_be_read_is_counted_and_named(tmp_path: Path) -> None:
    for name in "ab":
        write_depth(tmp_path / name, np.ones((2, 2), np.float32), "png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    result = evaluate_depth(TrueDepthFolder(tmp_path), [PredictionFolder(tmp_path)], Counting())
    assert dict(result.skipped) == {"cannot be read": 1}
    assert any("c.png" in note for note in result.notes)


@pytest.mark.parametrize(("factor", "words"), [(1000.0, "1e+03 times"), (0.256, "0.256 times")])
def test_another_unit_is_noticed(factor: float, words: str, tmp_path: Path) -> None:
    truth, predicted = tmp_path / "truth", tmp_path / "predicted"
    for folder, scale in ((truth, 1), (predicted, np.float32(factor))):
        folder.mkdir()
        write_depth(folder / "a", RAMP * scale, "npz")
    result = evaluate_depth(TrueDepthFolder(truth), [PredictionFolder(predicted)], Counting())
    assert any(f"{words} the truth" in note for note in result.notes)


def test_two_files_of_one_name_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no depth maps inside"):
        TrueDepthFolder(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        TrueDepthFolder(tmp_path / "none")
    for suffix in ("png", "npz"):
        write_depth(tmp_path / "a", RAMP, suffix)
    with pytest.raises(UsageError, match="has the same name"):
        files_by_stem(tmp_path, (".png", ".npz"), "depth maps")


def test_triples_need_all_three(tmp_path: Path) -> None:
    for kind in ("depth", "prompt"):
        (tmp_path / kind).mkdir()
        write_depth(tmp_path / kind / "a", RAMP, "png")
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "b.jpg").touch()
    with pytest.raises(CaptureError, match="no name is in image, prompt and depth alike"):
        Triples(tmp_path)


def test_frames_are_spread_evenly() -> None:
    assert spread_evenly(10, None) == list(range(10))
    assert spread_evenly(10, 20) == list(range(10))
    assert spread_evenly(10, 2) == [2, 7]
    assert spread_evenly(10, 1) == [5]


def test_a_picture_has_a_line_a_row_of_five_tiles_red_where_a_tenth_is_wrong() -> None:
    target = np.full((40, 320), 2.0, np.float32)
    target[:, 160:] = 4.0
    good, bad = target.copy(), target * np.float32(1.2)
    bad[:20] = np.nan
    outcomes = {"good": good, "bad": bad, "none": Missing("no prompt")}
    picture = side_by_side(sample(target), outcomes, Counting())
    assert picture.shape == (2 * (40 + TEXT_PX), 5 * TILE_WIDTH_PX, 3)
    error = picture[:, 4 * TILE_WIDTH_PX :]
    assert error[TEXT_PX + 10, 10].max() < 80  # dark: no error
    red, green, blue = error[-5, 10].tolist()
    assert red > 100 > max(green, blue)
    assert (error[40 + 2 * TEXT_PX + 10, 10] == BLANK).all()


def test_the_papers_rows_are_those_printed() -> None:
    rows = {(row.table, row.lidar, row.method): row for row in paper_rows("arkitscenes", "768x1024")}
    assert rows[1, "in the network", "Ours"].scores == {"l1": 0.0132, "rmse": 0.0315}
    assert rows[1, "in the network", "ARKit depth"].scores == {"l1": 0.0250, "rmse": 0.0423}
    assert rows[1, "aligned after", "Lotus"].scores == {"l1": 0.0621, "rmse": 0.0962}
    assert "impossible" in rows[1, "none", "Depth Anything v2*"].notes[0]
    assert rows[3, "in the network", "(e) cross-attention prompting"].scores == {"l1": 0.0523, "abs_rel": 0.0443}
    scannetpp = {(row.table, row.lidar, row.method): row for row in paper_rows("scannetpp")}
    ours = scannetpp[2, "in the network", "Ours"].scores
    assert (ours["l1"], ours["rmse"], ours["abs_rel"], ours["d05"]) == (0.0250, 0.0829, 0.0175, 0.9781)
    assert (ours["accuracy"], ours["completeness"], ours["f_score"]) == (0.0699, 0.0616, 0.7619)
    assert paper_rows("triples") == []


def test_no_printed_rmse_is_below_its_l1_unless_marked() -> None:
    for size in ("384x512", "768x1024", "1440x1920"):
        rows = [row for row in paper_rows("arkitscenes", size) if row.table == 1]
        assert len(rows) == 20
        assert all(row.scores["rmse"] >= row.scores["l1"] or row.notes for row in rows)
