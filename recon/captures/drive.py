"""What the readers of vehicle drives share: cameras and a LiDAR on a body that follows a trajectory."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.spatial.transform import Rotation

from recon.captures.archive import Files
from recon.captures.base import Frame, FrameTable, LidarSweep, MovingBox, Problem, Up
from recon.captures.stills import capture_name, no_image
from recon.errors import CaptureError, UsageError
from recon.geometry.camera import Camera
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import apply, invert

PAIRING_SECONDS = 0.06  # between a picture and its sweep: half a turn at 10 Hz, and a little
OWN_CAR_METRES = 1.5  # nearer returns are the vehicle's own roof, or none at all
MOVING_SPEED = 0.5  # m/s; what is slower stands
BOX_MARGIN_METRES = 0.15  # on each side, as boxes are drawn tight
BOX_MARGIN_SECONDS = 0.1  # of its own motion, as a sweep takes that long
SPEED_SECONDS = 0.2  # either side of a moment over which an object's speed is taken

Points = Float[np.ndarray, "n 3"]


@dataclass(frozen=True, eq=False)
class DriveCamera:
    """One camera of a vehicle and when it took its pictures."""

    name: str  # as in "front"
    camera: Camera  # of its pictures, which have no distortion
    T_body_camera: Float[np.ndarray, "4 4"]
    index: Int[np.ndarray, " n"]  # the drive's own frame numbers
    timestamp: Float[np.ndarray, " n"]  # seconds, of the exposure's middle
    image: Callable[[int], UInt8[np.ndarray, "H W 3"] | None]  # of the nth picture; raises ``CaptureError``


@dataclass(frozen=True, eq=False)
class RawSweep:
    """One turn of a LiDAR as it is stored."""

    points: Points  # float32 metres in the LiDAR's axes; may hold what is not finite
    seconds: Float[np.ndarray, " n"] | None = None  # of each point after the sweep's time; None: compensated to it


@dataclass(frozen=True, eq=False)
class Lidar:
    """A vehicle's LiDAR, or several whose points are stored as one."""

    T_body_lidar: Float[np.ndarray, "4 4"]
    timestamp: Float[np.ndarray, " m"]  # seconds, increasing; the time that a sweep's points are compensated to
    read: Callable[[int], RawSweep]  # the mth sweep; raises ``CaptureError``
    min_range: float = OWN_CAR_METRES


@dataclass(frozen=True, eq=False)
class Track:
    """One object that the data set follows with a box."""

    T_world_box: Trajectory  # of its centre and axes
    size: Float[np.ndarray, "3"]  # along its axes, metres


