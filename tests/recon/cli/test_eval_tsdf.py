import csv
import json
import math
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from box_room import SIZE, write_capture
from report_rows import report_rows
from typer.testing import CliRunner

from recon.cli.main import app
from recon.evaluation.views import read_views
from recon.fusion.mesh import Mesh
from recon.fusion.mesh_files import read_shape, write_mesh
from recon.geometry.transforms import apply, rigid
from recon.report import evaluation

KEYS = ("accuracy", "completeness", "chamfer", "precision", "recall", "f_score")


def run(*arguments: object):
    return CliRunner().invoke(app, ["eval-tsdf", *[str(argument) for argument in arguments]])


def square(z: float, width: float = 1.0) -> Mesh:
    vertices = np.array([[0, 0, z], [width, 0, z], [width, 1, z], [0, 1, z]], np.float64)
    return Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


@pytest.fixture
def meshes(tmp_path: Path) -> tuple[Path, Path]:
    """A square 6 cm above the left half of a rectangle."""
    paths = tmp_path / "predicted.ply", tmp_path / "truth.obj"
    write_mesh(square(0.06), paths[0])
    write_mesh(square(0.0, width=2.0), paths[1])
    return paths


def test_json_alone_on_stdout_with_the_scores_in_metres_and_fractions(meshes: tuple[Path, Path]) -> None:
    result = run(*meshes, "--threshold", "0.1", "--threshold", "0.05", "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert values["accuracy"] == pytest.approx(0.06, abs=1e-5)
    assert values["precision"] == 1
    assert values["recall"] == pytest.approx((1 + math.sqrt(0.1**2 - 0.06**2)) / 2, abs=0.005)
    assert values["f_score"] == pytest.approx(2 * values["recall"] / (1 + values["recall"]))
    assert values["chamfer"] == pytest.approx((values["accuracy"] + values["completeness"]) / 2)
    assert [row["threshold"] for row in values["thresholds"]] == [0.1, 0.05]
    assert [row["f_score"] for row in values["thresholds"]] == [values["f_score"], 0]
    assert values["protocol"] == "surface"


def test_a_table_for_a_person_names_the_protocol_and_its_voxels(meshes: tuple[Path, Path]) -> None:
    result = run(*meshes, "--protocol", "paper-code", "--threshold", "0.07")
    assert result.exit_code == 0, result.output
    for words in ("paper-code", "within 7 cm", "F-score", "voxels", "0.02 m", "truncation 0.15 m", "note"):
        assert words in result.stdout


def test_a_csv_has_a_row_a_threshold(meshes: tuple[Path, Path], tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    result = run(*meshes, "--threshold", "0.05", "--threshold", "0.1", "--csv", table, "--json")
    values = json.loads(result.stdout)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["threshold"]) for row in rows] == [0.05, 0.1]
    for key in KEYS:
        assert float(rows[0][key]) == values[key]
    assert run(*meshes, "--csv", table).exit_code == 2  # it is there already
    assert run(*meshes, "--csv", table, "--overwrite", "--quiet").stdout == ""


def test_errors_become_colours_and_a_picture(meshes: tuple[Path, Path], tmp_path: Path) -> None:
    mesh, picture = tmp_path / "errors.ply", tmp_path / "errors.png"
    result = run(*meshes, "--errors", mesh, "--picture", picture, "--threshold", "0.03")
    assert result.exit_code == 0, result.output
    colored = read_shape(mesh)
    np.testing.assert_allclose(colored.vertices, square(0.06).vertices, atol=1e-6)
    assert {tuple(color) for color in colored.colors} == {(122, 4, 3)}  # red, as 6 cm is twice the threshold
    assert len(np.unique(cv2.imread(str(picture)).reshape(-1, 3), axis=0)) > 10


