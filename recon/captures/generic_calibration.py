"""The ``calib.yaml`` of a folder that a user makes of the drive of an own vehicle or robot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import yaml  # type: ignore[import-untyped]
from jaxtyping import Float

from recon.captures.base import Up
from recon.captures.drive import OWN_CAR_METRES
from recon.captures.stills import Size
from recon.captures.text_tables import rigid_motion
from recon.captures.undistortion import MODELS
from recon.errors import CaptureError
from recon.geometry.transforms import invert

MAX_YAML_CHARACTERS = 1 << 16
MAX_SIDE = 1 << 16  # pixels
TOP = {
    "version", "camera", "cameras", "T_camera_lidar", "T_lidar_camera", "T_body_lidar", "T_lidar_body", "poses_of",
    "poses_file", "deskewed", "lidar_columns", "min_range", "up",
}  # fmt: skip
OF_CAMERA = {"model", "width", "height", "K", "D", "T_camera_lidar", "T_lidar_camera"}
UPS = ("y", "-y", "z", "unknown")


@dataclass(frozen=True, eq=False)
class CalibratedCamera:
    """What the file tells of one camera."""

    K: Float[np.ndarray, "3 3"]
    size: Size
    model: str  # "pinhole", "opencv" or "fisheye"
    D: Float[np.ndarray, " k"]
    T_camera_lidar: Float[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False)
class GenericCalibration:
    """All that the file tells."""

    cameras: dict[str, CalibratedCamera]
    T_body_lidar: Float[np.ndarray, "4 4"]  # of what the poses are of
    poses_of: str  # "lidar", "body" or a camera's name
    poses_file: str | None
    deskewed: bool
    lidar_columns: tuple[str, ...] | None
    min_range: float
    up: Up


def read_calibration(text: str, where: str) -> GenericCalibration:
    """The calibration; ``CaptureError`` for what is missing, unknown or no calibration."""
    document = _Mapping(_yaml(text, where), where)
    document.refuse_others(TOP)
    if document.values.get("version", 1) != 1:
        raise CaptureError(f"{where}: version is {document.values['version']!r}; 1 is known")
    cameras = _cameras(document)
    poses_of, T_body_lidar = _body(document, cameras)
    columns = document.values.get("lidar_columns")
    if columns is not None and not (
        isinstance(columns, list) and all(isinstance(column, str) for column in columns) and {*"xyz"} <= {*columns}
    ):
        raise CaptureError(f"{where}: lidar_columns is {columns!r}; a list of names with x, y and z is needed")
    if columns is not None and len({*columns}) != len(columns):
        raise CaptureError(f"{where}: lidar_columns names a column twice: {columns!r}")
    poses_file = document.values.get("poses_file")
    if poses_file is not None and not isinstance(poses_file, str):
        raise CaptureError(f"{where}: poses_file is {poses_file!r}; the name of a file is needed")
    deskewed = document.values.get("deskewed", True)
    if not isinstance(deskewed, bool):
        raise CaptureError(f"{where}: deskewed is {deskewed!r}; true or false is needed")
    up = document.values.get("up", "-y" if poses_of in cameras else "z")
    if up not in UPS:
        raise CaptureError(f"{where}: up is {up!r}; one of {', '.join(UPS)} is needed")
    return GenericCalibration(
        cameras=cameras,
        T_body_lidar=T_body_lidar,
        poses_of=poses_of,
        poses_file=poses_file,
        deskewed=deskewed,
        lidar_columns=None if columns is None else tuple(columns),
        min_range=document.positive("min_range") if "min_range" in document.values else OWN_CAR_METRES,
        up=cast(Up, up),
    )


def _yaml(text: str, where: str) -> object:
    if len(text) > MAX_YAML_CHARACTERS:
        raise CaptureError(f"{where}: {len(text):,} characters, more than any calibration")
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # ValueError: dates that are none
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place is not None else ""
        raise CaptureError(f"{where}{line}: not readable as YAML; see the example in docs/drives.md") from error


class _Mapping:
    """Keys of the file with their checks."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            found = "nothing" if values is None else repr(str(values)[:40])
            raise CaptureError(f"{where}: {found} where keys and values are needed; see the example in docs/drives.md")
        self.values: Mapping[Any, Any] = values
        self.where = where

    def refuse_others(self, known: set[str]) -> None:
        others = [str(key) for key in self.values if key not in known]
        if others:
            raise CaptureError(
                f"{self.where}: {others[0]!r} is not known here; known are {', '.join(sorted(known))} (transforms are "
                "named by both frames: T_camera_lidar takes the LiDAR's points to the camera)"
            )

    def numbers(self, key: str, counts: tuple[int, ...]) -> Float[np.ndarray, " k"]:
        """Finite numbers of a list, also of a list of rows."""
        needed = " or ".join(map(str, counts)) + (" number is" if counts == (1,) else " numbers are") + " needed"
        if self.values.get(key) is None:
            raise CaptureError(f"{self.where}: no {key}; {needed}")
        stored = self.values[key]
        rows = stored if isinstance(stored, list) else [stored]
        flat = [_number(value) for row in rows for value in (row if isinstance(row, list) else [row])]
        values = np.array(flat, np.float64)
        if len(flat) not in counts:
            raise CaptureError(f"{self.where}: {key} is {str(stored)[:60]}; {needed}")
        if not np.isfinite(values).all():
            what = "a finite number is" if counts == (1,) else "finite numbers are"
            raise CaptureError(f"{self.where}: {key} is {str(stored)[:60]}; {what} needed")
        return values

    def positive(self, key: str) -> float:
        value = float(self.numbers(key, (1,))[0])
        if value <= 0:
            raise CaptureError(f"{self.where}: {key} is {value:g}; it must be positive")
        return value

    def motion(self, key: str, inverse_key: str) -> Float[np.ndarray, "4 4"] | None:
        """The motion named ``key``, from its inverse where only that is there; None where neither is."""
        for name in (key, inverse_key):
            if name in self.values:
                T = np.eye(4)
                numbers = self.numbers(name, (12, 16))
                T.flat[: len(numbers)] = numbers
                T = rigid_motion(T, f"{self.where}: {name}")
                return T if name == key else invert(T)
        return None


