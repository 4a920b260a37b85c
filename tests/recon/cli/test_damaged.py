"""Damaged captures and unfit places from the command line: a right mesh, or one sentence and nothing left behind."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from made_room import HALF_SIZE, walk
from made_stray import stray_files, write
from typer.testing import CliRunner

from recon.cli import main as command
from recon.cli.main import app
from recon.fusion.mesh_files import read_mesh

VOXEL = 0.05
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def whole() -> Files:
    return stray_files(walk(12))


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, which every command leaves empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture(autouse=True)
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing it takes seconds and depends on nothing that is tested here."""
    monkeypatch.setattr("recon.pipeline.render_preview", lambda *_: np.zeros((8, 8, 3), np.uint8))


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"scan/{name}", data)
    return path


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def reconstruct(capture: Path, out: Path, *arguments: object):
    return run(capture, "--out", out, "--voxel-size", VOXEL, "--keyframes", "all", "--json", *arguments)


def require_one_sentence(result, *said: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for words in said:
        assert words in line


def require_room(mesh: Path) -> None:
    vertices = read_mesh(mesh).vertices
    off_wall = np.abs(HALF_SIZE - np.abs(vertices)).min(axis=1)
    assert np.median(off_wall) < VOXEL / 5
    assert np.percentile(off_wall, 99) < VOXEL


def without(pattern: str) -> Callable[[Files], Files]:
    return lambda files: {name: data for name, data in files.items() if pattern not in name}


def with_rows(change: Callable[[list[str]], list[str]]) -> Callable[[Files], Files]:
    """The odometry's lines after the header, changed."""

    def changed(files: Files) -> Files:
        header, *rows = files["odometry.csv"].decode().splitlines()
        return {**files, "odometry.csv": "\n".join([header, *change(rows), ""]).encode()}

    return changed


def with_positions(factor: float) -> Callable[[Files], Files]:
    def scale(row: str) -> str:
        fields = row.split(",")
        fields[2:5] = [str(float(field) * factor) for field in fields[2:5]]
        return ",".join(fields)

    return with_rows(lambda rows: [scale(row) for row in rows])


def cut_in_half(*numbers: int) -> Callable[[Files], Files]:
    names = {f"depth/{number:06d}.png" for number in numbers}
    return lambda files: {name: data[: len(data) // 2] if name in names else data for name, data in files.items()}


REPAIRED: dict[str, Callable[[Files], Files]] = {
    "no confidence": without("confidence/"),
    "some depth files missing": without("depth/000003"),
    "depth files cut short": cut_in_half(3, 7),
    "last row half written": with_rows(lambda rows: [*rows[:-1], rows[-1][:30]]),
    "pose not a number": with_rows(lambda rows: [rows[0].replace(rows[0].split(", ")[2], "nan"), *rows[1:]]),
    "position beyond the moon": with_rows(lambda rows: [rows[0].replace(rows[0].split(", ")[2], "1e30"), *rows[1:]]),
    "byte-order mark and CRLF": lambda files: {
        **files, "odometry.csv": b"\xef\xbb\xbf" + files["odometry.csv"].replace(b"\n", b"\r\n")
    },
    "a video that is none": lambda files: {**files, "rgb.mp4": b"garbage" * 1000},
    "system junk": lambda files: {**files, "depth/._000000.png": b"junk", ".DS_Store": b"junk"},
}  # fmt: skip
REFUSED: dict[str, tuple[Callable[[Files], Files], str]] = {
    "no poses": (without("odometry"), "no known capture inside"),
    "no depth": (without("depth/"), "no known capture inside"),
    "no intrinsics": (without("camera_matrix"), "no camera intrinsics"),
    "depth files all cut short": (cut_in_half(*range(12)), "not a readable picture"),
    "poses in millimetres": (with_positions(1000.0), "poses cannot be trusted, mostly as tracking jumped"),
    "poses in feet": (with_positions(1 / 0.3048), "apart"),
    "poses of the same frame": (with_rows(lambda rows: [row[:22] + rows[0][22:] for row in rows]), "never moves"),
}


@pytest.mark.parametrize("damage", REPAIRED)
def test_what_can_be_repaired_gives_the_room(whole: Files, tmp_path: Path, damage: str) -> None:
    result = reconstruct(zipped(tmp_path / "scan.zip", REPAIRED[damage](whole)), tmp_path / "out" / "mesh.ply")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert json.loads(result.stdout)["used"] >= 9
    require_room(tmp_path / "out" / "mesh.ply")


@pytest.mark.parametrize("damage", REFUSED)
def test_what_cannot_be_repaired_is_one_sentence_and_no_mesh(whole: Files, tmp_path: Path, damage: str) -> None:
    change, said = REFUSED[damage]
    result = reconstruct(zipped(tmp_path / "scan.zip", change(whole)), tmp_path / "mesh.ply")
    require_one_sentence(result, said)
    assert not (tmp_path / "mesh.ply").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_zip_cut_short_is_one_sentence(whole: Files, tmp_path: Path, share: float) -> None:
    data = zipped(tmp_path / "scan.zip", whole).read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: int(share * len(data))])
    require_one_sentence(reconstruct(tmp_path / "cut.zip", tmp_path / "mesh.ply"), "cut.zip", "again")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are POSIX")
def test_a_pipe_or_device_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        require_one_sentence(run("inspect", path), "neither a folder nor a file")


def test_names_too_long_for_the_disk_are_one_sentence(whole: Files, tmp_path: Path) -> None:
    require_one_sentence(run("inspect", tmp_path / ("x" * 300)), "File name too long")
    capture = write(tmp_path / "scan", whole)
    require_one_sentence(reconstruct(capture, tmp_path / ("y" * 300 + ".ply")), "File name too long")


def test_the_longest_possible_name_can_be_written(whole: Files, tmp_path: Path) -> None:
    out = tmp_path / ("y" * 247 + ".ply")
    assert reconstruct(write(tmp_path / "scan", whole), out).exit_code == 0
    assert out.is_file()


@pytest.mark.parametrize("out", ["/", ".", ""])
def test_a_folder_for_a_mesh_is_refused_even_to_overwrite(whole: Files, tmp_path: Path, out: str) -> None:
    require_one_sentence(reconstruct(write(tmp_path / "scan", whole), Path(out), "--overwrite"), "is a folder")


@pytest.mark.parametrize("name", ["log.txt", "metrics.json", "preview.png"])
def test_a_folder_in_the_way_of_the_runs_files_is_told_before_any_work(whole: Files, tmp_path: Path, name: str) -> None:
    (tmp_path / "mesh_run" / name).mkdir(parents=True)
    require_one_sentence(reconstruct(write(tmp_path / "scan", whole), tmp_path / "mesh.ply"), name)
    assert not (tmp_path / "mesh.ply").exists()


def test_a_folder_that_another_run_is_writing_is_refused_and_its_log_kept(whole: Files, tmp_path: Path) -> None:
    log = tmp_path / "mesh_run" / "log.txt"
    log.parent.mkdir()
    log.write_text("the other run's")
    with log.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = reconstruct(write(tmp_path / "scan", whole), tmp_path / "mesh.ply")
    require_one_sentence(result, "another run is writing there")
    assert log.read_text() == "the other run's"


def test_a_full_disk_is_one_sentence_that_names_the_file(
    whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(mesh: object, path: Path) -> None:
        path.write_bytes(b"the first half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("recon.fusion.mesh_files._write_ply", full)
    result = reconstruct(write(tmp_path / "scan", whole), tmp_path / "out" / "mesh.ply")
    require_one_sentence(result, "mesh.ply: No space left on device")
    assert not [path for path in (tmp_path / "out").iterdir() if path.is_file()]


def test_a_reader_that_has_seen_enough_is_no_failure(whole: Files, tmp_path: Path) -> None:
    capture = write(tmp_path / "scan", whole)
    code = "import sys; from recon.cli.main import main; sys.argv[1:] = ['inspect', sys.argv[1]]; main()"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code, capture], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_libraries_print_nothing_about_damaged_files(whole: Files, tmp_path: Path) -> None:
    capture = write(tmp_path / "scan", cut_in_half(3, 7)(whole))
    code = "import sys; from recon.cli.main import main; sys.argv[1:] = ['inspect', sys.argv[1], '--json']; main()"
    done = subprocess.run([sys.executable, "-c", code, capture], capture_output=True, check=True)
    assert done.stderr == b""
    assert "depth unreadable" in json.loads(done.stdout)["problems"][-1]["what"]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_polite_kill_removes_temporary_files_as_ctrl_c_does(whole: Files, tmp_path: Path) -> None:
    capture = zipped(tmp_path / "scan.zip", {**whole, "rgb.mp4": b"not a video"})
    (tmp_path / "t").mkdir()
    code = (
        "import sys, time, recon; from recon.cli import main\n"
        "recon.reconstruct = lambda *_: time.sleep(60)\n"
        "main.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, capture, "--out", tmp_path / "mesh.ply", "--quiet"],
        env={**os.environ, "TMPDIR": str(tmp_path / "t")}, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 30
        while not (tmp_path / "mesh_run").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list((tmp_path / "t").iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        told = process.stderr.read()
    assert process.returncode == command.EXIT_INTERRUPTED
    assert told.startswith("interrupted")
    assert not list((tmp_path / "t").iterdir())