def test_the_report_tells_what_the_json_tells(meshes: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = run(*meshes, "--threshold", "0.1", "--threshold", "0.05", "--seed", "7", "--report", page, "--json")
    assert result.exit_code == 0, result.output
    values, rows = json.loads(result.stdout), report_rows(page)
    for shares in values["thresholds"]:
        expected = [f"{shares[key]:.4f}" for key in ("precision", "recall", "f_score")]
        assert rows[f"{100 * shares['threshold']:g} cm"] == expected
    for name, points in (("accuracy", "predicted"), ("completeness", "truth")):
        (row,) = (cells for head, cells in rows.items() if head.startswith(f"{name}: "))
        keys = (name, f"{name}_median", f"{name}_95")
        assert row == [*(f"{100 * values[key]:.2f} cm" for key in keys), f"{values['points'][points]:,}", "0"]
    assert (rows["predicted"], rows["ground truth"], rows["seed"]) == ([str(meshes[0])], [str(meshes[1])], ["7"])
    refused = run(*meshes, "--report", page)
    assert (refused.exit_code, "exists already" in refused.stderr) == (2, True)
    assert run(*meshes, "--report", page, "--overwrite").exit_code == 0


def test_the_histogram_of_the_report_is_that_of_all_distances(meshes: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run(*meshes, "--threshold", "0.5", "--report", page).exit_code == 0
    wrong, missing = re.findall(r'class="area s\d" d="M[\d.]+ ([\d.]+)L(.*?)V', page.read_text("utf-8"))
    heights = []
    for base, outline in (wrong, missing):
        corners = [[float(number) for number in corner.split()] for corner in outline.split("L")]
        heights.append(np.array([float(base) - down for _, down in corners[::2]]))
    # Bins of 2.5 cm: all that is there is 6 cm off, and so is half the truth; the other half lies up to 1 m away.
    np.testing.assert_array_equal(np.flatnonzero(heights[0]), [2])
    share = heights[1] / heights[0][2]
    assert share[2] == pytest.approx(0.5 + (math.sqrt(0.075**2 - 0.06**2)) / 2, abs=0.005)
    assert share[10] == pytest.approx(0.0125, abs=0.002)
    assert share.sum() == pytest.approx(1, abs=0.02)


def test_no_file_but_those_asked_for(
    meshes: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for arguments, written in (((), []), (("--report", "page.html"), ["page.html"])):
        assert run(*meshes, *arguments).exit_code == 0
        assert [path.name for path in folder.iterdir()] == written


def test_cameras_of_the_report_move_onto_the_truth_with_the_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open3d as o3d

    turn = np.radians(2)
    R = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    T_truth_room = rigid(R, np.array([0.04, -0.03, 0.02]))
    capture = write_capture(tmp_path / "box", count=6)
    walls = o3d.geometry.TriangleMesh.create_box(*SIZE).subdivide_midpoint(4)
    vertices, triangles = np.asarray(walls.vertices).copy(), np.asarray(walls.triangles, np.int32)[:, ::-1].copy()
    write_mesh(Mesh(vertices, triangles), tmp_path / "predicted.ply")
    write_mesh(Mesh(apply(T_truth_room, vertices), triangles), tmp_path / "truth.ply")
    seen: list[np.ndarray] = []
    real = evaluation.mesh_evaluation_report

    def spy(*arguments, **named):
        seen.append(arguments[-1])
        return real(*arguments, **named)

    monkeypatch.setattr(evaluation, "mesh_evaluation_report", spy)
    paths = tmp_path / "predicted.ply", tmp_path / "truth.ply"
    result = run(*paths, "--cameras", capture, "--align", "icp", "--report", tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(seen[0], T_truth_room @ read_views(capture).T_world_camera, atol=2e-3)


def test_an_empty_prediction_scores_nothing_and_says_why(meshes: tuple[Path, Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty.ply"
    write_mesh(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), empty)
    outputs = "--errors", tmp_path / "errors.ply", "--report", tmp_path / "report.html"
    result = run(empty, meshes[1], "--json", *outputs)
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert [values[key] for key in KEYS] == [None, None, None, 0, 0, 0]
    assert values["reason"] == "the prediction is empty"
    assert "the prediction is empty" in (tmp_path / "report.html").read_text("utf-8")
    assert "nothing to score  the prediction is empty" in run(empty, meshes[1]).stdout


def test_the_room_seen_by_its_cameras(tmp_path: Path) -> None:
    import open3d as o3d

    capture = write_capture(tmp_path / "box", count=12)
    walls = o3d.geometry.TriangleMesh.create_box(*SIZE).subdivide_midpoint(6)
    triangles = np.asarray(walls.triangles, np.int32)[:, ::-1].copy()
    room = Mesh(np.asarray(walls.vertices).copy(), triangles)
    outside = Mesh(room.vertices + np.array([0, 10, 0]), triangles)  # never seen
    both = Mesh(np.vstack([room.vertices, outside.vertices]), np.vstack([triangles, triangles + len(room.vertices)]))
    write_mesh(room, tmp_path / "truth.ply")
    write_mesh(both, tmp_path / "predicted.ply")
    paths = tmp_path / "predicted.ply", tmp_path / "truth.ply"
    assert json.loads(run(*paths, "--json").stdout)["precision"] == pytest.approx(0.5, abs=0.01)
    for protocol in ("surface", "paper", "neuralrecon", "simplerecon"):
        result = run(*paths, "--json", "--cameras", capture, "--protocol", protocol)
        assert result.exit_code == 0, result.output
        values = json.loads(result.stdout)
        assert values["precision"] > 0.98, protocol
    assert values["points"]["predicted_unseen"] > 90_000
    near = run(*paths, "--json", "--cameras", capture, "--max-depth", "1.6")
    assert json.loads(near.stdout)["points"]["truth"] < 150_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["P", "missing.ply"], "missing.ply: cannot be read"),
        (["missing.ply", "T"], "missing.ply: cannot be read"),
        (["P", "T", "--protocol", "mine"], "protocol is mine; it must be one of surface, paper"),
        (["P", "T", "--protocol", "neuralrecon"], "give them with --cameras"),
        (["P", "T", "--threshold", "0"], "threshold is 0"),
        (["P", "T", "--align", "scale"], "align is scale"),
        (["P", "T", "--max-depth", "3"], "goes with --cameras"),
        (["P", "T", "--protocol", "neuralrecon", "--cameras", "c", "--max-depth", "3"], "has its own depth cut"),
        (["P", "T", "--cameras", "nowhere"], "nowhere: no such file or folder"),
        (["P", "T", "--errors", "e.obj"], "e.obj: the file must end in .ply"),
        (["P", "T", "--picture", "p.jpg"], "must end in .png"),
        (["P", "T", "--report", "page.txt"], "page.txt: the file must end in .html"),
        (["P", "T", "--csv", "no/folder.csv"], "no: no such folder"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence_and_exit_2(
    meshes: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*[{"P": meshes[0], "T": meshes[1]}.get(argument, argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    error = result.stderr.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert sentence in error


def test_a_picture_needs_triangles(meshes: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 1 0\n")
    result = run(tmp_path / "points.obj", meshes[1], "--picture", tmp_path / "picture.png")
    assert result.exit_code == 2
    assert "without surface" in result.stderr
