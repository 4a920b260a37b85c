"""Packets of the inertial and satellite navigation in KITTI's raw drives, and the poses that they tell."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from recon.captures.archive import Files
from recon.captures.base import Problem
from recon.captures.numbered import counted
from recon.captures.text_tables import number_lines, read_text

FIELDS = 30
LATITUDE, LONGITUDE, ALTITUDE, ROLL, PITCH, YAW = range(6)  # degrees, metres, radians; yaw 0 is east
VELOCITY = slice(8, 11)  # m/s forward, left, up
ROTATION_RATE = slice(20, 23)  # rad/s about forward, left, up
POSITION_ACCURACY = 23  # metres, as the device states it
EARTH_RADIUS = 6378137.0  # metres, WGS 84
WEAK_METRES = 0.1  # stated accuracy from which on poses smear what is fused


def read_packets(
    files: Files, numbered: Mapping[int, str]
) -> tuple[dict[int, Float[np.ndarray, "30"]], tuple[Problem, ...]]:
    """The usable packets by frame number."""
    packets, damaged = {}, []
    for number in sorted(numbered):
        lines = number_lines(read_text(files, numbered[number]))
        first = lines[0] if lines else None
        if first is None or len(first) != FIELDS or not _plausible(first):
            damaged.append(numbered[number])
        else:
            packets[number] = first
    return packets, counted("navigation packet damaged", damaged, "dropped")


def weak_positions(packets: Mapping[int, Float[np.ndarray, "30"]]) -> tuple[Problem, ...]:
    """A warning where the device itself states that its positions are worse than a decimetre."""
    weak = [number for number, packet in packets.items() if not packet[POSITION_ACCURACY] <= WEAK_METRES]
    if not weak:
        return ()
    worst = max(float(packets[number][POSITION_ACCURACY]) for number in weak)
    return counted(f"position stated accurate to no better than {WEAK_METRES} m (worst {worst:.2f} m)", weak, "noted")


def imu_poses(
    packets: Mapping[int, Float[np.ndarray, "30"]], delay: Mapping[int, float]
) -> dict[int, Float[np.ndarray, "4 4"]]:
    """``T_world_imu`` by frame number in an east-north-up world that begins at the first packet.

    Mercator's projection at the latitude of the first packet, as the data set defines its maps.

    Args:
        delay: seconds from the packet to the moment that its pose is wanted for, over which the vehicle goes on
            with its own velocity and rate of turning.
    """
    poses: dict[int, Float[np.ndarray, "4 4"]] = {}
    origin: Float[np.ndarray, 3] | None = None
    scale = 0.0
    for number, packet in packets.items():
        if origin is None:
            scale = float(np.cos(np.deg2rad(packet[LATITUDE])))
            origin = _mercator(packet, scale)
        R = Rotation.from_euler("ZYX", [packet[YAW], packet[PITCH], packet[ROLL]])
        seconds = delay[number]
        turn = packet[ROTATION_RATE] * seconds
        halfway = R * Rotation.from_rotvec(turn / 2)  # the way of a steady turn, to the third order
        T = np.eye(4)
        T[:3, :3] = (R * Rotation.from_rotvec(turn)).as_matrix()
        T[:3, 3] = _mercator(packet, scale) - origin + halfway.apply(packet[VELOCITY] * seconds)
        poses[number] = T
    return poses


def _mercator(packet: Float[np.ndarray, "30"], scale: float) -> Float[np.ndarray, "3"]:
    east = scale * EARTH_RADIUS * np.deg2rad(packet[LONGITUDE])
    north = scale * EARTH_RADIUS * np.log(np.tan(np.pi * (90 + packet[LATITUDE]) / 360))
    return np.array([east, north, packet[ALTITUDE]])


def _plausible(packet: Float[np.ndarray, "30"]) -> bool:
    finite = bool(np.isfinite(packet[: ROTATION_RATE.stop]).all())
    somewhere = bool(packet[[LATITUDE, LONGITUDE]].any())  # zeros stand for no fix
    return finite and somewhere and bool(abs(packet[LATITUDE]) < 89 and abs(packet[LONGITUDE]) <= 180)
