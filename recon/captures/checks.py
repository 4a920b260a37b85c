"""What readers and the choice of frames ask of poses, frame numbers and depth before they trust them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from recon.captures.base import FrameTable, Problem, SensorDepth
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject
from recon.geometry.trajectory import steps
from recon.geometry.transforms import apply, from_quaternion_xyzw, invert, nearest_rotation, rotation_angle

NORM_TOLERANCE = 0.01  # of a quaternion's length: printing rounds by far less, a default-filled row by far more
ORTHONORMAL_TOLERANCE = 0.01  # of R^T R against the identity; 7-Scenes' text is off by 4e-4
ASPECT_TOLERANCE = 0.02  # between picture and depth
FARTHEST_METRES = 1e8  # of a position from the world's origin; UTM's reach 1e7

# Tracking cannot be trusted where the camera moves faster than a hand: 7.5 m/s or 450 degrees a second.
JUMP_METRES = 0.5
JUMP_RADIANS = np.deg2rad(30.0)
VEHICLE_JUMP_METRES = 4.0  # 60 m/s
JUMP_SECONDS = 1 / 15  # the limits hold up to this step and grow with longer ones
SETTLING_SECONDS = 0.25  # after a jump, also away from and back to the right place

# Median of a capture's depth in metres; a factor of 1000 between units leaves this range from any room.
PLAUSIBLE_METRES = (0.1, 10.0)

# Pairs of views that tell right poses from wrong ones: nearer together, wrong axes look nearly as good.
PAIR_METRES = (0.1, 0.4)
PAIR_RADIANS = (np.deg2rad(5.0), np.deg2rad(20.0))
PAIR_REACH = 600  # rows looked ahead for a partner, ten seconds at the highest rate
PAIR_STARTS = 4  # rows tried for each pair that is wanted
CLOUD_METRES = 5.0  # ARKit extrapolates beyond
CLOUD_QUERIES = 2000  # points of one view looked up in the other
CLOUD_POINTS = 1 << 17  # of a view at most; phones' sensors have 49,152
CLOUD_MINIMUM = 500  # points below which a median says little
CLOUD_REACH = 0.5  # metres; a neighbour farther away belongs to something else


def recording_order(
    index: Int[np.ndarray, " n"], timestamp: Float[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " m"], tuple[Problem, ...]]:
    """Rows by rising frame number, only the first of equal numbers, with what had to be repaired."""
    rows = np.unique(index, return_index=True)[1]
    problems = []
    if len(rows) < len(index):
        repeated = np.setdiff1d(np.arange(len(index)), rows)
        problems.append(
            Problem("frame number repeated", len(repeated), "dropped", example=f"frame {index[repeated[0]]}")
        )
    moved = np.diff(index) < 0
    if moved.any():
        first = int(index[1:][moved][0])
        problems.append(Problem("rows out of order", int(moved.sum()), "repaired", example=f"frame {first}"))
    backwards = np.diff(timestamp[rows]) < 0
    if backwards.any():
        first = int(index[rows][1:][backwards][0])
        problems.append(Problem("time goes backwards", int(backwards.sum()), "noted", example=f"frame {first}"))
    return rows, tuple(problems)


def poses_from_quaternions(
    quaternion: Float[np.ndarray, "n 4"], translation: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 4 4"]:
    """Poses from scalar-last quaternions, NaN where a row is not finite or its length is off by more than 1 %."""
    usable = _near(translation) & np.isfinite(quaternion).all(axis=1)
    usable &= np.abs(np.linalg.norm(np.where(usable[:, None], quaternion, 0), axis=1) - 1) <= NORM_TOLERANCE
    T = np.full((len(quaternion), 4, 4), np.nan)
    T[usable] = from_quaternion_xyzw(quaternion[usable], translation[usable])
    return T


def poses_from_matrices(T: Float[np.ndarray, "n 4 4"], names: Sequence[str]) -> Float[np.ndarray, "n 4 4"]:
    """Poses with exactly orthonormal rotations, NaN where a matrix is not finite or not nearly a rotation.

    Raises:
        CaptureError: a matrix mirrors space; ``names`` holds the file or frame of each.
    """
    cleaned = np.full(T.shape, np.nan)
    finite = np.isfinite(T).all(axis=(1, 2))
    R = np.where(finite[:, None, None], T, np.eye(4))[:, :3, :3]
    orthonormal = np.abs(np.swapaxes(R, 1, 2) @ R - np.eye(3)).max(axis=(1, 2), initial=0) <= ORTHONORMAL_TOLERANCE
    mirrored = orthonormal & (np.linalg.det(R) < 0)
    if mirrored.any():
        raise CaptureError(
            f"{names[int(mirrored.argmax())]}: its pose mirrors space (determinant -1), so left and right would be "
            "swapped; export the poses in a right-handed frame"
        )
    last_row = (np.abs(T[:, 3] - [0, 0, 0, 1]) <= ORTHONORMAL_TOLERANCE).all(axis=1)
    usable = finite & orthonormal & last_row & _near(T[:, :3, 3])
    cleaned[usable] = np.eye(4)
    cleaned[usable, :3, :3] = nearest_rotation(R[usable])
    cleaned[usable, :3, 3] = T[usable, :3, 3]
    return cleaned


def _near(positions: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
    """Which positions are finite and on this planet; False for NaN."""
    return (np.abs(positions) <= FARTHEST_METRES).all(axis=1)


def require_poses(T_world_camera: Float[np.ndarray, "n 4 4"], where: Path | str) -> None:
    """Raises ``CaptureError`` if there is no frame, no usable pose, or a camera that never moves."""
    if not len(T_world_camera):
        raise CaptureError(f"{where}: no frames in the capture; record again")
    usable = T_world_camera[np.isfinite(T_world_camera).all(axis=(1, 2))]
    if not len(usable):
        raise CaptureError(f"{where}: none of the {len(T_world_camera)} stored poses is usable; record again")
    if len(usable) > 1 and (usable == usable[0]).all():
        raise CaptureError(f"{where}: the camera never moves in the stored poses (tracking lost?); record again")


def pose_faults(table: FrameTable) -> list[str]:
    """Why the pose of each row cannot be trusted; an empty string where it can."""
    faults = np.full(len(table), "no usable pose", dtype=object)
    posed = np.isfinite(table.T_world_camera).all(axis=(1, 2))
    for camera in sorted(set(table.camera_name)):
        rows = np.flatnonzero(posed & (np.array(table.camera_name) == camera))
        faults[rows] = _faults_of_steps(table.T_world_camera[rows], table.timestamp[rows], table.on_vehicle)
    return faults.tolist()


def _faults_of_steps(T: Float[np.ndarray, "n 4 4"], timestamp: Float[np.ndarray, " n"], on_vehicle: bool) -> np.ndarray:
    """The faults of one camera's poses, each judged by the step that leads to it."""
    faults = np.full(len(T), "", dtype=object)
    distance, turn = steps(T)
    seconds = np.diff(timestamp)
    allowance = np.maximum(seconds / JUMP_SECONDS, 1)
    farthest = VEHICLE_JUMP_METRES if on_vehicle else JUMP_METRES
    jumped = (distance > farthest * allowance) | (turn > JUMP_RADIANS * allowance)
    jump_time = np.maximum.accumulate(np.where(jumped, timestamp[1:], -np.inf))
    faults[1:][timestamp[1:] - jump_time < SETTLING_SECONDS] = "tracking jumped"
    if jumped.any() and timestamp[1:][jumped][0] - timestamp[0] < SETTLING_SECONDS:  # before it had settled at all
        faults[: int(jumped.argmax()) + 1] = "tracking jumped"
    frozen = (T[1:] == T[:-1]).all(axis=(1, 2)) & (seconds > 0)
    if not on_vehicle:  # which may stand
        faults[1:][frozen] = "pose frozen"
    return faults


