"""``recon eval-depth``, on files of a box room whose exact depth is known."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from box_room import DEPTH, IMAGE, BoxRoom, look, poses, write_capture
from report_rows import report_rows
from typer.testing import CliRunner, Result

import promptda
from recon.cli.main import app
from recon.depth.depth_io import write_depth
from recon.evaluation.capture_truth import CaptureTruth

SCORES = ("l1", "rmse", "abs_rel", "d05", "d1", "d2", "d3", "silog", "edge_f_score", "unknown")
PROMPT_ROWS = ["prompt, bilinear", "prompt, nearest", "prompt, joint-bilateral"]
COUNT = 3


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval-depth", *[str(argument) for argument in arguments]])


def values_of(*arguments: object) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def triples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few views: checkered pictures, coarse depth, exact depth."""
    root = tmp_path_factory.mktemp("triples")
    for kind in ("image", "prompt", "depth"):
        (root / kind).mkdir()
    board = np.indices((IMAGE.height, IMAGE.width)).sum(0) // 16 % 2
    for number, pose in enumerate(poses(COUNT)):
        picture = np.where(board[..., None] > 0, 200, 60).astype(np.uint8).repeat(3, axis=2)
        cv2.imwrite(str(root / "image" / f"{number}.png"), picture)
        write_depth(root / "prompt" / f"{number}", look(DEPTH, pose)[0], "png")
        write_depth(root / "depth" / f"{number}", look(IMAGE, pose)[0], "exr")
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    torch.manual_seed(0)
    promptda.save(promptda.PromptedDepth(promptda.Architecture.released("vits")), path)
    return path


