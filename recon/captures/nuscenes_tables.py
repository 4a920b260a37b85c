"""The tables of nuScenes, of which only the rows of one scene are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem
from recon.captures.checks import poses_from_quaternions
from recon.captures.json_files import number, numbers, rows_of_numbers
from recon.captures.json_records import Record, json_records
from recon.captures.numbered import counted
from recon.captures.stills import Size
from recon.errors import CaptureError

LIDAR = "LIDAR_TOP"
SECONDS_PER_UNIT = 1e-6
MAX_SIDE = 1 << 16  # pixels
NAMES_SHOWN = 8


@dataclass(frozen=True)
class Reading:
    """One picture or sweep."""

    channel: str
    seconds: float
    file: str
    calibration: str  # token
    pose: str  # token
    size: Size | None  # of a picture


class SceneTables:
    """What the tables tell of one scene; ``CaptureError`` where they cannot.

    Args:
        folder: of the tables, as in "v1.0-mini".
    """

    def __init__(self, files: Files, folder: str, scene: str) -> None:
        self._files, self._folder = files, folder
        self.where = f"{files.path}: {folder}"
        tokens = {_text(record, "token") for record in self.rows("scene") if record.get("name") == scene}
        self.samples = {
            _text(record, "token"): seconds(record)
            for record in self.rows("sample")
            if _text(record, "scene_token") in tokens
        }
        channels = {_text(record, "token"): _text(record, "channel") for record in self.rows("sensor")}
        self._calibrations = {_text(record, "token"): record for record in self.rows("calibrated_sensor")}
        self.by_channel: dict[str, list[Reading]] = {}
        for record in self.rows("sample_data"):
            if _text(record, "sample_token") not in self.samples:
                continue
            calibration = self._calibrations.get(_text(record, "calibrated_sensor_token"), {})
            reading = _reading(record, channels.get(_text(calibration, "sensor_token"), ""))
            self.by_channel.setdefault(reading.channel, []).append(reading)
        for readings in self.by_channel.values():
            readings.sort(key=lambda reading: (reading.seconds, reading.file))

    def rows(self, table: str) -> Iterator[Record]:
        """The records of a table; none where that of the boxes is absent."""
        if table == "sample_annotation" and f"{self._folder}/{table}.json" not in self._files.names:
            return iter(())  # the test split, or trimmed tables
        return _records(self._files, self._folder, table)

    def present(self, channel: str, what: str) -> tuple[dict[int, Reading], tuple[Problem, ...]]:
        """Readings of a sensor whose file is there, by their place among all; how many files are not."""
        there = set(self._files.names)
        readings = self.by_channel.get(channel, [])
        found = {place: reading for place, reading in enumerate(readings) if reading.file in there}
        absent = [reading.file for reading in readings if reading.file not in there]
        return found, counted(f"{what} of the tables not among the files", absent, "dropped")

    def T_vehicle_sensor(self, reading: Reading) -> Float[np.ndarray, "4 4"]:
        T = motions([self._calibrations[reading.calibration]])[0]
        if not np.isfinite(T).all():
            raise CaptureError(f"{self.where}/calibrated_sensor.json has no usable pose of {reading.channel}")
        return T

    def intrinsics(self, reading: Reading) -> Float[np.ndarray, "3 3"]:
        K = rows_of_numbers(self._calibrations[reading.calibration].get("camera_intrinsic"), 3)
        if K.shape != (3, 3) or not np.isfinite(K).all():
            raise CaptureError(f"{self.where}/calibrated_sensor.json has no camera_intrinsic of {reading.channel}")
        return K

    def vehicle_poses(self) -> dict[float, Float[np.ndarray, "4 4"]]:
        """``T_world_vehicle`` by the time of the readings that have one, also of those whose file is absent."""
        times = {reading.pose: reading.seconds for readings in self.by_channel.values() for reading in readings}
        stored = [record for record in self.rows("ego_pose") if _text(record, "token") in times]
        poses = zip(stored, motions(stored), strict=True)
        usable = {times[record["token"]]: T for record, T in poses if np.isfinite(T).all()}
        return {time: usable[time] for time in sorted(usable) if np.isfinite(time)}


def choose_scene(files: Files, folders: Sequence[str], wanted: str | None) -> tuple[str, str]:
    """The folder of tables and the name of the scene to read: the one wanted, else the only one.

    Of several scenes in the tables those count that have a sweep here. Raises ``CaptureError`` where several do.
    """
    found: dict[str, str] = {}
    told: dict[str, str] = {}
    for folder in sorted(folders, key=lambda folder: files.size(f"{folder}/sample_data.json")):  # mini first
        scenes = {_text(record, "token"): _text(record, "name") for record in _records(files, folder, "scene")}
        for name in scenes.values():
            told.setdefault(name, folder)
        if wanted in told:
            return told[wanted], wanted
        here = scenes.values() if len(scenes) == 1 else _with_sweeps(files, folder, scenes)
        for name in here:
            found.setdefault(name, folder)
    if wanted is not None:
        raise CaptureError(f"{files.path}: no {wanted} among its {len(told)} scenes")
    if len(found) == 1:
        ((name, folder),) = found.items()
        return folder, name
    if not found:
        raise CaptureError(f"{files.path}: no sweeps of any of its {len(told)} scenes; fetch the files of one")
    shown = ", ".join(sorted(found)[:NAMES_SHOWN]) + (" ..." if len(found) > NAMES_SHOWN else "")
    raise CaptureError(f"{files.path}: {len(found)} scenes inside ({shown}); {_how_to_give(files, found)}")


def _how_to_give(files: Files, found: dict[str, str]) -> str:
    if not files.path.is_dir():
        return "unpack it, and name one behind its folder"
    name, folder = min(found.items())
    return f"give one, as {files.local(f'{folder}/scene.json').parents[1] / name}"


def _with_sweeps(files: Files, folder: str, scenes: dict[str, str]) -> list[str]:
    """Names of the scenes of which a sweep is there."""
    there = {name for name in files.names if f"/{LIDAR}/" in name}
    scene_of = {
        _text(record, "token"): scenes.get(_text(record, "scene_token"), "")
        for record in _records(files, folder, "sample")
    }
    samples = {
        _text(record, "sample_token")
        for record in _records(files, folder, "sample_data")
        if _text(record, "filename") in there
    }
    return sorted({scene_of[sample] for sample in samples if scene_of.get(sample)})


def _records(files: Files, folder: str, table: str) -> Iterator[Record]:
    name = f"{folder}/{table}.json"
    if name not in files.names:
        raise CaptureError(f"{files.path}: no {name}; fetch the tables (metadata) of nuScenes")
    return json_records(files, name)


def seconds(record: Record) -> float:
    """The time of a record; NaN where there is none."""
    return number(record.get("timestamp")) * SECONDS_PER_UNIT


def motions(records: Sequence[Record]) -> Float[np.ndarray, "n 4 4"]:
    """Poses from scalar-first quaternions and translations; NaN where they are none."""
    quaternion = np.array([numbers(record.get("rotation"), 4) for record in records]).reshape(-1, 4)
    translation = np.array([numbers(record.get("translation"), 3) for record in records]).reshape(-1, 3)
    return poses_from_quaternions(quaternion[:, [1, 2, 3, 0]], translation)


def _reading(record: Record, channel: str) -> Reading:
    width, height = number(record.get("width")), number(record.get("height"))
    sized = 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE
    return Reading(
        channel=channel,
        seconds=seconds(record),
        file=_text(record, "filename"),
        calibration=_text(record, "calibrated_sensor_token"),
        pose=_text(record, "ego_pose_token"),
        size=(int(width), int(height)) if sized else None,
    )


def _text(record: Record, key: str) -> str:
    """Empty where it is none."""
    value = record.get(key)
    return value if isinstance(value, str) else ""
