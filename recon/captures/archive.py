"""The files of one capture, from a folder or a zip that is not trusted.

A zip is read in place; its members are checked before any of them is unpacked (names that leave the
archive, links, encryption, counts, sizes, ratios), and only what must be a real file, such as a
video, is extracted, to a temporary folder that ``close`` removes. ``read`` may be called from
several threads at once.
"""

import os
import re
import shutil
import stat
import tempfile
import threading
import unicodedata
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, runtime_checkable

from recon.captures.base import Problem
from recon.errors import CaptureError, ResourceError

MAX_FILES = 1_000_000  # an hour at 60 frames a second has 650,000
MAX_MEMBER_BYTES = 64 << 30  # a long 4K video
MAX_READ_BYTES = 1 << 30  # of one file held in memory; a 4K float32 depth map has 33 MB
MAX_RATIO = 200  # tables shrink 20 times, pictures and video hardly
RATIO_FREE_BYTES = 16 << 20  # small files may be as empty as they like
COPY_BYTES = 1 << 20  # held in memory while a member is extracted
JUNK_NAMES = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}
# Deflate's reader can be told where to stop; those of bzip2 and LZMA cannot, and no capture app uses them.
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
OTHER_METHODS = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA", 93: "Zstandard"}
OTHER_ARCHIVES = {
    b"\x1f\x8b": "a gzip file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"Rar!": "a RAR file",
    b"BZh": "a bzip2 file",
}
LFS_POINTER = b"version https://git-lfs"
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


@runtime_checkable  # the test run checks types
class Files(Protocol):
    """Files by their "/"-separated paths below the capture's top folder, NFC, without system junk."""

    path: Path  # what the user named
    names: tuple[str, ...]  # sorted
    problems: tuple[Problem, ...]

    def read(self, name: str) -> bytes:
        """The whole file; ``CaptureError`` where it is damaged, a Git LFS pointer or absurdly large."""
        ...

    def size(self, name: str) -> int:
        """Bytes when unpacked."""
        ...

    def local(self, name: str) -> Path:
        """The file as a path on disk, valid until ``close``."""
        ...

    def close(self) -> None: ...