def depth_camera(camera: Camera, width: int, height: int, name: str) -> Camera:
    """The camera of a depth map that shows the same view as ``camera``; ``CaptureError`` if its aspect differs."""
    if abs(width * camera.height / (height * camera.width) - 1) > ASPECT_TOLERANCE:
        raise CaptureError(
            f"{name}: {width}x{height}, but the picture is {camera.width}x{camera.height}; "
            "both must show the same view, so export the capture again without cropping or turning"
        )
    return camera.resized(width, height)


def depth_fault(depth: Float[np.ndarray, "h w"]) -> str:
    """Why a depth map cannot be used; an empty string where it can."""
    if not (depth > 0).any():
        return "no depth in the frame"
    if (depth == depth[:, :1]).all():  # a whole map of one value, or the constant rows of a Stray build of 2022
        return "depth constant"
    return ""


def require_metres(depths: Sequence[Float[np.ndarray, "h w"]], unit: str, where: Path | str) -> None:
    """Raises ``CaptureError`` if the median known depth of a capture's first frames is no distance in a scene.

    Args:
        depths: depth maps in metres, as read.
        unit: what the files were taken to hold, as in "millimetres".
    """
    known = np.concatenate([depth[depth > 0].ravel() for depth in depths]) if depths else np.zeros(0)
    if not len(known):
        return
    median = float(np.median(known))
    low, high = PLAUSIBLE_METRES
    if not low <= median <= high:
        raise CaptureError(
            f"{where}: depth read as {unit} has a median of {median:.4g} m, outside {low:g} to {high:g} m; "
            "check the unit of the depth files"
        )


