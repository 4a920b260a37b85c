"""Which frames are worth their time: new views by the pose table, the sharpest of each few by their pictures."""

import cv2
import numpy as np
from jaxtyping import UInt8

from recon.captures.base import FrameTable
from recon.captures.checks import pose_faults
from recon.errors import CaptureError
from recon.fates import Fates
from recon.geometry.transforms import rotation_angle
from recon.settings import Settings
from recon.surroundings import Surroundings, surroundings

# A frame is a new view too once it has made a good part of the motion to one in the time between two frames of an
# app that records 5 a second: slow looks repay their time in less noise, and such apps have chosen already.
SLOW_VIEW_SECONDS = 0.19
SLOW_VIEW_SHARE = 0.4
WINDOW_SHARE = 0.35  # of that motion, within which a sharper frame may stand in
RARE_PICTURES = 0.5  # share of frames below which none with a picture is passed over: the 3D Scanner App's have a third
SHARPNESS_WIDTH_PX = 480  # compared at this width, where sensor noise is averaged away


def choose_windows(table: FrameTable, settings: Settings, fates: Fates) -> list[list[int]]:
    """Groups of rows; one frame of each group is to be used. All other rows get their fate here."""
    for row, fault in enumerate(pose_faults(table)):
        if fault:
            fates.skip(row, fault)
        elif not table.has_depth[row]:
            fates.skip(row, "no depth")
        elif not _in_range(int(table.index[row]), settings):
            fates.skip(row, "outside --start and --stop")
    usable = fates.undecided
    if not usable:
        raise CaptureError(f"no usable frame among {len(table)}: {fates.summary()}")

    windows = []
    for camera in sorted(set(table.camera_name)):
        of_camera = [row for row in usable if table.camera_name[row] == camera]
        if settings.keyframes == "auto":
            windows += _windows_by_motion(table, of_camera)
        else:
            every = 1 if settings.keyframes == "all" else int(settings.keyframes)
            windows += [[row] for row in of_camera[::every]]
    windows.sort()
    chosen = {row for window in windows for row in window}
    for row in usable:
        if row not in chosen:
            fates.skip(row, "no new view" if settings.keyframes == "auto" else "between --keyframes")

    if settings.max_frames is not None and len(windows) > settings.max_frames:
        picks = np.linspace(0, len(windows) - 1, settings.max_frames).round().astype(int)
        windows = [windows[pick] for pick in picks]
        for row in chosen - {row for window in windows for row in window}:
            fates.skip(row, "above --max-frames")
    return windows


def _windows_by_motion(table: FrameTable, usable: list[int]) -> list[list[int]]:
    windows: list[list[int]] = []
    usual = surroundings(table)
    pictures_are_rare = bool(usable) and table.has_image[usable].mean() < RARE_PICTURES
    for row in usable:
        motion = _motion(table, windows[-1][0], row, usual) if windows else np.inf
        colours = pictures_are_rare and table.has_image[row]
        waited = bool(windows) and table.timestamp[row] - table.timestamp[windows[-1][0]] >= SLOW_VIEW_SECONDS
        if motion >= 1 or (waited and motion > SLOW_VIEW_SHARE) or (colours and motion > WINDOW_SHARE):
            windows.append([row])
        elif motion <= WINDOW_SHARE and len(windows[-1]) < usual.view_frames:
            windows[-1].append(row)
    # Where some frames have colour, those without would only stand in the way of the colour.
    return [[row for row in window if table.has_image[row]] or window[:1] for window in windows]


def _motion(table: FrameTable, earlier: int, later: int, usual: Surroundings) -> float:
    """Motion between two rows as a share of what makes a new view."""
    T_earlier, T_later = table.T_world_camera[earlier], table.T_world_camera[later]
    distance = float(np.linalg.norm(T_later[:3, 3] - T_earlier[:3, 3]))
    turn = float(rotation_angle(T_earlier[:3, :3].T @ T_later[:3, :3]))
    return max(distance / usual.view_metres, turn / usual.view_radians)


def _in_range(index: int, settings: Settings) -> bool:
    after_start = settings.start is None or index >= settings.start
    return after_start and (settings.stop is None or index < settings.stop)


def sharpness(image: UInt8[np.ndarray, "h w 3"]) -> float:
    """Variance of the Laplacian of the grey picture (Pech-Pacheco et al. 2000), at a common small width."""
    scale = min(1.0, SHARPNESS_WIDTH_PX / image.shape[1])
    width, height = (max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
