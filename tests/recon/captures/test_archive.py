import stat
import struct
import threading
import tracemalloc
import unicodedata
import zipfile
import zlib
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.captures import archive
from recon.captures.archive import Below, open_files
from recon.errors import CaptureError, ResourceError

FILES = {"odometry.csv": b"x, y\n1, 2\n", "depth/000000.png": bytes(range(256)) * 40, "depth/000001.png": b"two"}
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def write_zip(path: Path, files: dict[str, bytes], top: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in files.items():
            file.writestr(top + name, data)
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def patch_directory(path: Path, offset: int, value: bytes, which: int = 0) -> None:
    """Overwrites a field of the ``which``-th entry of the central directory."""
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(which + 1):
        at = data.index(b"PK\x01\x02", at + 1)
    data[at + offset : at + offset + len(value)] = value
    path.write_bytes(data)


def flip_content(path: Path, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(content)] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("top", ["", "scan/", "a/b/c/", "Küche 📱/"])
def test_folder_and_zip_show_the_same_files_below_their_top_folders(tmp_path: Path, top: str) -> None:
    folder = open_files(write_folder(tmp_path / "folder", {top + name: data for name, data in FILES.items()}))
    zipped = open_files(write_zip(tmp_path / "scan.zip", FILES, top))
    assert folder.names == zipped.names == tuple(sorted(FILES))
    for name, data in FILES.items():
        assert folder.read(name) == zipped.read(name) == data
        assert folder.size(name) == zipped.size(name) == len(data)
        assert folder.local(name).read_bytes() == zipped.local(name).read_bytes() == data
    zipped.close()


def test_the_name_of_the_archive_does_not_matter(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_zip(tmp_path / "scan.r3d", FILES)) as plain:
        assert tuple(sorted(plain.namelist())) == open_files(tmp_path / "scan.r3d").names


def test_system_junk_is_neither_a_file_nor_a_top_folder(tmp_path: Path) -> None:
    junk = {
        "__MACOSX/scan/._odometry.csv": b"",
        "scan/.DS_Store": b"",
        "scan/depth/._000000.png": b"",
        "Thumbs.db": b"",
    }
    files = {f"scan/{name}": data for name, data in FILES.items()} | junk
    assert open_files(write_zip(tmp_path / "scan.zip", files)).names == tuple(sorted(FILES))
    assert open_files(write_folder(tmp_path / "folder", files)).names == tuple(sorted(FILES))


def test_letters_and_their_accents_are_joined(tmp_path: Path) -> None:
    apart, joined = (unicodedata.normalize(form, "Tür/größe.csv") for form in ("NFD", "NFC"))
    assert apart != joined
    assert open_files(write_zip(tmp_path / "scan.zip", {apart: b"1", "b": b"2"})).read(joined) == b"1"
    assert open_files(write_folder(tmp_path / "folder", {apart: b"1", "b": b"2"})).read(joined) == b"1"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:/x", "c:x", "a\\b", "..\\x", ".", "../evil/"])
def test_names_that_leave_the_archive_refuse_it(tmp_path: Path, name: str) -> None:
    write_zip(tmp_path / "scan.zip", FILES | {name: b""})
    with pytest.raises(CaptureError, match="points outside the archive; it is refused"):
        open_files(tmp_path / "scan.zip")


def test_an_empty_name_refuses_the_archive(tmp_path: Path) -> None:
    write_zip(tmp_path / "scan.zip", {"q": b""})
    data = (tmp_path / "scan.zip").read_bytes()
    at = data.index(b"PK\x01\x02")
    data = data[: at + 28] + b"\0\0" + data[at + 30 : at + 46] + data[at + 47 :]
    end = data.index(b"PK\x05\x06")
    size = struct.unpack("<I", data[end + 12 : end + 16])[0]
    (tmp_path / "scan.zip").write_bytes(data[: end + 12] + struct.pack("<I", size - 1) + data[end + 16 :])
    with pytest.raises(CaptureError, match="points outside the archive"):
        open_files(tmp_path / "scan.zip")


def test_a_link_in_a_zip_refuses_it(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("depth/000000.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(CaptureError, match="is a link; the archive is refused"):
        open_files(tmp_path / "scan.zip")


def test_encryption_is_named(tmp_path: Path) -> None:
    patch_directory(write_zip(tmp_path / "scan.zip", FILES), 8, b"\x01\x00")
    with pytest.raises(CaptureError, match="is encrypted; export the capture without a password"):
        open_files(tmp_path / "scan.zip")


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA"), (9, "deflate64"), (98, "method 98")]
)
def test_packing_methods_other_than_deflate_are_named(tmp_path: Path, method: int, name: str) -> None:
    write_zip(tmp_path / "scan.zip", FILES)
    patch_directory(tmp_path / "scan.zip", 10, struct.pack("<H", method))
    with pytest.raises(CaptureError, match=f"is packed by {name} instead of deflate"):
        open_files(tmp_path / "scan.zip")


def test_a_member_that_would_swell_absurdly_refuses_the_archive(tmp_path: Path) -> None:
    write_zip(tmp_path / "scan.zip", {"rgb.mp4": bytes(archive.RATIO_FREE_BYTES + 1)})
    with pytest.raises(CaptureError, match="would unpack from .* bytes; it is refused"):
        open_files(tmp_path / "scan.zip")


def test_members_that_share_their_bytes_refuse_the_archive(tmp_path: Path) -> None:
    write_zip(tmp_path / "scan.zip", {"a": bytes(range(200)) * 50, "b": b"b", "c": b"c"}, method=zipfile.ZIP_STORED)
    for which in (1, 2):
        patch_directory(tmp_path / "scan.zip", 20, struct.pack("<II", 10_000, 10_000), which)
    with pytest.raises(CaptureError, match="members overlap"):
        open_files(tmp_path / "scan.zip")


def test_more_files_than_any_capture_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 2)
    with pytest.raises(CaptureError, match="3 members, more than any capture has"):
        open_files(write_zip(tmp_path / "scan.zip", FILES))
    with pytest.raises(CaptureError, match="more than 2 files inside"):
        open_files(write_folder(tmp_path / "folder", FILES))


@pytest.mark.parametrize("stored_size", [100, 1 << 20])
def test_a_member_never_unpacks_to_more_or_less_than_it_claims(tmp_path: Path, stored_size: int) -> None:
    write_zip(tmp_path / "scan.zip", {"a": bytes(200_000), "b": b"fine"})
    patch_directory(tmp_path / "scan.zip", 24, struct.pack("<I", stored_size))
    files = open_files(tmp_path / "scan.zip")
    for read in (files.read, files.local):
        with pytest.raises(CaptureError, match="a is damaged inside the zip"):
            read("a")
    assert files.read("b") == b"fine"
    files.close()


def test_a_member_that_lies_about_its_size_does_not_fill_the_memory(tmp_path: Path) -> None:
    write_zip(tmp_path / "scan.zip", {"a": bytes(64 << 20)})
    patch_directory(tmp_path / "scan.zip", 24, struct.pack("<I", 100))
    files = open_files(tmp_path / "scan.zip")
    tracemalloc.start()
    with pytest.raises(CaptureError, match="a is damaged inside the zip"):
        files.read("a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    files.close()
    assert peak < 4 << 20


def test_files_too_large_for_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_READ_BYTES", 5)
    for path in (write_zip(tmp_path / "scan.zip", FILES), write_folder(tmp_path / "folder", FILES)):
        with pytest.raises(CaptureError, match="10,240 bytes, too large for what it should be"):
            open_files(path).read("depth/000000.png")


def test_one_damaged_member_leaves_the_others_readable(tmp_path: Path) -> None:
    write_zip(tmp_path / "scan.zip", FILES, method=zipfile.ZIP_STORED)
    flip_content(tmp_path / "scan.zip", FILES["depth/000000.png"])
    files = open_files(tmp_path / "scan.zip")
    for read in (files.read, files.local):
        with pytest.raises(CaptureError, match=r"scan.zip: depth/000000.png is damaged inside the zip .*CRC"):
            read("depth/000000.png")
    assert files.read("depth/000001.png") == b"two"
    files.close()


def test_of_equal_names_the_last_is_read_and_counted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as file:
        for name, data in (("a", b"first"), ("b", b""), ("a", b"last")):
            with pytest.warns(UserWarning, match="Duplicate") if data == b"last" else nullcontext():
                file.writestr(name, data)
    files = open_files(tmp_path / "scan.zip")
    assert files.names == ("a", "b")
    assert files.read("a") == b"last"
    assert [(problem.count, problem.example) for problem in files.problems] == [(1, "a")]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty; export the capture again"),
        (b"ply\nformat ascii", "neither a folder nor a zip"),
        (b"\x1f\x8b\x08rest", "a gzip file, not a zip; unpack it and give the folder"),
        (LFS, "only a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"),
    ],
)
def test_what_is_no_zip_is_told_in_a_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / "scan.zip").write_bytes(data)
    with pytest.raises(CaptureError, match=sentence):
        open_files(tmp_path / "scan.zip")