def _number(value: object) -> float:
    """NaN for what is none; YAML 1.1 takes 1e-3 for a word."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else np.nan
    except (ValueError, OverflowError):
        return np.nan


def _cameras(document: _Mapping) -> dict[str, CalibratedCamera]:
    values = document.values
    if ("camera" in values) == ("cameras" in values):
        raise CaptureError(f"{document.where}: either camera or cameras is needed, with model, width, height and K")
    named = {"front": values["camera"]} if "camera" in values else _Mapping(values["cameras"], document.where).values
    shared = document.motion("T_camera_lidar", "T_lidar_camera")
    if shared is not None and len(named) > 1:
        raise CaptureError(f"{document.where}: T_camera_lidar above {len(named)} cameras; give each its own")
    cameras = {}
    for name, entry in named.items():
        one = _Mapping(entry, f"{document.where}, camera {name}")
        one.refuse_others(OF_CAMERA)
        cameras[str(name)] = _camera(one, shared)
    if not cameras:
        raise CaptureError(f"{document.where}: no cameras in it")
    return cameras


def _camera(entry: _Mapping, shared: Float[np.ndarray, "4 4"] | None) -> CalibratedCamera:
    T_camera_lidar = entry.motion("T_camera_lidar", "T_lidar_camera")
    T_camera_lidar = shared if T_camera_lidar is None else T_camera_lidar
    if T_camera_lidar is None:
        raise CaptureError(f"{entry.where}: no T_camera_lidar, which takes the LiDAR's points to the camera's axes")
    width, height = entry.positive("width"), entry.positive("height")
    if width % 1 or height % 1 or max(width, height) > MAX_SIDE:
        raise CaptureError(f"{entry.where}: {width:g}x{height:g} is no size of pictures in pixels")
    numbers = entry.numbers("K", (4, 9))
    K = np.array([[numbers[0], 0, numbers[2]], [0, numbers[1], numbers[3]], [0, 0, 1]])
    if len(numbers) == 9:
        K = numbers.reshape(3, 3)
    if K[0, 0] <= 0 or K[1, 1] <= 0 or (K[[0, 1, 2, 2, 2], [1, 0, 0, 1, 2]] != [0, 0, 0, 0, 1]).any():
        raise CaptureError(f"{entry.where}: K is {numbers.tolist()}; fx, fy, cx, cy or their 3x3 matrix is needed")
    model = entry.values.get("model", "pinhole")
    D = np.zeros(0)
    if isinstance(model, str) and model in MODELS:
        D = entry.numbers("D", MODELS[model])
    elif model != "pinhole":
        raise CaptureError(f"{entry.where}: model is {model!r}; one of pinhole, {', '.join(MODELS)} is needed")
    elif entry.values.get("D"):
        raise CaptureError(f"{entry.where}: D with model pinhole; the model of these coefficients is opencv or fisheye")
    return CalibratedCamera(K, (int(width), int(height)), str(model), D, T_camera_lidar)


def _body(document: _Mapping, cameras: dict[str, CalibratedCamera]) -> tuple[str, Float[np.ndarray, "4 4"]]:
    """What the poses are of, and ``T_body_lidar``."""
    poses_of = document.values.get("poses_of", "lidar")
    if poses_of == "camera" and len(cameras) == 1:
        poses_of = next(iter(cameras))
    if poses_of == "lidar":
        return "lidar", np.eye(4)
    if poses_of == "body":
        T_body_lidar = document.motion("T_body_lidar", "T_lidar_body")
        if T_body_lidar is None:
            raise CaptureError(f"{document.where}: poses_of is body, so T_body_lidar is needed too")
        return "body", T_body_lidar
    if isinstance(poses_of, str) and poses_of in cameras:
        return poses_of, cameras[poses_of].T_camera_lidar
    raise CaptureError(
        f"{document.where}: poses_of is {poses_of!r}; lidar, body or a camera ({', '.join(cameras)}) is needed"
    )
