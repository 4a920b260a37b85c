"""Poses of a drive from its LiDAR alone: each sweep is registered to a map of the sweeps before it."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from recon.captures.base import Problem, Up
from recon.captures.drive import Drive
from recon.captures.numbered import counted
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import invert, rigid
from recon.poses.sweep_map import Fit, SweepMap, ThinSweep
from recon.stream import Progress

MAX_RANGE = 100.0  # metres; farther points are too sparse for their surface to be known
MIN_POINTS = 500  # of a sweep
CELLS_TO_RANGE = 8.0  # the median range over the side of a cell
CELL_METRES = (0.2, 1.0)  # least and greatest side of a cell; on a street it is 1 m

# Other places are tried where a sweep costs this many times what the one before did. On KITTI it cost 0.3 to 1.0 at
# the right place, 2.0 at 2 m beside it.
SUSPECT = 1.5
# Cells ahead, behind and beside at which a trial starts: 4.5 m on a street, which is 160 km/h at 10 Hz.
TRIALS = 1.5 * np.stack(np.meshgrid(np.arange(-3, 4), np.arange(-3, 4)), axis=-1).reshape(-1, 2)
MIN_SHARE = 0.4  # of a sweep's points that must meet the map
MAX_LOST = 10  # sweeps in a row

# Information on sliding along a direction is 0.5 where all surfaces are parallel to it, and grows by 500 times the
# share of the points on surfaces across. KITTI's widest road has 5, made streets from 13 on, a bare tunnel 0.5 to 1.1.
LEAST_INFORMATION = 1.2
MAX_UNSEEN = 0.75  # of the sweeps that may tell less

# Axes of the world in those of the first sweep, so that the drive's upward axis stays what it says.
AXES: dict[Up, Float[np.ndarray, "3 3"]] = {
    "z": np.eye(3),
    "unknown": np.eye(3),
    "y": np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]]),
    "-y": np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]]),
}

Pose = Float[np.ndarray, "4 4"]
Points = Float[np.ndarray, "n 3"]


def lidar_trajectory(drive: Drive, progress: Progress) -> tuple[Trajectory, tuple[Problem, ...]]:
    """Poses of the body at the times of the sweeps, from nothing but the sweeps, with what was wrong with these.

    The world's origin is the LiDAR's first place; ``drive.up`` is its upward axis if the LiDAR's z points upwards. One
    step past either end the motion is continued, so that the first and the last sweep can be compensated.
    Sweeps that are stored as measured are placed twice, the second time compensated by the motion of the first.
    Raises ``UsageError`` without the extra package, and ``CaptureError`` where the sweeps do not tell the motion.
    """
    times = drive.lidar.timestamp
    if len(times) < 2:
        raise CaptureError(f"{drive.name}: {len(times)} sweep of a LiDAR, but motion takes two; give --poses FILE")
    stored = _StoredSweeps(drive)
    first = _Odometry(drive, stored.read)
    trajectory = first.run(partial(progress, "LiDAR poses"))
    if not stored.as_measured:
        return trajectory, first.problems
    second = _Odometry(drive, drive.select(trajectory=trajectory).sweep)
    return second.run(partial(progress, "LiDAR poses, compensated")), second.problems


class _StoredSweeps:
    """Sweeps without compensation, whatever poses the drive has."""

    def __init__(self, drive: Drive) -> None:
        self._lidar = drive.lidar
        self.as_measured = False  # whether a sweep that was read wants compensation

    def read(self, number: int) -> Points:
        raw = self._lidar.read(number)
        self.as_measured |= raw.seconds is not None
        distance = np.linalg.norm(raw.points, axis=1)
        return raw.points[np.isfinite(distance) & (distance >= self._lidar.min_range)]


class _Odometry:
    """One pass over the sweeps of a drive."""

    def __init__(self, drive: Drive, read: Callable[[int], Points]) -> None:
        self._drive, self._read = drive, read
        self._map: SweepMap | None = None
        self._times: list[float] = []
        self._poses: list[Pose] = []  # T_map_lidar of the sweeps that could be placed; the first is the map's axes
        self._cost = 0.0  # of the last of them; 0 as long as no motion is known
        self._unread: list[str] = []
        self._lost: list[str] = []
        self._unseen: list[str] = []  # sweeps that do not tell how far they moved

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (
            *counted("sweep unreadable or nearly empty, so without a pose", self._unread, "dropped"),
            *counted("sweep that does not fit the ones before it, so without a pose", self._lost, "dropped"),
            *counted("sweep amid bare walls or fields, so moved on as before", self._unseen, "noted"),
        )

    def run(self, progress: Callable[[int, int], None]) -> Trajectory:
        times = self._drive.lidar.timestamp.tolist()
        in_a_row = 0
        for number, time in enumerate(times):
            progress(number, len(times))
            lost = len(self._lost)
            self._place(number, time)
            in_a_row = in_a_row + 1 if len(self._lost) > lost else 0
            if in_a_row == MAX_LOST:
                raise CaptureError(
                    f"{self._drive.name}: {MAX_LOST} sweeps in a row, up to {_named(number, time)}, do not fit those "
                    "before them; the LiDAR does not tell this drive's motion, so give --poses FILE"
                )
        progress(len(times), len(times))
        self._require_motion(len(times))
        return self._trajectory()

    def _place(self, number: int, time: float) -> None:
        try:
            points = self._read(number)
        except CaptureError:
            points = np.zeros((0, 3), np.float32)
        distance = np.linalg.norm(points, axis=1)
        near = distance < MAX_RANGE
        if near.sum() < MIN_POINTS:
            self._unread.append(_named(number, time))
            return
        if self._map is None:
            self._map = SweepMap(float(np.clip(np.median(distance[near]) / CELLS_TO_RANGE, *CELL_METRES)))
        sweep = self._map.thin(points[near])
        T = np.eye(4) if not self._poses else self._registered(self._map, sweep, _named(number, time), time)
        if T is not None:
            self._map.add(sweep, T)
            self._poses.append(T)
            self._times.append(time)

    def _registered(self, sweeps: SweepMap, sweep: ThinSweep, name: str, time: float) -> Pose | None:
        """Its place in the map, from where the last motion leads."""
        T_ahead = self._poses[-1]
        if len(self._poses) > 1:
            T_ahead = _continued(self._poses[-2:], self._times[-2:], time)
        fit = sweeps.register(sweep, T_ahead)
        if fit.cost > SUSPECT * self._cost:
            starts = [T_ahead @ rigid(np.eye(3), np.array([x, y, 0]) * sweeps.cell) for x, y in TRIALS.tolist()]
            fit = min(fit, sweeps.register_from(sweep, starts), key=lambda fit: fit.cost)
        if fit.share < MIN_SHARE:
            self._lost.append(name)
            return None
        self._cost = fit.cost
        T, unseen = _kept_where_unseen(T_ahead, fit)
        if unseen:
            self._unseen.append(name)
        return T

    def _require_motion(self, total: int) -> None:
        placed = len(self._poses)
        if placed < 2 or 2 * placed < total:
            why = f"{len(self._unread)} are unreadable or nearly empty and {len(self._lost)} do not fit the others"
            raise CaptureError(
                f"{self._drive.name}: {total - placed} of {total} sweeps cannot be placed ({why}); give --poses FILE"
            )
        if len(self._unseen) > MAX_UNSEEN * placed:
            raise CaptureError(
                f"{self._drive.name}: {len(self._unseen)} of {placed} sweeps see only bare walls or fields, along "
                "which the LiDAR does not tell how far they moved; give --poses FILE"
            )

    def _trajectory(self) -> Trajectory:
        times, poses = np.array(self._times), np.stack(self._poses)
        before, after = 2 * times[0] - times[1], 2 * times[-1] - times[-2]
        T_map_lidar = np.stack(
            [
                _continued(self._poses[1::-1], self._times[1::-1], float(before)),
                *poses,
                _continued(self._poses[-2:], self._times[-2:], float(after)),
            ]
        )
        T_world_map = rigid(AXES[self._drive.up], np.zeros(3))
        T_world_body = T_world_map @ T_map_lidar @ invert(self._drive.lidar.T_body_lidar)
        return Trajectory(np.concatenate([[before], times, [after]]), T_world_body)


def _named(number: int, time: float) -> str:
    return f"sweep {number} at {time:.2f} s"


def _continued(poses: Sequence[Pose], times: Sequence[float], time: float) -> Pose:
    """The pose at a time if the motion from the first to the second of two went on steadily."""
    T_first_second = invert(poses[0]) @ poses[1]
    share = (time - times[1]) / (times[1] - times[0])
    turn = Rotation.from_matrix(T_first_second[:3, :3]).as_rotvec()
    return poses[1] @ rigid(Rotation.from_rotvec(share * turn).as_matrix(), share * T_first_second[:3, 3])


def _kept_where_unseen(T_map_ahead: Pose, fit: Fit) -> tuple[Pose, bool]:
    """The fitted pose, but as expected along directions that the surfaces do not tell, and whether there are any.

    After Zhang, Kaess, Singh 2016, "On degeneracy of optimization-based state estimation problems", of translations.
    """
    strength, directions = np.linalg.eigh(fit.information)
    unseen = directions[:, strength < LEAST_INFORMATION]
    T_fit_ahead = invert(fit.T_map_lidar) @ T_map_ahead
    return fit.T_map_lidar @ rigid(np.eye(3), unseen @ unseen.T @ T_fit_ahead[:3, 3]), unseen.shape[1] > 0