@pytest.fixture(scope="module")
def monocular(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Depth Anything with random weights, once of disparity and once of metres."""
    transformers = pytest.importorskip("transformers")
    folders = {}
    for kind in ("relative", "metric"):
        backbone = transformers.Dinov2Config(
            image_size=28, patch_size=14, hidden_size=16, num_hidden_layers=4, num_attention_heads=2,
            out_indices=[1, 2, 3, 4], apply_layernorm=True, reshape_hidden_states=False,
        )  # fmt: skip
        config = transformers.DepthAnythingConfig(
            backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
            head_hidden_size=8, depth_estimation_type=kind, max_depth=4,
        )  # fmt: skip
        torch.manual_seed(0)
        network = transformers.DepthAnythingForDepthEstimation(config)
        for parameter in network.parameters():  # the usual tiny ones give a constant
            torch.nn.init.normal_(parameter, std=0.3)
        torch.nn.init.constant_(network.head.conv3.bias, 1.0)
        folders[kind] = tmp_path_factory.mktemp(kind)
        network.save_pretrained(folders[kind])
        processor = {
            "image_processor_type": "DPTImageProcessor", "size": {"height": 56, "width": 56}, "do_resize": True,
            "keep_aspect_ratio": True, "ensure_multiple_of": 14, "do_rescale": True, "do_normalize": True,
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 3,
        }  # fmt: skip
        (folders[kind] / "preprocessor_config.json").write_text(json.dumps(processor))
    return folders


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Path, Path]:
    """Ten per cent too far, in three formats, with one file on each side that has no partner."""
    predicted, truth = tmp_path / "predicted", tmp_path / "truth"
    for folder in (predicted, truth):
        folder.mkdir()
    for name, file_format in (("a", "png"), ("b", "exr"), ("c", "npz")):
        depth = np.linspace(1, 4, 60, dtype=np.float32).reshape(6, 10)
        write_depth(truth / name, depth, "npz")
        write_depth(predicted / name, depth * np.float32(1.1), file_format)
    write_depth(truth / "only_true", depth, "png")
    write_depth(predicted / "only_predicted", depth, "png")
    return predicted, truth


def test_two_folders_by_equal_stems_in_any_format(pairs: tuple[Path, Path]) -> None:
    values = values_of(*pairs)
    (row,) = values["rows"]
    assert (row["row"], row["images"]) == (str(pairs[0]), 3)
    assert row["abs_rel"] == pytest.approx(0.1, abs=2e-4)  # millimetres of the PNG
    assert row["l1"] == pytest.approx(0.25, abs=3e-4)
    assert (row["d05"], row["unknown"]) == (1, 0)
    assert row["missing"] == {"no file of this name": 1}
    assert values["samples"] == 4
    assert any("1 depth maps without a truth" in note for note in values["notes"])


def test_depth_beyond_65_metres_has_its_unit_in_a_sidecar(tmp_path: Path) -> None:
    far = np.array([[80.0, 10.0]], np.float32)
    for name in ("predicted", "truth"):
        (tmp_path / name).mkdir()
        write_depth(tmp_path / name / "a", far, "png" if name == "predicted" else "npz")
    assert values_of(tmp_path / "predicted", tmp_path / "truth")["rows"][0]["l1"] == 0


def test_a_table_for_a_person(pairs: tuple[Path, Path]) -> None:
    result = run(*pairs)
    assert result.exit_code == 0, result.output
    for words in ("L1 m", "SILog", "edge F", "0.1000", "missing", "no file of this name", "left out of the means"):
        assert words in result.stdout


def test_prompt_network_and_baselines_in_one_command(
    triples: Path, weights: Path, monocular: dict[str, Path], tmp_path: Path
) -> None:
    frames, table, pictures = tmp_path / "frames.csv", tmp_path / "rows.csv", tmp_path / "pictures"
    values = values_of(
        "--dataset", "triples", "--root", triples, "--model", weights, "--resolution", "112x84",
        "--baseline", monocular["relative"], "--baseline", monocular["metric"],
        "--csv", table, "--frames-csv", frames, "--pictures", pictures, "--picture-count", 2,
    )  # fmt: skip
    rows = {row["row"]: row for row in values["rows"]}
    relative, metric = str(monocular["relative"]), str(monocular["metric"])
    assert list(rows) == [*PROMPT_ROWS, str(weights), f"{relative}, aligned", metric, f"{metric}, aligned"]
    for name in (*PROMPT_ROWS, str(weights), metric):
        assert rows[name]["images"] == COUNT
    assert rows["prompt, bilinear"]["l1"] < rows["prompt, nearest"]["l1"] < rows[str(weights)]["l1"]
    for row in rows.values():
        assert row["images"] + sum(row["missing"].values()) == COUNT
        assert row["images"] == 0 or row["l1"] > 0
    with table.open() as file:
        assert [line["row"] for line in csv.DictReader(file)] == list(rows)
    with frames.open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(row["images"] for row in rows.values())
    mean = np.mean([float(line["l1"]) for line in lines if line["row"] == "prompt, nearest"])
    assert mean == pytest.approx(rows["prompt, nearest"]["l1"])
    assert sorted(path.name for path in pictures.iterdir()) == ["0.png", "1.png"]
    assert cv2.imread(str(pictures / "0.png")).shape[1] == 5 * 320


def test_the_report_tells_what_the_json_tells(triples: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    arguments = ("--dataset", "triples", "--root", triples, "--report", page, "--picture-count", 2)
    values = values_of(*arguments)
    rows = report_rows(page)
    assert [row["row"] for row in values["rows"]] == PROMPT_ROWS
    for row in values["rows"]:
        digits = {"silog": 2}
        told = ["unknown" if row[key] is None else f"{row[key]:.{digits.get(key, 4)}f}" for key in SCORES]
        assert rows[row["row"]] == [str(row["images"]), *told]
    assert (rows["data set"], rows["truth"]) == (["triples"], [str(triples)])
    assert page.read_text("utf-8").count("data:image/jpeg") == 2
    refused = run(*arguments)
    assert (refused.exit_code, "exists already" in refused.output) == (2, True)
    assert run(*arguments, "--overwrite").exit_code == 0


def test_no_file_but_those_asked_for(pairs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for arguments, written in (((), []), (("--report", "page.html"), ["page.html"])):
        assert run(*pairs, *arguments).exit_code == 0
        assert [path.name for path in folder.iterdir()] == written


def test_the_network_is_given_the_prompt(triples: Path, weights: Path) -> None:
    values = values_of(
        "--dataset", "triples", "--root", triples, "--model", weights, "--resolution", "112x84", "--upsample", "none"
    )
    (row,) = values["rows"]
    assert row["abs_rel"] < 0.6  # its depth lies in the prompt's range
    assert row["unknown"] == 0


def test_a_capture_with_better_depth_by_frame_number(tmp_path: Path) -> None:
    capture = write_capture(tmp_path / "box")
    truth = tmp_path / "laser"
    truth.mkdir()
    for number in (0, 6, 12):
        write_depth(truth / f"{number:06d}", look(IMAGE, poses(24)[number])[0], "exr")
    write_depth(truth / "000999", np.ones((2, 2), np.float32), "exr")
    values = values_of("--capture", capture, "--truth", truth, "--upsample", "bilinear")
    (row,) = values["rows"]
    assert row["images"] == 3
    assert row["l1"] < 0.02
    assert any("1 depth maps" in note and "no frame" in note for note in values["notes"])
    other = tmp_path / "other"
    other.mkdir()
    (truth / "000999.exr").rename(other / "000999.exr")
    refused = run("--capture", capture, "--truth", other)
    assert (refused.exit_code, "rename them, the first to 000000.png" in refused.output) == (2, True)


def test_depth_of_a_drive_is_found_by_camera_and_number(tmp_path: Path) -> None:
    capture = BoxRoom(4)
    capture.table = dataclasses.replace(
        capture.table, index=np.array([0, 1, 0, 1]), camera_name=("front", "front", "left", "left")
    )
    for camera, depth in (("left", 2.0), ("elsewhere", 1.0)):
        (tmp_path / camera).mkdir()
        write_depth(tmp_path / camera / "000001", np.full((4, 4), depth, np.float32), "npz")
    source = CaptureTruth(capture, tmp_path)
    assert source.names == ["left/000001"]
    assert len(source.notes) == 1
    (read,) = source.samples([0])
    assert (read().target == 2.0).all()
    np.testing.assert_array_equal(read().prompt.depth, next(capture.frames([3])).sensor().depth)


@pytest.fixture(scope="module")
def arkitscenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("upsampling")
    (root / "metadata.csv").write_text("video_id,fold,sky_direction\n7,Validation,Left\n")
    maps = {
        "wide": np.full((1440, 1920, 3), 90, np.uint8),
        "highres_depth": np.full((1440, 1920), 2000, np.uint16),
        "lowres_depth": np.full((192, 256), 1500, np.uint16),
    }
    maps["lowres_depth"][:96] = 0
    for kind, pixels in maps.items():
        (root / "Validation" / "7" / kind).mkdir(parents=True)
        cv2.imwrite(str(root / "Validation" / "7" / kind / "7_1.000.png"), pixels)
    return root


def test_arkitscenes_beside_the_papers_numbers_of_that_factor(arkitscenes: Path, tmp_path: Path) -> None:
    table, page = tmp_path / "rows.csv", tmp_path / "report.html"
    values = values_of(
        "--dataset", "arkitscenes", "--root", arkitscenes, "--factor", 2, "--upsample", "nearest", "--paper",
        "--csv", table, "--report", page,
    )  # fmt: skip
    (row,) = values["rows"]
    assert row["l1"] == pytest.approx((0.5 + 2) / 2)  # unknown pixels count as depth 0
    assert row["unknown"] == 0.5
    assert values["counting"] == {"min_depth": 0.01, "max_depth": None, "unknown_is_zero": True}
    paper = {(line["group"], line["lidar"], line["row"]): line for line in values["paper"]}
    assert paper["zero-shot", "in the network", "ARKit depth"]["l1"] == 0.0251
    assert len([line for line in values["paper"] if line["table"] == 1]) == 20
    reported = report_rows(page)["table 1: ARKit depth (zero-shot; LiDAR in the network)"]
    assert next(float(cell) for cell in reported if cell) == 0.0251
    with table.open() as file:
        assert {line["source"] for line in csv.DictReader(file)} == {"measured", "paper, table 1"}
    told = run("--dataset", "arkitscenes", "--root", arkitscenes, "--upsample", "nearest", "--paper").stdout
    assert "paper, table 1: Ours (trained on these sets; LiDAR in the network)" in told
    assert "0.0132" in told


def test_scannetpp_as_its_toolbox_leaves_it_beside_the_papers_table(tmp_path: Path) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "two.txt").write_text("09c1414f1b\nabsent0000\n")
    for scene, frames in (("09c1414f1b", (0, 10)), ("1ada7a0617", (20,))):
        for frame in frames:
            truth = np.full((1440, 1920), 1.0, np.float32)
            truth[:720], truth[720:730] = 6.0, 0.05  # beyond and at the limits, which do not count
            for kind, depth in (("render_depth", truth), ("depth", np.full((192, 256), 1.25, np.float32))):
                folder = tmp_path / "data" / scene / "iphone" / kind
                folder.mkdir(parents=True, exist_ok=True)
                write_depth(folder / f"frame_{frame:06d}", depth, "png")
            (tmp_path / "data" / scene / "iphone" / "rgb").mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / f"data/{scene}/iphone/rgb/frame_{frame:06d}.jpg"), np.zeros((1440, 1920, 3)))
    base = ("--dataset", "scannetpp", "--root", tmp_path, "--upsample", "nearest", "--paper")
    values = values_of(*base)
    assert values["rows"][0]["images"] == 3
    assert values["rows"][0]["l1"] == pytest.approx(0.25)
    paper = {(line["table"], line["lidar"], line["row"]): line for line in values["paper"]}
    assert paper[2, "in the network", "ARKit depth"]["d05"] == 0.9659
    two = values_of(*base, "--split", "two")
    assert (two["rows"][0]["images"], two["samples"]) == (2, 2)
    assert any("1 of 2 scenes have no frame" in note for note in two["notes"])
    assert values_of(*base, "--split", "paper")["rows"][0]["images"] == 3
    refused = run(*base, "--split", "../two")
    assert (refused.exit_code, "split is ../two" in refused.output) == (2, True)


def test_unknown_pixels_can_be_left_out_instead(arkitscenes: Path) -> None:
    (row,) = values_of(
        "--dataset", "arkitscenes", "--root", arkitscenes, "--upsample", "nearest", "--unknown", "skip"
    )["rows"]  # fmt: skip
    assert (row["l1"], row["unknown"]) == (0.5, 0.5)


def test_the_paper_has_nothing_for_other_data(triples: Path) -> None:
    values = values_of("--dataset", "triples", "--root", triples, "--upsample", "nearest", "--paper")
    assert values["paper"] == []
    assert "the paper has no numbers for this data" in values["notes"]


def test_few_frames_and_a_range_of_the_truth(triples: Path) -> None:
    base = ("--dataset", "triples", "--root", triples, "--upsample", "nearest")
    values = values_of(*base, "--max-frames", 1, "--max-depth", 1.9)
    assert values["samples"] == 1
    assert values["counting"]["max_depth"] == 1.9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give two folders"),
        (("a",), "what is true is not given"),
        (("a", "b", "--dataset", "triples"), "give two folders"),
        (("--capture", "a"), "--capture and --truth go together"),
        (("--dataset", "triples"), "--dataset and --root go together"),
        (("--dataset", "kitti", "--root", "a"), "dataset is kitti; it must be arkitscenes or scannetpp or triples"),
        (("a", "b", "--factor", "2"), "--factor goes with --dataset arkitscenes"),
        (("a", "b", "--split", "x"), "--split goes with --dataset arkitscenes or scannetpp"),
        (("a", "b", "--model", "vits"), "no pictures to predict from"),
        (("a", "b", "--unknown", "maybe"), "unknown is maybe; it must be skip or zero"),
        (("a", "b", "--min-depth", "3", "--max-depth", "2"), "must be at least 0 and rise"),
        (("a", "b"), "b: no such folder"),
        (("a", "b", "--csv", "table.txt"), "must end in .csv"),
        (("a", "b", "--report", "page.pdf"), "must end in .html"),
        (("--dataset", "arkitscenes", "--root", "a", "--factor", "3"), "factor is 3; it must be 2, 4, 8"),
    ],
)
def test_wrong_options_end_with_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output


def test_wrong_uses_of_good_folders_end_with_a_sentence(
    pairs: tuple[Path, Path], triples: Path, tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    small = tmp_path / "small"
    small.mkdir()
    write_depth(small / "a", np.ones((3, 5), np.float32), "png")
    cases = [
        ((*pairs, "--resize", "cubic"), "resize is cubic"),
        ((*pairs, "--upsample", "nearest"), "no prompt to upsample"),
        ((*pairs, "--predictions", pairs[0]), "given twice"),
        ((*pairs, "--pictures", full), "not empty"),
        ((small, pairs[1]), "5x3, but the truth is 10x6"),
        (("--dataset", "triples", "--root", triples, "--upsample", "none"), "nothing to compare"),
        (("--dataset", "triples", "--root", triples, "--upsample", "cubic"), "upsample is cubic"),
        (("--dataset", "triples", "--root", triples, "--baseline", "x=metres"), "baseline x is metres"),
    ]
    for arguments, words in cases:
        result = run(*arguments)
        assert (result.exit_code, words in result.output) == (2, True), result.output
    assert values_of(small, pairs[1], "--resize", "nearest")["rows"][0]["images"] == 1


def test_an_eight_bit_picture_is_no_depth(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in "abc":
        cv2.imwrite(str(pictures / f"{name}.png"), np.full((6, 10), 7, np.uint8))
    result = run(pictures, pairs[1])
    assert result.exit_code == 2
    assert "cannot be read (3)" in result.output
    assert "16-bit grey is needed" in result.output


def test_a_baseline_that_cannot_be_had_ends_with_a_sentence(
    triples: Path, monocular: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ("--dataset", "triples", "--root", triples, "--upsample", "none", "--baseline")
    pickled = tmp_path / "pickled"
    shutil.copytree(monocular["metric"], pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "prompt_depth_anything"}))
    for name, words in ((pickled, "with model.safetensors"), (other, "give it with --model")):
        result = run(*base, name)
        assert (result.exit_code, words in result.output) == (2, True), result.output
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    result = run(*base, monocular["metric"])
    assert result.exit_code == 2
    assert "pip install 'transformers" in result.output
