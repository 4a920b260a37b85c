"""A street of boxes with exact truth, as a vehicle with one camera and a LiDAR drives along it.

The world has x along the street, y to its left, z up; the ground is z = 0. ``street`` makes the drive in memory,
``write_kitti_odometry`` and ``write_generic`` put it on disk.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from recon.fusion.mesh import Mesh
from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from recon.geometry.transforms import apply, invert, rigid, to_quaternion_xyzw

CAMERA = Camera.from_focal(320, 112, 180.0, 180.0, 158.0, 54.0)
PERIOD = 0.1  # seconds between frames, and of one turn of the LiDAR
BEAM_ELEVATION = np.deg2rad([3.0, -22.0])  # of the first and the last ring
LIDAR_METRES = (1.5, 60.0)
LIDAR_HEIGHT = 1.73
GROUND = np.array([[-30.0, -12.0], [90.0, 12.0]])  # x, y of two corners
TILE = 0.5  # metres; footprints of boxes lie on this grid, so that the ground's mesh can leave them out
# T_camera_lidar: OpenCV's axes from x forward, y left, z up, with a lever as on KITTI's car.
T_CAMERA_LIDAR = rigid(np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]]), np.array([0.06, -0.08, -0.27]))
MOVER_SIZE = np.array([4.0, 1.8, 1.5])
SKY_RGB = np.array([170, 200, 235], np.uint8)


@dataclass(frozen=True, eq=False)
class MadeStreet:
    """A drive of n frames; frame i is at ``timestamp[i]`` for the camera and for the LiDAR alike."""

    timestamp: np.ndarray  # (n,) seconds from 0
    camera: Camera
    T_camera_lidar: np.ndarray  # (4, 4)
    T_world_camera: np.ndarray  # (n, 4, 4)
    T_world_lidar: np.ndarray  # (n, 4, 4)
    sweeps: tuple[np.ndarray, ...]  # n of (k, 3) float32 metres, LiDAR axes; ring by ring, from behind clockwise
    seconds: tuple[np.ndarray, ...]  # n of (k,): of each point after the sweep's time; zeros where all are at once
    images: np.ndarray  # (n, H, W, 3) uint8 RGB
    depths: np.ndarray  # (n, H, W) float32 z-depth, exact; 0 in the sky
    moving: np.ndarray  # (n, H, W) bool: pixels that show the oncoming car
    T_world_mover: np.ndarray | None  # (n, 4, 4) of the oncoming car's centre; x is its length
    mover_size: np.ndarray  # (3,) metres
    mesh: Mesh  # all that stands still: ground and boxes, in the world; triangles wind counter-clockwise from outside


@lru_cache(maxsize=16)
def street(
    frames: int = 10,
    moving: bool = False,
    spinning: bool = False,
    speed: float = 8.0,
    beams: int = 32,
    columns: int = 720,
) -> MadeStreet:
    """The drive, exact but for float32; the same call gives the same object, which nobody may change.

    Args:
        frames: one picture and one sweep every tenth of a second.
        moving: whether a car comes the other way at 8 m/s.
        spinning: whether a sweep is measured in the course of its turn, clockwise from straight behind (-0.05 s) over
            straight ahead (its time) to behind (+0.05 s), each point in the axes of its own moment; else all at once.
        speed: m/s along the street, which the vehicle follows in a shallow S.
        beams, columns: of the LiDAR.
    """
    timestamp = np.arange(frames) * PERIOD
    T_world_lidar = lidar_poses(timestamp, speed)
    T_world_camera = T_world_lidar @ invert(T_CAMERA_LIDAR)
    directions, azimuth = _beams(beams, columns)
    offset = 0.5 * PERIOD * -azimuth / np.pi if spinning else np.zeros(columns)
    sweeps, seconds, images, depths, masks = [], [], [], [], []
    for time, T in zip(timestamp.tolist(), T_world_camera, strict=True):
        points, moments = [], []
        chosen = np.unique(offset)
        for moment in chosen.tolist():
            column = np.flatnonzero(offset == moment)
            rays_lidar = directions[:, column].reshape(-1, 3)
            T_lidar = lidar_poses(np.array([time + moment]), speed)[0]
            distance, _ = _cast(T_lidar, rays_lidar, time + moment, moving)
            kept = (distance > LIDAR_METRES[0]) & (distance < LIDAR_METRES[1])
            points.append((rays_lidar * np.where(kept, distance, np.nan)[:, None]).reshape(beams, -1, 3))
            moments.append(np.full((beams, len(column)), moment))
        cloud, when = np.concatenate(points, axis=1).reshape(-1, 3), np.concatenate(moments, axis=1).ravel()
        measured = np.isfinite(cloud[:, 0])
        sweeps.append(cloud[measured].astype(np.float32))
        seconds.append(when[measured])
        image, depth, mask = _look(T, time, moving)
        images.append(image)
        depths.append(depth)
        masks.append(mask)
    mover = np.array([_mover(time)[0] for time in timestamp.tolist()]) if moving else None
    return MadeStreet(
        timestamp, CAMERA, T_CAMERA_LIDAR, T_world_camera, T_world_lidar, tuple(sweeps), tuple(seconds),
        np.array(images), np.array(depths), np.array(masks), mover, MOVER_SIZE, _mesh(),
    )  # fmt: skip


def lidar_poses(times: np.ndarray, speed: float = 8.0) -> np.ndarray:
    """T_world_lidar (m, 4, 4) at these times: x = speed t, y = sin(x / 10), heading along the path."""
    x = speed * times
    heading = np.arctan(0.1 * np.cos(0.1 * x))
    T = np.tile(np.eye(4), (len(times), 1, 1))
    T[:, 0, 0], T[:, 0, 1] = np.cos(heading), -np.sin(heading)
    T[:, 1, 0], T[:, 1, 1] = np.sin(heading), np.cos(heading)
    T[:, :3, 3] = np.stack([x, np.sin(0.1 * x), np.full(len(x), LIDAR_HEIGHT)], axis=1)
    return T


def _boxes() -> np.ndarray:
    """(b, 2, 3): lower and upper corners of houses with gaps between, parked cars and posts."""
    boxes = []
    for number in range(8):
        x, height = -30.0 + 15 * number, (6.0, 9.0, 7.0)[number % 3]
        boxes.append([[x, 8.0, 0.0], [x + 12, 12.0, height]])
        boxes.append([[x + 5, -12.0, 0.0], [x + 14, -8.0, height - 1.5]])
    boxes += [[[x, -5.5, 0.0], [x + 4.0, -3.5, 1.5]] for x in (4.0, 11.0, 26.0, 45.0)]
    boxes += [[[x, 5.5, 0.0], [x + 0.5, 6.0, 4.0]] for x in (-10.0, 8.0, 20.0, 32.0, 44.0, 56.0)]
    return np.array(boxes)


def _mover(time: float) -> tuple[np.ndarray, np.ndarray]:
    """T_world_box of the oncoming car, and its corners as a box, for it drives straight along -x."""
    centre = np.array([36.0 - 8 * time, 3.0, 0.5 * MOVER_SIZE[2]])
    T = np.eye(4)
    T[0, 0] = T[1, 1] = -1.0
    T[:3, 3] = centre
    return T, np.array([centre - 0.5 * MOVER_SIZE, centre + 0.5 * MOVER_SIZE])


def _beams(beams: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (beams, columns, 3) and the azimuths (columns,), falling from just below pi to -pi."""
    azimuth = np.pi * (1 - 2 * (np.arange(columns) + 0.5) / columns)
    elevation = np.linspace(*BEAM_ELEVATION, beams)[:, None]
    directions = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)
        ),
        axis=-1,
    )
    return directions, azimuth


