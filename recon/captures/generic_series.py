"""Which pictures and sweeps of a user's own drive belong together, and when they were taken."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recon.captures.archive import Files
from recon.captures.base import Problem
from recon.captures.point_files import SUFFIXES
from recon.captures.text_tables import number_lines, read_text, require_times
from recon.errors import CaptureError

PERIOD = 0.1  # seconds, where no times are stored
NANOSECONDS_FROM = 1e16  # as seconds that would be in 300 million years
MAX_NUMBER = 10**7  # of frames; larger ones are times of some kind


@dataclass(frozen=True)
class Series:
    """Files of one sensor in natural order of their names, with a time each."""

    names: tuple[str, ...]
    times: tuple[float, ...]

    @property
    def by_place(self) -> tuple[dict[int, str], dict[int, float]]:
        return dict(enumerate(self.names)), dict(enumerate(self.times))


def read_series(
    files: Files, camera_names: Sequence[str], poses_of: str
) -> tuple[dict[str, Series], Series, Series, list[Problem]]:
    """Pictures by camera, sweeps, and that of the two that the poses belong to."""
    sweeps = _natural(name for name in files.names if re.fullmatch(r"lidar/[^/]+\.(?:bin|npy|pcd|ply)", name, re.I))
    if not sweeps:
        others = sum(name.startswith("lidar/") for name in files.names)
        raise CaptureError(
            f"{files.path}: no sweeps ({', '.join(SUFFIXES)}) among {others} files in lidar; convert them"
        )
    single = len(camera_names) == 1
    pictures = {camera: _pictures(files, camera, single) for camera in camera_names}
    problems = [Problem(f"camera {camera} has no pictures", 1, "noted") for camera in pictures if not pictures[camera]]
    pictures = {camera: names for camera, names in pictures.items() if names}
    sweep_times = _times(files, ("times_lidar.txt",), len(sweeps))
    picture_times = {
        camera: _times(files, (f"times_images_{camera}.txt", "times_images.txt"), len(names))
        for camera, names in pictures.items()
    }
    assumed: dict[str, float] = {}
    if sweep_times is None and not any(picture_times.values()):
        problems.append(Problem("no files of times, so ten frames a second are assumed", 1, "noted"))
        assumed = _numbers_as_times([*sweeps, *(name for names in pictures.values() for name in names)])
        sweep_times = tuple(assumed.get(_stem(name), place * PERIOD) for place, name in enumerate(sweeps))
    series = {}
    for camera, names in pictures.items():
        times = picture_times[camera]
        if times is None or sweep_times is None:
            of_pictures, of_sweeps, found = _partners(files, camera, names, sweeps)
            problems += found
            if sweep_times is None and times is not None:
                time_of = dict(zip(of_pictures, times, strict=True))
                sweep_times = tuple(time_of.get(partner, np.nan) for partner in of_sweeps)
            elif sweep_times is not None:
                time_of = assumed | dict(zip(of_sweeps, sweep_times, strict=True))
                times = tuple(time_of.get(partner, np.nan) for partner in of_pictures)
        if times is not None:
            series[camera] = Series(names, times)
    lidar = Series(sweeps, sweep_times or tuple(place * PERIOD for place in range(len(sweeps))))
    return series, lidar, series.get(poses_of, lidar), problems


def _numbers_as_times(names: Sequence[str]) -> dict[str, float]:
    """Seconds by the names of files that all are small frame numbers; nothing where some are not."""
    numbers = {_stem(name): frame_number(name) for name in names}
    small = {stem: number * PERIOD for stem, number in numbers.items() if number is not None and number < MAX_NUMBER}
    return small if len(small) == len(numbers) else {}


def _partners(
    files: Files, camera: str, pictures: tuple[str, ...], sweeps: tuple[str, ...]
) -> tuple[list[str], list[str], tuple[Problem, ...]]:
    """What pairs pictures and sweeps without times of both: equal names, else their order where they are as many."""
    of_pictures, of_sweeps = [_stem(name) for name in pictures], [_stem(name) for name in sweeps]
    if {*of_pictures} & {*of_sweeps}:
        return of_pictures, of_sweeps, ()
    if len(sweeps) != len(pictures):
        raise CaptureError(
            f"{files.path}: {len(pictures)} pictures of camera {camera} and {len(sweeps)} sweeps without names in "
            "common; give times_images.txt and times_lidar.txt"
        )
    order = [f"place {place}" for place in range(len(sweeps))]
    return (
        order,
        order,
        (Problem(f"names of sweeps and camera {camera} differ, paired in order", len(sweeps), "noted"),),
    )


def _times(files: Files, names: Sequence[str], count: int) -> tuple[float, ...] | None:
    """Seconds for each of so many files, from the first of these lists that is there; NaN for an empty line."""
    name = next((name for name in names if name in files.names), None)
    if name is None:
        return None
    lines = number_lines(read_text(files, name))
    if len(lines) != count:
        raise CaptureError(f"{files.path}: {name} has {len(lines)} lines for {count} files; one for each is needed")
    times = np.array([np.nan if line is None else line[0] for line in lines], np.float64)
    nanoseconds = bool((times[np.isfinite(times)] > NANOSECONDS_FROM).any())
    times = times * 1e-9 if nanoseconds else times
    require_times(times, f"{files.path}: {name}")
    return tuple(times.tolist())


def _pictures(files: Files, camera: str, single: bool) -> tuple[str, ...]:
    folders = [f"images/{camera}", *(["images"] if single else [])]
    patterns = [re.compile(rf"{re.escape(folder)}/[^/]+\.(?:png|jpe?g)", re.IGNORECASE) for folder in folders]
    return next((found for pattern in patterns if (found := _natural(filter(pattern.fullmatch, files.names)))), ())


def _natural(names: Iterable[str]) -> tuple[str, ...]:
    """By the numbers inside them, as 2 before 10."""

    def key(name: str) -> list[str | int]:
        return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]

    return tuple(sorted(names, key=key))


def _stem(name: str) -> str:
    return posixpath.basename(name).rsplit(".", 1)[0]


def frame_number(name: str) -> int | None:
    """The frame number that is the whole name of a file; None where it is more than that, or no frame's."""
    stem = _stem(name)
    return int(stem) if re.fullmatch(r"[0-9]{1,18}", stem) else None