def well_spaced_pairs(T_world_camera: Float[np.ndarray, "n 4 4"], count: int) -> list[tuple[int, int]]:
    """Up to ``count`` pairs of rows, spread evenly, whose views differ enough to check poses by and still overlap."""
    usable = np.flatnonzero(np.isfinite(T_world_camera).all(axis=(1, 2)))
    pairs = []
    for start in np.unique(np.linspace(0, len(usable), PAIR_STARTS * count, endpoint=False).astype(int)):
        first, later = usable[start : start + 1], usable[start + 1 : start + 1 + PAIR_REACH]
        T_first_later = invert(T_world_camera[first]) @ T_world_camera[later]
        distance, turn = np.linalg.norm(T_first_later[:, :3, 3], axis=1), rotation_angle(T_first_later[:, :3, :3])
        spaced = (distance >= PAIR_METRES[0]) | (turn >= PAIR_RADIANS[0])
        spaced &= (distance <= PAIR_METRES[1]) & (turn <= PAIR_RADIANS[1])
        if spaced.any():
            pairs.append((int(first[0]), int(later[spaced.argmax()])))
    chosen = np.unique(np.linspace(0, len(pairs) - 1, count).round().astype(int)) if pairs else ()
    return [pairs[i] for i in chosen]


def agreement(first: SensorDepth, second: SensorDepth, T_first_second: Float[np.ndarray, "4 4"]) -> float:
    """Median distance, metres, from points of the second view to the nearest of the first.

    Only points of high confidence within 5 m count. On real captures right poses give 3 to 25 mm,
    wrong axes three times as much and more. Infinite where most points have no neighbour within
    half a metre; NaN where a view has too few points.
    """
    cloud_first, cloud_second = _cloud(first), _cloud(second)
    if min(len(cloud_first), len(cloud_second)) < CLOUD_MINIMUM:
        return float("nan")
    stride = -(-len(cloud_second) // CLOUD_QUERIES)
    distance, _ = cKDTree(cloud_first).query(
        apply(T_first_second, cloud_second[::stride]), distance_upper_bound=CLOUD_REACH
    )
    return float(np.median(distance))


def _cloud(sensor: SensorDepth) -> Float[np.ndarray, "n 3"]:
    sure = (sensor.depth > 0) & (sensor.depth < CLOUD_METRES)
    if sensor.confidence is not None:
        sure &= sensor.confidence == 2
    points: Float[np.ndarray, "h w 3"] = backproject(sensor.depth, sensor.camera)
    sure_points = points[sure]
    return sure_points[:: len(sure_points) // CLOUD_POINTS + 1]