def _cast(T_world_sensor: np.ndarray, directions: np.ndarray, time: float, moving: bool) -> tuple[np.ndarray, ...]:
    """Length along each of (k, 3) directions to the nearest surface (inf: none), and its number: 0 the ground,
    then 6 faces for each box, the mover last."""
    boxes = np.concatenate([_boxes(), _mover(time)[1][None]]) if moving else _boxes()
    position, ahead = T_world_sensor[:3, 3], directions @ T_world_sensor[:3, :3].T
    with np.errstate(divide="ignore"):
        inverse = 1 / np.where(ahead == 0, 1e-12, ahead)
    length = np.where(inverse[:, 2] < 0, -position[2] * inverse[:, 2], np.inf)
    with np.errstate(invalid="ignore"):
        where = position[:2] + np.where(np.isfinite(length), length, 0)[:, None] * ahead[:, :2]
    length[((where < GROUND[0]) | (where > GROUND[1])).any(axis=1)] = np.inf
    surface = np.zeros(len(length), int)
    for number, (low, high) in enumerate(boxes):  # slabs: the last entry before the first exit
        near, far = (low - position) * inverse, (high - position) * inverse
        entry, leaving = np.minimum(near, far), np.maximum(near, far).min(axis=1)
        axis = entry.argmax(axis=1)
        first = entry.max(axis=1)
        hit = (first > 0) & (first < leaving) & (first < length)
        length[hit] = first[hit]
        surface[hit] = 1 + 6 * number + (2 * axis + (inverse[np.arange(len(axis)), axis] < 0))[hit]
    return length, surface