def test_a_missing_path_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no such file or folder"):
        open_files(tmp_path / "scan.zip")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_zip_is_told_in_a_sentence(tmp_path: Path, share: float) -> None:
    data = write_zip(tmp_path / "scan.zip", FILES).read_bytes()
    (tmp_path / "scan.zip").write_bytes(data[: int(len(data) * share) + 4])
    with pytest.raises(CaptureError, match=r"scan\.zip: the zip is cut short or damaged .*; export it again"):
        open_files(tmp_path / "scan.zip")


def test_git_lfs_pointers_inside_are_told_from_files(tmp_path: Path) -> None:
    for path in (
        write_zip(tmp_path / "scan.zip", FILES | {"rgb.mp4": LFS}),
        write_folder(tmp_path / "folder", FILES | {"rgb.mp4": LFS}),
    ):
        files = open_files(path)
        for read in (files.read, files.local):
            with pytest.raises(CaptureError, match=r"rgb.mp4: only a Git LFS pointer"):
                read("rgb.mp4")
        files.close()


def test_links_in_a_folder_may_not_lead_out_of_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", FILES)
    (folder / "inside.csv").symlink_to("odometry.csv")
    assert open_files(folder).read("inside.csv") == FILES["odometry.csv"]
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "outside.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(CaptureError, match=r"outside\.csv: a link to a folder or out of the capture"):
        open_files(folder)
    (folder / "outside.csv").unlink()
    (folder / "confidence").symlink_to("depth")
    with pytest.raises(CaptureError, match="confidence: a link to a folder or out of the capture"):
        open_files(folder)