class Drive:
    """A drive, open for reading; every row of its table is one picture of one camera, in order of time.

    Args:
        files: the drive's; ``close`` closes them.
        cameras: with names that differ; those without pictures are left out.
        lidar: whose sweeps give the pictures their depth.
        trajectory: of the body; None where the files hold no poses.
        tracks: boxes, in the world of that trajectory.
        problems: what the reader found.
    """

    format: str
    up: Up = "z"

    def __init__(
        self,
        files: Files,
        *,
        cameras: Sequence[DriveCamera],
        lidar: Lidar,
        trajectory: Trajectory | None,
        tracks: Sequence[Track] = (),
        problems: tuple[Problem, ...] = (),
    ) -> None:
        self._all_cameras = tuple(camera for camera in cameras if len(camera.index))
        if not self._all_cameras:
            raise CaptureError(f"{files.path}: no usable pictures in the drive; fetch its camera files")
        if len(set(self.cameras)) < len(self.cameras):
            raise ValueError(f"cameras of equal names: {', '.join(self.cameras)}")
        self.name = capture_name(files)
        self.problems = problems
        self.lidar = lidar
        self._files = files
        self._recorded, self._tracks = trajectory, tuple(tracks)
        self._arrange(self._all_cameras, trajectory, accumulate=0)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The names of all cameras, also of those that are not selected."""
        return tuple(camera.name for camera in self._all_cameras)

    @property
    def front(self) -> DriveCamera:
        """The camera called front, else the first."""
        return next((camera for camera in self._all_cameras if camera.name == "front"), self._all_cameras[0])

    def select(
        self, cameras: Sequence[str] | None = None, accumulate: int = 0, trajectory: Trajectory | None = None
    ) -> "Drive":
        """The same drive seen otherwise; the files stay shared with this one.

        Args:
            cameras: names of those whose pictures are rows of the table; None for all.
            accumulate: sweeps before and after a picture's own that are moved to its time too.
            trajectory: of the body, in place of the recorded one.
        """
        unknown = sorted(set(cameras or ()) - set(self.cameras))
        if unknown or (cameras is not None and not len(cameras)):
            raise UsageError(f"camera is {', '.join(unknown) or 'none'}; {self.name} has {', '.join(self.cameras)}")
        other = copy.copy(self)
        chosen = [camera for camera in self._all_cameras if cameras is None or camera.name in cameras]
        other._arrange(chosen, trajectory or self.trajectory, accumulate)
        return other

    def _arrange(self, cameras: Sequence[DriveCamera], trajectory: Trajectory | None, accumulate: int) -> None:
        self.trajectory = trajectory
        self._accumulate = accumulate
        # Read once for the neighbours that share it: several cameras, and rows that accumulate.
        self._sweep = lru_cache(maxsize=2 * accumulate + 2)(self._read_sweep)
        which = np.concatenate([np.full(len(camera.index), number) for number, camera in enumerate(cameras)])
        nth = np.concatenate([np.arange(len(camera.index)) for camera in cameras])
        timestamp = np.concatenate([camera.timestamp for camera in cameras])
        order = np.lexsort((which, timestamp))
        self._rows = [(cameras[which[place]], int(nth[place])) for place in order]
        T_world_camera = np.full((len(order), 4, 4), np.nan)
        if trajectory is not None:
            bodies = trajectory.at(timestamp[order])
            T_world_camera = bodies @ np.stack([camera.T_body_camera for camera, _ in self._rows])
        self._sweep_of = _nearest(self.lidar.timestamp, timestamp[order])
        self.table = FrameTable(
            index=np.array([camera.index[number] for camera, number in self._rows], np.int64),
            timestamp=timestamp[order],
            T_world_camera=T_world_camera,
            has_image=np.ones(len(order), bool),
            has_depth=self._sweep_of >= 0,
            camera_name=tuple(camera.name for camera, _ in self._rows),
            on_vehicle=True,
        )

    def __len__(self) -> int:
        return len(self.table)

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        for row in rows:
            camera, number = self._rows[row]
            yield Frame(
                row=row,
                index=int(self.table.index[row]),
                timestamp=float(self.table.timestamp[row]),
                T_world_camera=self.table.T_world_camera[row],
                camera=camera.camera,
                has_image=True,
                image=partial(camera.image, number) if with_images else no_image,
                sensor=partial(self._sensor, row),
                camera_name=camera.name,
            )

    def sweep(self, number: int) -> Points:
        """Points of a sweep in the LiDAR's axes at the sweep's time: finite, without the own vehicle, compensated."""
        return self._sweep(number)

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> "Drive":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read_sweep(self, number: int) -> Points:
        raw = self.lidar.read(number)
        distance = np.linalg.norm(raw.points, axis=1)
        kept = np.isfinite(distance) & (distance >= self.lidar.min_range)
        points = raw.points[kept]
        if raw.seconds is None or self.trajectory is None or not len(points):
            return points
        return _compensated(points, raw.seconds[kept], self._lidar_pose, float(self.lidar.timestamp[number]))

    def _lidar_pose(self, times: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k 4 4"]:
        assert self.trajectory is not None
        return self.trajectory.at(times) @ self.lidar.T_body_lidar

    def _sensor(self, row: int) -> LidarSweep | None:
        own = int(self._sweep_of[row])
        if own < 0:
            return None
        camera, _ = self._rows[row]
        T_camera_lidar = invert(camera.T_body_camera) @ self.lidar.T_body_lidar  # where nothing is known of the motion
        last = len(self.lidar.timestamp) - 1
        numbers = np.arange(max(own - self._accumulate, 0), min(own + self._accumulate, last) + 1)
        clouds = []
        for number, T_world_lidar in zip(numbers.tolist(), self._poses_of(numbers), strict=True):
            T = invert(self.table.T_world_camera[row]) @ T_world_lidar
            if np.isfinite(T).all():
                clouds.append(apply(T, self._sweep(number)))
            elif number == own:
                clouds.append(apply(T_camera_lidar, self._sweep(number)))
        return LidarSweep(np.concatenate(clouds), camera.camera, self._moving(row))

    def _poses_of(self, sweeps: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k 4 4"]:
        if self.trajectory is None:
            return np.full((len(sweeps), 4, 4), np.nan)
        return self._lidar_pose(self.lidar.timestamp[sweeps])

    def _moving(self, row: int) -> tuple[MovingBox, ...]:
        """The boxes of what moves at the time of a row, a little larger than they are drawn."""
        if self._recorded is None or not self._tracks:
            return ()
        time = self.table.timestamp[row]
        camera, _ = self._rows[row]
        T_camera_world = invert(self._recorded.at(np.array([time]))[0] @ camera.T_body_camera)
        boxes = []
        for track in self._tracks:
            T_world_box = track.T_world_box.at(np.array([time]))[0]
            speed = _speed(track.T_world_box, float(time))
            if speed > MOVING_SPEED and np.isfinite(T_world_box).all() and np.isfinite(T_camera_world).all():
                margin = 2 * (BOX_MARGIN_METRES + speed * BOX_MARGIN_SECONDS)
                boxes.append(MovingBox(T_camera_world @ T_world_box, track.size + margin))
        return tuple(boxes)


def _nearest(sorted_times: Float[np.ndarray, " m"], times: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The nearest of the sorted times for each, -1 where it is farther than a picture and its sweep can be."""
    if not len(sorted_times):
        return np.full(len(times), -1)
    after = np.clip(np.searchsorted(sorted_times, times), 0, len(sorted_times) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(times - sorted_times[before] < sorted_times[after] - times, before, after)
    return np.where(np.abs(sorted_times[nearest] - times) <= PAIRING_SECONDS, nearest, -1)


def _compensated(
    points: Points,
    seconds: Float[np.ndarray, " n"],
    pose_at: Callable[[Float[np.ndarray, " k"]], Float[np.ndarray, "k 4 4"]],
    time: float,
) -> Points:
    """Points as if all measured at ``time``, by a steady motion between the first and the last of them.

    Unchanged where the poses do not cover the sweep.
    """
    first, last = float(seconds.min()), float(seconds.max())
    T_world = pose_at(np.array([time, time + first, time + last]))
    if not np.isfinite(T_world).all() or last == first:
        return points
    T_now_first, T_now_last = invert(T_world[0]) @ T_world[1], invert(T_world[0]) @ T_world[2]
    share = ((seconds - first) / (last - first))[:, None]
    R_first = Rotation.from_matrix(T_now_first[:3, :3])
    turn = (R_first.inv() * Rotation.from_matrix(T_now_last[:3, :3])).as_rotvec()
    turned = (R_first * Rotation.from_rotvec(share * turn)).apply(points)
    shift = T_now_first[:3, 3] + share * (T_now_last[:3, 3] - T_now_first[:3, 3])
    moved: Points = (turned + shift).astype(np.float32)
    return moved


def _speed(track: Trajectory, time: float) -> float:
    """Metres a second over the stored moments around a time; 0 where there is only one."""
    known = track.timestamp
    near = np.flatnonzero(np.abs(known - time) <= SPEED_SECONDS)
    if len(near) < 2:
        after = int(np.clip(np.searchsorted(known, time), 1, max(len(known) - 1, 1)))
        near = np.array([after - 1, after])[: len(known)]
    if len(near) < 2:
        return 0.0
    first, last = int(near[0]), int(near[-1])
    way = np.linalg.norm(track.T_world_body[last, :3, 3] - track.T_world_body[first, :3, 3])
    return float(way / (known[last] - known[first]))
