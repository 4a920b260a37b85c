"""TUM RGB-D sequences (Sturm et al. 2012): lists of colour, depth and poses, each with a clock of its own."""

import math
import posixpath
import re
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.checks import poses_from_quaternions
from recon.captures.images import decode_depth_png
from recon.captures.numbered import counted
from recon.captures.stills import Stills, capture_name
from recon.errors import CaptureError

METRES_PER_UNIT = 1 / 5000
SIZE = (640, 480)
# fx, fy, cx, cy in pixels, as the data set's page gives them; the files do not hold them.
INTRINSICS = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
GENERIC_INTRINSICS = (525.0, 525.0, 319.5, 239.5)
DISTORTED = {"freiburg1", "freiburg2"}  # the others' pictures are stored without distortion
PAIRING_SECONDS = 0.02  # of the data set's own tools; the poses come 100 times a second
CANDIDATES = 4  # nearest times looked at for each, two on either side
LISTS = {"rgb.txt", "depth.txt", "groundtruth.txt"}
MAX_LIST_BYTES = 64 << 20

Entry = TypeVar("Entry")  # what a line holds besides its time


class Tum(Stills):
    """One frame for each depth map, numbered by time; depth is already on colour's grid.

    Poses are camera to world in OpenCV's axes.
    """

    format = "TUM RGB-D"
    up: Up = "z"  # of the motion capture room
    signature = "rgb.txt, depth.txt and groundtruth.txt"

    @staticmethod
    def claims(files: Files) -> bool:
        return set(files.names) >= LISTS

    def __init__(self, files: Files) -> None:
        depth_time, depth_names, depth_problems = _read_list(files, "depth.txt", _file_name)
        image_time, image_names, image_problems = _read_list(files, "rgb.txt", _file_name)
        pose_time, poses, pose_problems = _read_list(files, "groundtruth.txt", _pose)
        image_of, pose_of = nearest_times(depth_time, image_time), nearest_times(depth_time, pose_time)
        stored = np.full((len(depth_time), 7), np.nan)
        for row in np.flatnonzero(pose_of >= 0):
            stored[row] = poses[pose_of[row]]
        intrinsics, intrinsics_problems = _intrinsics(files)
        there = set(files.names)
        listed = {row: image_names[image] for row, image in enumerate(image_of.tolist()) if image >= 0}
        unpaired = [image_names[image] for image in np.setdiff1d(np.arange(len(image_names)), image_of)]
        super().__init__(
            files,
            index=np.arange(len(depth_time)),
            timestamp=depth_time,
            T_world_camera=poses_from_quaternions(stored[:, 3:], stored[:, :3]),
            intrinsics=np.tile(intrinsics, (len(depth_time), 1)),
            stated_size=SIZE,
            images={row: name for row, name in listed.items() if name in there},
            depths={row: name for row, name in enumerate(depth_names) if name in there},
            confidences={},
            decode_depth=partial(decode_depth_png, metres_per_unit=METRES_PER_UNIT),
            depth_unit="5000ths of a metre",
            problems=intrinsics_problems
            + depth_problems
            + image_problems
            + pose_problems
            + counted("depth map without a pose within 20 ms", np.flatnonzero(pose_of < 0).tolist(), "noted")
            + counted("depth map without colour within 20 ms", np.flatnonzero(image_of < 0).tolist(), "noted")
            + counted("colour without a depth map within 20 ms", unpaired, "dropped")
            + counted("depth file missing", [name for name in depth_names if name not in there], "noted")
            + counted("colour file missing", [name for name in listed.values() if name not in there], "noted"),
        )


def nearest_times(times: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"]) -> Int[np.ndarray, " n"]:
    """For each time the index of its partner among ``others``, or -1; nearest pairs first, each used once.

    Both are sorted, without repetition; partners are at most 20 ms apart.
    """
    partner = np.full(len(times), -1)
    if not len(others):
        return partner
    candidates = np.searchsorted(others, times)[:, None] + np.arange(CANDIDATES) - CANDIDATES // 2
    gap = np.abs(times[:, None] - others[np.clip(candidates, 0, len(others) - 1)])
    gap[(candidates < 0) | (candidates >= len(others))] = np.inf
    rows, slots = np.nonzero(gap <= PAIRING_SECONDS)
    taken = np.zeros(len(others), bool)
    for pair in np.argsort(gap[rows, slots], kind="stable").tolist():
        row, other = rows[pair], candidates[rows[pair], slots[pair]]
        if partner[row] < 0 and not taken[other]:
            partner[row], taken[other] = other, True
    return partner


def _read_list(
    files: Files, name: str, parse: Callable[[str], tuple[float, Entry]]
) -> tuple[Float[np.ndarray, " n"], list[Entry], tuple[Problem, ...]]:
    """Times and what the list says of each, by rising time, only the first of equal times."""
    if files.size(name) > MAX_LIST_BYTES:
        raise CaptureError(f"{files.path}: {name} has {files.size(name):,} bytes, more than any such list")
    lines = files.read(name).decode("utf-8-sig", errors="replace").splitlines()
    times, entries, cut = [], [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            time, entry = parse(line)
        except ValueError as error:
            if number < len(lines):
                raise CaptureError(
                    f"{files.path}: {name}, line {number}: {line[:60]!r} is not {error}; unpack the sequence again"
                ) from error
            cut.append(f"{name}, line {number}")  # the recorder was stopped while it wrote
            continue
        times.append(time)
        entries.append(entry)
    timestamp, first = np.unique(np.array(times, np.float64), return_index=True)
    repeated = [f"{name}, entry {row + 1}" for row in sorted(set(range(len(times))) - set(first.tolist()))]
    moved = [f"{name}, entry {row + 2}" for row in np.flatnonzero(np.diff(times) < 0).tolist()]
    problems = (
        *counted("last line of a list cut short", cut, "dropped"),
        *counted("time repeated in a list", repeated, "dropped"),
        *counted("time goes backwards in a list", moved, "repaired"),
    )
    return timestamp, [entries[row] for row in first.tolist()], problems


def _file_name(line: str) -> tuple[float, str]:
    time, *name = line.strip().split(maxsplit=1)
    if not name or not math.isfinite(_float(time)):
        raise ValueError("a time and a file name")
    return float(time), posixpath.normpath(name[0].replace("\\", "/"))


def _pose(line: str) -> tuple[float, Float[np.ndarray, "7"]]:
    time, *rest = (_float(word) for word in line.split())
    if len(rest) != 7 or not math.isfinite(time):
        raise ValueError("a time and seven numbers with decimal points")
    return time, np.array(rest)


def _float(word: str) -> float:
    """NaN where the word is not a number."""
    try:
        return float(word)
    except ValueError:
        return math.nan


def _intrinsics(files: Files) -> tuple[Float[np.ndarray, "4"], tuple[Problem, ...]]:
    """Those of the camera that the folder's name tells, with a note on what that leaves out."""
    match = re.search(r"(?<![a-z])(?:freiburg|fr)([123])(?![0-9])", capture_name(files), re.IGNORECASE)
    if match is None:
        what = "intrinsics are not in the files nor in the folder's name (freiburg1 to 3), so generic ones are taken"
        return np.array(GENERIC_INTRINSICS), (Problem(what, 1, "noted"),)
    camera = f"freiburg{match.group(1)}"
    what = f"lens distortion of {camera} is not corrected"
    problems = (Problem(what, 1, "noted"),) if camera in DISTORTED else ()
    return np.array(INTRINSICS[camera]), problems