def test_closing_removes_what_was_extracted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = open_files(write_zip(tmp_path / "scan.zip", FILES, top="scan/"))
    local = files.local("depth/000000.png")
    assert local == files.local("depth/000000.png")
    files.close()
    assert [path.name for path in tmp_path.iterdir()] == ["scan.zip"]


def test_extraction_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = open_files(write_zip(tmp_path / "scan.zip", FILES))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 5}))
    with pytest.raises(ResourceError, match=r"unpacks to 10,240 bytes, but .* has 5 left; make room or set TMPDIR"):
        files.local("depth/000000.png")
    files.close()


def test_threads_may_read_one_zip_at_once(tmp_path: Path) -> None:
    files = {f"{i:03d}": bytes([i]) * (5000 + 77 * i) + zlib.compress(bytes([i])) for i in range(64)}
    opened = open_files(write_zip(tmp_path / "scan.zip", files))
    wrong = []

    def read_all(start: int) -> None:
        for i in range(400):
            name = f"{(start * 7 + i) % 64:03d}"
            try:
                if opened.read(name) != files[name]:
                    wrong.append(name)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=read_all, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened.close()
    assert not wrong


@given(
    names=st.sets(st.text(alphabet="a/0.-é", min_size=1, max_size=6).filter(lambda n: n.strip("/.") != ""), max_size=12)
)
def test_a_folder_shows_exactly_the_names_that_begin_with_it(names: set[str]) -> None:
    files = Below.__new__(Below)
    files.path, files.names, files.problems = Path("scan"), tuple(sorted(names)), ()
    for folder in {name.rsplit("/", 1)[0] for name in names if "/" in name} - {""}:
        expected = tuple(sorted(name[len(folder) + 1 :] for name in names if name.startswith(f"{folder}/")))
        assert Below(files, folder).names == expected


@settings(max_examples=150, deadline=None)
@given(seed=st.data())
def test_no_damage_ends_in_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, seed: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damage") / "scan.zip"
    data = bytearray(write_zip(path, FILES).read_bytes())
    for _ in range(seed.draw(st.integers(1, 4))):
        data[seed.draw(st.integers(0, len(data) - 1))] = seed.draw(st.integers(0, 255))
    path.write_bytes(data)
    try:
        files = open_files(path)
    except CaptureError:
        return
    for name in files.names:
        with suppress(CaptureError):
            files.read(name)
    files.close()