def _look(T_world_camera: np.ndarray, time: float, moving: bool) -> tuple[np.ndarray, ...]:
    """Picture, exact z-depth and mask of the mover."""
    directions = rays(CAMERA).astype(np.float64).reshape(-1, 3)
    depth, surface = _cast(T_world_camera, directions, time, moving)
    seen = np.isfinite(depth)
    points = apply(T_world_camera, directions * np.where(seen, depth, 0)[:, None])
    tiles = (np.floor(points / 1.0 + 1e-6).astype(int).sum(axis=1) % 2)[:, None]  # a chequerboard in space
    colours = 60 + (np.arange(400 * 3).reshape(400, 3) * np.array([37, 59, 83])) % 130
    image = np.where(seen[:, None], colours[surface] + 40 * tiles, SKY_RGB).astype(np.uint8)
    shape = (CAMERA.height, CAMERA.width)
    mover = seen & (surface > 6 * len(_boxes())) if moving else np.zeros(len(seen), bool)
    depth = np.where(seen, depth, 0).astype(np.float32)
    return image.reshape(*shape, 3), depth.reshape(shape), mover.reshape(shape)


def _mesh() -> Mesh:
    """Ground in tiles outside the boxes, and their faces but the bottoms, two triangles for each rectangle."""
    corners: list[np.ndarray] = []
    x, y = (np.arange(GROUND[0, axis], GROUND[1, axis], TILE) for axis in (0, 1))
    tiles = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    middle = tiles + TILE / 2
    covered = np.zeros(len(tiles), bool)
    for low, high in _boxes():
        covered |= ((middle > low[:2]) & (middle < high[:2])).all(axis=1)
        for axis in range(3):
            for end, value in enumerate((low, high)):
                if axis == 2 and end == 0:
                    continue
                first, second = np.zeros(3), np.zeros(3)
                first[(axis + 1) % 3] = (high - low)[(axis + 1) % 3]
                second[(axis + 2) % 3] = (high - low)[(axis + 2) % 3]
                origin = low.copy()
                origin[axis] = value[axis]
                if end == 0:  # seen from the other side
                    first, second = second, first
                corners.append(np.array([origin, origin + first, origin + first + second, origin + second]))
    flat = np.concatenate([tiles[~covered], np.zeros(((~covered).sum(), 1))], axis=1)
    square = TILE * np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    quads = np.concatenate([np.array(corners), flat[:, None] + square])
    start = 4 * np.arange(len(quads))[:, None]
    triangles = np.concatenate([start + np.array([0, 1, 2]), start + np.array([0, 2, 3])]).astype(np.int32)
    return Mesh(vertices=quads.reshape(-1, 3), triangles=triangles)


