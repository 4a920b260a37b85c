"""Finding the reader of a capture by what is inside it."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from recon.captures.archive import Below, Files, open_files
from recon.captures.argoverse2 import Argoverse2
from recon.captures.base import Capture, Problem
from recon.captures.generic_drive import GenericDrive
from recon.captures.kitti_360 import Kitti360
from recon.captures.kitti_odometry import KittiOdometry
from recon.captures.kitti_raw import KittiRaw
from recon.captures.nuscenes import NuScenes
from recon.captures.record3d import Record3D
from recon.captures.record3d_exr import Record3DExr
from recon.captures.seven_scenes import SevenScenes
from recon.captures.stray_scanner import StrayScanner
from recon.captures.three_d_scanner_app import ThreeDScannerApp
from recon.captures.tum import Tum
from recon.captures.waymo_v2 import WaymoV2
from recon.errors import CaptureError


@runtime_checkable  # the test run checks types
class Reader(Protocol):
    """A class that reads the captures of one format."""

    format: str
    signature: str  # what it looks for, in words

    def claims(self, files: Files) -> bool:
        """Whether these are files of its format, from their names alone."""
        ...

    def __call__(self, files: Files) -> Capture: ...


# Of two that claim a capture the first wins, which is told as a problem.
READERS: tuple[Reader, ...] = (
    StrayScanner,
    ThreeDScannerApp,
    Record3D,
    Record3DExr,
    SevenScenes,
    Tum,
    KittiOdometry,
    KittiRaw,
    Kitti360,
    NuScenes,
    Argoverse2,
    WaymoV2,
    GenericDrive,
)
SHARED = (NuScenes, WaymoV2)  # whose drives lie in the same folders, and are named behind these
MAX_NESTING = 3  # folders down to a capture in an archive that holds several
MAX_TRIED = 32  # captures in one archive of which the complete one is looked for
NAMES_SHOWN = 8


def open_capture(path: str | Path) -> Capture:
    """The capture in a folder or zip, found by content; ``CaptureError`` tells what was looked for.

    One scene of nuScenes or one segment of Waymo is named behind the folder of all, as ``nuscenes/scene-0061``.
    """
    path = Path(path)
    shared = _reader_of_part(path)
    files = open_files(path.parent if shared else path)
    try:
        capture, problems = (shared(files, path.name), ()) if shared else _read(files)
    except BaseException:
        files.close()
        raise
    capture.problems = (*files.problems, *problems, *capture.problems)
    return capture


def _reader_of_part(path: Path) -> type[NuScenes | WaymoV2] | None:
    """The reader of the data set in the folder above, where ``path`` is only the name of a drive in it."""
    try:
        if not path.exists():
            return next((reader for reader in SHARED if reader.holds(path.parent, path.name)), None)
    except OSError:
        pass  # told when the capture is opened
    return None


def _read(files: Files) -> tuple[Capture, tuple[Problem, ...]]:
    claiming = [reader for reader in READERS if reader.claims(files)]
    if claiming:
        others = tuple(Problem(f"could also be read as {reader.format}", 1, "noted") for reader in claiming[1:])
        return claiming[0](files), others
    inside = _captures_below(files)
    if len(inside) == 1:
        ((folder, reader),) = inside.items()
        return reader(Below(files, folder)), ()
    if inside:
        return _only_complete(files, inside)
    raise CaptureError(_unknown(files))


def _captures_below(files: Files) -> dict[str, Reader]:
    """The reader of each folder that some reader claims; nothing is looked for inside such a folder."""
    found: dict[str, Reader] = {}
    folders = {"/".join(name.split("/")[:depth]) for name in files.names for depth in range(1, MAX_NESTING + 1)}
    for folder in sorted(folders, key=lambda folder: folder.split("/")):  # each folder just before those inside it
        if found and folder.startswith(f"{next(reversed(found))}/"):
            continue
        below = Below(files, folder)
        reader = next((reader for reader in READERS if reader.claims(below)), None)
        if reader is not None:
            found[folder] = reader
    return found


def _only_complete(files: Files, inside: dict[str, Reader]) -> tuple[Capture, tuple[Problem, ...]]:
    """Of several captures the one that can be opened, if the others cannot."""
    complete: list[Capture] = []
    for folder, reader in list(inside.items())[:MAX_TRIED]:
        try:
            complete.append(reader(Below(files, folder)))
        except CaptureError:
            continue
    if len(complete) == 1 and len(inside) <= MAX_TRIED:
        return complete[0], (Problem("incomplete capture beside this one", len(inside) - 1, "dropped"),)
    folders = ", ".join(list(inside)[:NAMES_SHOWN]) + (" ..." if len(inside) > NAMES_SHOWN else "")
    raise CaptureError(f"{files.path}: {len(inside)} captures inside ({folders}); unpack it and give one of them")


def _unknown(files: Files) -> str:
    if not files.names:
        return f"{files.path}: no files inside; export the capture again"
    top = sorted({name.split("/")[0] for name in files.names})
    shown = ", ".join(top[:NAMES_SHOWN]) + (f" and {len(top) - NAMES_SHOWN} more" if len(top) > NAMES_SHOWN else "")
    known = "; ".join(f"{reader.format} ({reader.signature})" for reader in READERS)
    return f"{files.path}: no known capture inside, which holds {shown}; known formats: {known}"
