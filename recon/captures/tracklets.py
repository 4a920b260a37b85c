"""Boxes that follow objects through a KITTI raw drive, from its XML, which is not trusted."""

from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from recon.captures.archive import Files
from recon.captures.base import Problem
from recon.captures.drive import Track
from recon.captures.numbered import counted
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import rigid

MAX_XML_BYTES = 32 << 20  # a thousand frames of ten objects have 4 MB


def read_tracklets(
    files: Files, name: str, T_world_lidar: Mapping[int, Float[np.ndarray, "4 4"]], times: Mapping[int, float]
) -> tuple[tuple[Track, ...], tuple[Problem, ...]]:
    """The tracks of those objects that have a place and a size.

    Args:
        T_world_lidar, times: by frame number; boxes of other frames are left out.
    """
    tracks, damaged = [], []
    for place, item in enumerate(_root(files, name).iterfind("./tracklets/item")):
        try:
            track = _track(item, T_world_lidar, times)
        except (ValueError, TypeError):  # numbers that are none, or are missing
            damaged.append(f"{name}, tracklet {place}")
            continue
        if track is not None:
            tracks.append(track)
    return tuple(tracks), counted("object track damaged", damaged, "dropped")


def _root(files: Files, name: str) -> ElementTree.Element:
    if files.size(name) > MAX_XML_BYTES:
        raise CaptureError(f"{files.path}: {name} has {files.size(name):,} bytes, more than any such file")
    try:
        text = files.read(name).decode("utf-8-sig")
        if "<!ENTITY" in text:  # could expand without end
            raise CaptureError(f"{files.path}: {name} declares entities, which no such file needs; it is refused")
        return ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise CaptureError(f"{files.path}: {name} is damaged ({error}); fetch it again or remove it") from error


def _track(
    item: ElementTree.Element, T_world_lidar: Mapping[int, Float[np.ndarray, "4 4"]], times: Mapping[int, float]
) -> Track | None:
    """None where none of its frames has a pose."""
    length, width, height = (_number(item, key) for key in ("l", "w", "h"))
    first = int(_number(item, "first_frame"))
    if min(length, width, height) <= 0:
        raise ValueError("no size")
    moments: list[float] = []
    poses: list[np.ndarray] = []
    for number, pose in enumerate(item.iterfind("./poses/item"), first):
        x, y, z, *turns = (_number(pose, key) for key in ("tx", "ty", "tz", "rx", "ry", "rz"))
        if number in T_world_lidar and (not moments or times[number] > moments[-1]):
            centre = np.array([x, y, z + height / 2])  # stored: the middle of its bottom
            T_lidar_box = rigid(Rotation.from_euler("xyz", turns).as_matrix(), centre)
            moments.append(times[number])
            poses.append(T_world_lidar[number] @ T_lidar_box)
    if not moments:
        return None
    return Track(Trajectory(np.array(moments, np.float64), np.array(poses)), np.array([length, width, height]))


def _number(element: ElementTree.Element, key: str) -> float:
    value = float(element.findtext(key, "nan"))
    if not np.isfinite(value):
        raise ValueError(f"{key} is {value}")
    return value