def open_files(path: Path) -> Files:
    """The folder or zip at ``path``, seen from below its single top folders."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CaptureError(f"{path}: no such file or folder; give a capture's zip or folder") from error
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read ({error.strerror})") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):  # a pipe would be waited for
        raise CaptureError(f"{path}: neither a folder nor a file; give a capture's zip or folder")
    return Below(_Folder(path) if stat.S_ISDIR(mode) else _Zip(path))


class Below:
    """Those files of another ``Files`` that lie in one folder: by default the deepest that holds all."""

    def __init__(self, files: Files, folder: str | None = None) -> None:
        self._files = files
        self._prefix = _common_folder(files.names) if folder is None else f"{folder}/"
        self.path = files.path
        self.problems = files.problems
        # Sorted names below a folder are neighbours, and "0" is the character after "/".
        start = bisect_left(files.names, self._prefix)
        stop = bisect_left(files.names, f"{self._prefix[:-1]}0") if self._prefix else len(files.names)
        self.names = tuple(name[len(self._prefix) :] for name in files.names[start:stop])

    def read(self, name: str) -> bytes:
        return self._files.read(self._prefix + name)

    def size(self, name: str) -> int:
        return self._files.size(self._prefix + name)

    def local(self, name: str) -> Path:
        return self._files.local(self._prefix + name)

    def close(self) -> None:
        self._files.close()


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: tuple[Problem, ...] = ()
        self._real: dict[str, Path] = {}
        for folder, subfolders, leaves in os.walk(path, onerror=_cannot_list):
            for leaf in leaves + subfolders:
                file = Path(folder, leaf)
                name = _normal(file.relative_to(path).as_posix())
                mode = file.lstat().st_mode
                if _is_junk(name) or not (stat.S_ISLNK(mode) or stat.S_ISREG(mode)):
                    continue
                if stat.S_ISLNK(mode) and not _links_to_file_below(file, path):
                    raise CaptureError(f"{file}: a link to a folder or out of the capture; put the files in its place")
                self._real[name] = file
            if len(self._real) > MAX_FILES:
                raise CaptureError(f"{path}: more than {MAX_FILES:,} files inside; give the folder of one capture")
        self.names = tuple(sorted(self._real))

    def read(self, name: str) -> bytes:
        try:
            _require_readable_size(self._real[name], self.size(name))
            data = self._real[name].read_bytes()
        except OSError as error:
            raise CaptureError(f"{self._real[name]}: cannot be read ({error.strerror})") from error
        _refuse_lfs_pointer(data, self._real[name])
        return data

    def size(self, name: str) -> int:
        return self._real[name].stat().st_size

    def local(self, name: str) -> Path:
        _refuse_lfs_pointer(_head(self._real[name]), self._real[name])
        return self._real[name]

    def close(self) -> None:
        pass


class _Zip:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()  # zipfile counts its open members without one
        self._extracted: tempfile.TemporaryDirectory[str] | None = None
        try:
            _refuse_lfs_pointer(_head(path), path)
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise CaptureError(_not_a_zip(path, error)) from error
        except OSError as error:
            raise CaptureError(f"{path}: cannot be read ({error.strerror})") from error
        try:
            self._members, self.problems = _checked_members(path, self._zip)
        except CaptureError:
            self._zip.close()
            raise
        self.names = tuple(sorted(self._members))

    def read(self, name: str) -> bytes:
        size = self.size(name)
        _require_readable_size(f"{self.path}: {name}", size)
        try:
            with self._member(name) as member:
                data = member.read(size)  # never more than the directory promised; checks the CRC at the end
        except OSError as error:
            raise self._damaged(name, error) from error
        if len(data) != size:
            raise self._damaged(name, f"{len(data):,} of {size:,} bytes")
        _refuse_lfs_pointer(data, f"{self.path}: {name}")
        return data

    def size(self, name: str) -> int:
        return self._members[name].file_size

    def local(self, name: str) -> Path:
        try:
            if self._extracted is None:
                self._extracted = tempfile.TemporaryDirectory(prefix="recon-")
            target = Path(self._extracted.name, str(self.names.index(name)))  # a member's name never becomes a path
            if not target.exists():
                self._extract(name, target)
        except OSError as error:
            raise ResourceError(
                f"{self.path}: {name} cannot be unpacked to {tempfile.gettempdir()} ({error.strerror}); "
                "make room there or set TMPDIR"
            ) from error
        return target

    def close(self) -> None:
        self._zip.close()
        if self._extracted is not None:
            self._extracted.cleanup()

    def _extract(self, name: str, target: Path) -> None:
        size, free = self.size(name), shutil.disk_usage(target.parent).free
        if size > free:
            raise ResourceError(
                f"{self.path}: {name} unpacks to {size:,} bytes, but {tempfile.gettempdir()} has {free:,} left; "
                "make room or set TMPDIR"
            )
        partial = target.with_suffix(".part")
        with self._member(name) as member, partial.open("wb") as file:
            shutil.copyfileobj(member, file, COPY_BYTES)
        if partial.stat().st_size != size:
            raise self._damaged(name, f"{partial.stat().st_size:,} of {size:,} bytes")
        _refuse_lfs_pointer(_head(partial), f"{self.path}: {name}")
        partial.rename(target)

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        """The unpacked bytes as a stream; ``CaptureError`` where they turn out to be damaged."""
        try:
            with self._lock:
                member = self._zip.open(self._members[name])
            try:
                yield member
            finally:
                with self._lock:
                    member.close()
        except DAMAGED as error:
            raise self._damaged(name, error) from error

    def _damaged(self, name: str, why: object) -> CaptureError:
        return CaptureError(f"{self.path}: {name} is damaged inside the zip ({why}); export it again")


def _not_a_zip(path: Path, error: Exception) -> str:
    head = _head(path)
    if not head:
        return f"{path}: the file is empty; export the capture again"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return f"{path}: the zip is cut short or damaged ({error}); export it again"
    kind = next((kind for magic, kind in OTHER_ARCHIVES.items() if head.startswith(magic)), None)
    if kind is not None:
        return f"{path}: {kind}, not a zip; unpack it and give the folder"
    return f"{path}: neither a folder nor a zip; give a capture as its app exports it"


def _checked_members(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], tuple[Problem, ...]]:
    """Members by their normal name, the last of equal names; refuses the archive if any is hostile."""
    infos = archive.infolist()
    if len(infos) > MAX_FILES:
        raise CaptureError(f"{path}: {len(infos):,} members, more than any capture has; it is refused")
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        raise CaptureError(f"{path}: its members overlap, as in a zip bomb; it is refused")
    members: dict[str, zipfile.ZipInfo] = {}
    repeated = []
    for info in infos:
        name = _safe_name(path, info)
        if info.is_dir() or _is_junk(name):
            continue
        if info.flag_bits & 0x1:
            raise CaptureError(f"{path}: {name} is encrypted; export the capture without a password")
        if info.compress_type not in METHODS:
            method = OTHER_METHODS.get(info.compress_type, f"method {info.compress_type}")
            raise CaptureError(f"{path}: {name} is packed by {method} instead of deflate; pack it as a plain zip")
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > MAX_MEMBER_BYTES or (info.file_size > RATIO_FREE_BYTES and ratio > MAX_RATIO):
            raise CaptureError(
                f"{path}: {name} would unpack from {info.compress_size:,} to {info.file_size:,} bytes; it is refused"
            )
        if name in members:
            repeated.append(name)
        members[name] = info
    if not repeated:
        return members, ()
    return members, (Problem("file twice in the zip, the last is read", len(repeated), "repaired", repeated[0]),)


def _safe_name(path: Path, info: zipfile.ZipInfo) -> str:
    parts = PurePosixPath(info.filename).parts
    leaves = not parts or parts[0] == "/" or ".." in parts or re.match("[A-Za-z]:", parts[0])
    if leaves or "\\" in info.orig_filename or "\0" in info.orig_filename:
        raise CaptureError(f"{path}: member {info.orig_filename!r} points outside the archive; it is refused")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise CaptureError(f"{path}: member {info.filename!r} is a link; the archive is refused")
    return _normal("/".join(parts))


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)  # macOS writes accents apart from their letters


def _is_junk(name: str) -> bool:
    return any(part in JUNK_NAMES or part.startswith("._") for part in name.split("/"))


def _common_folder(names: tuple[str, ...]) -> str:
    """The folders that all names share, as a prefix with its slash."""
    if not names:
        return ""
    first, last = names[0].split("/")[:-1], names[-1].split("/")[:-1]  # sorted: the extremes decide
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(f"{part}/" for part, _ in shared)


def _links_to_file_below(link: Path, top: Path) -> bool:
    return link.is_file() and link.resolve().is_relative_to(top.resolve())


def _cannot_list(error: OSError) -> None:
    raise CaptureError(f"{error.filename}: cannot be listed ({error.strerror})") from error


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER))


def _require_readable_size(where: Path | str, size: int) -> None:
    if size > MAX_READ_BYTES:
        raise CaptureError(f"{where}: {size:,} bytes, too large for what it should be; export the capture again")


def _refuse_lfs_pointer(data: bytes, where: Path | str) -> None:
    if data.startswith(LFS_POINTER):
        raise CaptureError(f"{where}: only a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'")