def write_sweep(path: Path, points: np.ndarray, *columns: np.ndarray | float) -> None:
    """Float32 rows of x, y, z and further columns."""
    extra = [np.broadcast_to(column, (len(points),)) for column in (columns or (0.5,))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.column_stack([points, *extra]).astype("<f4").tobytes())


def write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])


def matrix_lines(T: np.ndarray) -> str:
    """The upper three rows of each matrix on a line."""
    return "".join(" ".join(f"{value:.12e}" for value in one[:3].ravel()) + "\n" for one in T)


def write_kitti_odometry(made: MadeStreet, folder: Path, sequence: str = "00", poses: bool = True) -> Path:
    """``folder/dataset/sequences/NN`` and ``folder/dataset/poses/NN.txt``; its colour camera image_2 is ``camera``.

    The made camera 0 lies 6 cm to the left of it, as on KITTI's car; its first axes are the world of the poses.
    """
    sequences = folder / "dataset" / "sequences" / sequence
    for number, (image, sweep) in enumerate(zip(made.images, made.sweeps, strict=True)):
        write_image(sequences / "image_2" / f"{number:06d}.png", image)
        write_sweep(sequences / "velodyne" / f"{number:06d}.bin", sweep)
    T_camera_cam0 = rigid(np.eye(3), np.array([0.06, 0.001, 0.003]))
    K0 = np.column_stack([made.camera.K, np.zeros(3)])
    K2 = np.column_stack([made.camera.K, made.camera.K @ T_camera_cam0[:3, 3]])
    Tr = invert(T_camera_cam0) @ made.T_camera_lidar
    rows = {"P0": K0, "P1": K0, "P2": K2, "P3": K0, "Tr": Tr[:3]}
    (sequences / "calib.txt").write_text("".join(f"{key}: {matrix_lines(T[None])}" for key, T in rows.items()))
    (sequences / "times.txt").write_text("".join(f"{time:.6e}\n" for time in made.timestamp))
    if poses:
        T_world_cam0 = made.T_world_camera @ T_camera_cam0
        (folder / "dataset" / "poses").mkdir(parents=True, exist_ok=True)
        lines = matrix_lines(invert(T_world_cam0[0]) @ T_world_cam0)
        (folder / "dataset" / "poses" / f"{sequence}.txt").write_text(lines)
    return folder


def write_generic(made: MadeStreet, folder: Path, poses_of: str = "lidar") -> Path:
    """The folder of one's own vehicle: PNG pictures, .bin sweeps, TUM poses of the LiDAR or camera, times of both."""
    for number, (image, sweep) in enumerate(zip(made.images, made.sweeps, strict=True)):
        write_image(folder / "images" / f"{number:06d}.png", image)
        write_sweep(folder / "lidar" / f"{number:06d}.bin", sweep)
    T = made.T_world_lidar if poses_of == "lidar" else made.T_world_camera
    rows = np.column_stack([made.timestamp, T[:, :3, 3], to_quaternion_xyzw(T)])
    np.savetxt(folder / "poses.txt", rows, fmt="%.12g")
    for name in ("times_images.txt", "times_lidar.txt"):
        np.savetxt(folder / name, made.timestamp, fmt="%.9f")
    (folder / "calib.yaml").write_text(
        f"""version: 1
camera:
  model: pinhole
  width: {made.camera.width}
  height: {made.camera.height}
  K: [{made.camera.fx}, {made.camera.fy}, {made.camera.cx}, {made.camera.cy}]
T_camera_lidar: {made.T_camera_lidar.ravel().tolist()}
poses_of: {poses_of}
poses_file: poses.txt
deskewed: true
lidar_columns: [x, y, z, intensity]
"""
    )
    return folder
