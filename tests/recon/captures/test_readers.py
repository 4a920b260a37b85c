import zipfile
from pathlib import Path

import pytest
from made_stray import stray_files, write

from recon.captures.archive import open_files
from recon.captures.readers import READERS, open_capture
from recon.captures.stray_scanner import StrayScanner
from recon.errors import CaptureError

STRAY = stray_files()
SEVEN_SCENES = {"frame-000000.pose.txt": b"", "frame-000000.depth.png": b"", "frame-000000.color.png": b""}


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def below(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": data for name, data in files.items()}


@pytest.mark.parametrize("name", ["scan.zip", "scan.r3d", "scan", "Küche 📱.zip"])
@pytest.mark.parametrize("top", ["71de12f9ab", "a/b/c/d/e"])
def test_a_capture_is_found_by_content_under_any_name(tmp_path: Path, name: str, top: str) -> None:
    junk = {"__MACOSX/._x": b"", f"{top}/depth/._000000.png": b"", f"{top}/.DS_Store": b""}
    with open_capture(write_zip(tmp_path / name, below(top, STRAY) | junk)) as capture:
        assert (capture.format, len(capture)) == ("Stray Scanner", 8)
    with open_capture(str(write(tmp_path / "folder", below(top, STRAY)))) as capture:
        assert (capture.format, len(capture)) == ("Stray Scanner", 8)


def test_a_capture_beside_other_files_is_found(tmp_path: Path) -> None:
    files = below("export/scan", STRAY) | {"export/readme.txt": b"", "photo.jpg": b""}
    with open_capture(write_zip(tmp_path / "scan.zip", files)) as capture:
        assert len(capture) == 8


def test_what_lies_inside_a_capture_is_not_another(tmp_path: Path) -> None:
    files = below("scan", STRAY) | below("scan/copy", STRAY) | {"readme.txt": b""}
    with open_capture(write_zip(tmp_path / "scan.zip", files)) as capture:
        assert len(capture) == 8


def test_several_captures_are_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "scans.zip", below("chair", STRAY) | below("desk", STRAY))
    with pytest.raises(CaptureError, match=r"2 captures inside \(chair, desk\); unpack it and give one of them"):
        open_capture(path)


def test_of_several_captures_the_only_complete_one_is_taken_and_told(tmp_path: Path) -> None:
    broken = {name: data for name, data in STRAY.items() if name != "camera_matrix.csv"}
    path = write_zip(tmp_path / "scans.zip", below("chair", broken) | below("desk", STRAY))
    with open_capture(path) as capture:
        assert len(capture) == 8
        first = capture.problems[0]
        assert (first.what, first.count) == ("incomplete capture beside this one", 1)


def test_of_two_formats_in_one_folder_the_first_is_read_and_the_other_told(tmp_path: Path) -> None:
    with open_capture(write(tmp_path / "scan", STRAY | SEVEN_SCENES)) as capture:
        assert capture.format == "Stray Scanner"
        assert "could also be read as 7-Scenes" in capture.problems[0].what


def test_repeated_names_in_the_zip_are_told(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "scan.zip", STRAY | {"./odometry.csv": STRAY["odometry.csv"]})
    with open_capture(path) as capture:
        assert "file twice in the zip, the last is read" in [problem.what for problem in capture.problems]


def test_an_unknown_folder_is_answered_by_what_was_found_and_looked_for(tmp_path: Path) -> None:
    write(tmp_path / "scan", {f"{i}.heic": b"" for i in range(12)})
    with pytest.raises(CaptureError) as caught:
        open_capture(tmp_path / "scan")
    sentence = str(caught.value)
    assert "no known capture inside, which holds 0.heic, 1.heic" in sentence
    assert "and 4 more" in sentence
    for reader in READERS:
        assert f"{reader.format} ({reader.signature})" in sentence


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "scan" / "depth").mkdir(parents=True)
    with pytest.raises(CaptureError, match="no files inside"):
        open_capture(tmp_path / "scan")


def test_no_format_claims_the_files_of_another(tmp_path: Path) -> None:
    write(tmp_path / "stray", STRAY)
    write(tmp_path / "seven", SEVEN_SCENES)
    for name, expected in (("stray", "Stray Scanner"), ("seven", "7-Scenes")):
        claiming = [reader.format for reader in READERS if reader.claims(open_files(tmp_path / name))]
        assert len(claiming) == 1
        assert claiming[0].startswith(expected)


def test_a_capture_that_fails_to_open_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    broken = {name: data for name, data in STRAY.items() if name != "camera_matrix.csv"} | {"rgb.mp4": bytes(99)}
    with pytest.raises(CaptureError, match="no camera intrinsics"):
        open_capture(write_zip(tmp_path / "scan.zip", broken))
    assert not list((tmp_path / "temporary").iterdir())


def test_the_readers_class_can_be_used_by_itself(tmp_path: Path) -> None:
    with StrayScanner(open_files(write(tmp_path / "scan", STRAY))) as capture:
        assert len(capture) == 8
