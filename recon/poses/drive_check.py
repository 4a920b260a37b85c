"""Whether the poses of a drive, the place of its LiDAR and its sweeps belong together."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from recon.captures.base import Problem
from recon.captures.drive import Drive
from recon.errors import CaptureError
from recon.geometry.trajectory import steps
from recon.geometry.transforms import apply, invert, rigid, rotation_angle

PAIRS = 3  # of sweeps that are compared
MIN_PAIRS = 2  # for a verdict
APART = (3.0, 7.0)  # metres between the two; nearer together, wrong poses look nearly as good
COMPARED_RANGE = 40.0  # metres
GRID = 0.1  # metres: one point a cube is kept
NEIGHBOURS = 12  # whose spread tells a point's normal
FLATNESS = 0.05  # variance of them across a surface over the lesser one along it
SAMPLE = 8000  # points of one sweep that are looked up in the other
MIN_POINTS = 300  # of them that lie on upright surfaces
UPRIGHT = 0.5  # of a normal's z at most. Rings on the ground fit one another under any motion along it
REACH = 2.0  # metres to the other sweep, and what counts for a point with none that near

# On KITTI's road right poses left 3 to 4 cm on upright surfaces, misread ones 25 cm and more.
SURE_METRES = 0.1
CLEARLY_BETTER = 0.5

# Registration moved KITTI's poses by 0.5 to 0.7 % and 0.08 degrees.
REGISTRATION_GRID = 0.25  # metres
REGISTRATION_REACH = 1.0  # metres
OUTLIER_METRES = 0.3  # a point this far off a plane counts no more (Tukey's loss)
DISAGREEING_SHARE = 0.03  # of the distance
DISAGREEING_RADIANS = np.deg2rad(0.5)

Pose = Float[np.ndarray, "4 4"]
Poses = Float[np.ndarray, "n 4 4"]
Points = Float[np.ndarray, "n 3"]
Pair = tuple[int, int]

CAMERA_AXES = rigid(np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]]), np.zeros(3))  # x right, y down, z ahead

# What to do to T_world_body and T_body_lidar that were taken for what they are not, and what is then wrong.
MISREADINGS: tuple[tuple[Callable[[Poses, Pose], tuple[Poses, Pose]], str], ...] = (
    (lambda T, L: (invert(T), L), "the poses map the world to the vehicle; invert them"),
    (lambda T, L: (T, invert(L)), "the LiDAR's place on the vehicle is given the other way round; invert it"),
    (lambda T, L: (T, np.eye(4)), "the poses are those of the LiDAR itself; give them as such"),
    (lambda T, L: (T, CAMERA_AXES), "the poses are those of a camera; give the LiDAR's place in its axes"),
    (
        lambda T, L: (invert(T), invert(L)),
        "poses and the LiDAR's place are given the other way round; invert both",
    ),
    (lambda T, L: (invert(T), np.eye(4)), "the poses map the world to the LiDAR itself; invert them"),
)


def check_drive_poses(drive: Drive) -> tuple[Problem, ...]:
    """What is wrong with the poses that the drive has; nothing either where its sweeps cannot tell.

    A few pairs of sweeps are compared, in about a second. Raises ``CaptureError`` where the poses or the LiDAR's
    place are clearly another thing than they were taken for.
    """
    if drive.trajectory is None:
        return ()
    T_world_body = drive.trajectory.at(drive.lidar.timestamp)
    T_body_lidar = drive.lidar.T_body_lidar
    # Inverted, poses far from the world's origin jump.
    pairs = _pairs(T_world_body) or _pairs(invert(T_world_body))
    sweeps = _sweeps(drive, pairs)
    pairs = [pair for pair in pairs if set(pair) <= sweeps.keys()]
    if len(pairs) < MIN_PAIRS:
        return ()
    gap = _gap(sweeps, pairs, T_world_body @ T_body_lidar)
    if gap > SURE_METRES:
        for undo, what in MISREADINGS:
            T, L = undo(T_world_body, T_body_lidar)
            other = _gap(sweeps, pairs, T @ L)
            if other < SURE_METRES and other < CLEARLY_BETTER * gap:
                raise CaptureError(
                    f"{drive.name}: surfaces seen from two places lie {100 * gap:.0f} cm apart by the poses, and "
                    f"{100 * other:.0f} cm were it not that {what}"
                )
    moved, share, turn = _registered(sweeps, pairs, T_world_body @ T_body_lidar)
    if gap <= SURE_METRES and share <= DISAGREEING_SHARE and turn <= DISAGREEING_RADIANS:
        return ()
    what = f"poses and sweeps disagree by {max(moved, gap):.2f} m and {np.rad2deg(turn):.1f} degrees"
    (first, second), *_ = pairs
    example = f"sweeps {first} and {second}"
    return (Problem(f"{what} from one place to another; try --poses lidar", len(pairs), "noted", example),)


class _Sweep:
    """One sweep, its points thinned out, and some of those on upright surfaces with their normals."""

    def __init__(self, points: Points) -> None:
        self.points = points.astype(np.float64)
        near = self.points[np.linalg.norm(points, axis=1) < COMPARED_RANGE]
        thin = near[np.unique(np.floor(near / GRID).astype(np.int64), axis=0, return_index=True)[1]]
        self.tree = cKDTree(thin)
        self.upright, self.normals = np.zeros((0, 3)), np.zeros((0, 3))
        if len(thin) < NEIGHBOURS:
            return
        # Every nth of them: cubes are in order of place.
        chosen = thin[:: len(thin) // SAMPLE + 1]
        around = thin[self.tree.query(chosen, NEIGHBOURS)[1]]
        around = around - around.mean(axis=1, keepdims=True)
        spread, axes = np.linalg.eigh(np.swapaxes(around, 1, 2) @ around)
        kept = (spread[:, 0] < FLATNESS * spread[:, 1]) & (np.abs(axes[:, 2, 0]) < UPRIGHT)
        self.upright, self.normals = chosen[kept], axes[kept, :, 0]


def _pairs(T_world_body: Poses) -> list[Pair]:
    """Sweeps some metres apart, spread evenly over the way."""
    posed = np.flatnonzero(np.isfinite(T_world_body).all(axis=(1, 2)))
    if len(posed) < 2:
        return []
    way = np.concatenate([[0.0], np.cumsum(steps(T_world_body[posed])[0])])
    pairs = set()
    for start in np.linspace(0, way[-1] - APART[0], PAIRS).tolist():
        first = int(np.searchsorted(way, start, side="right")) - 1
        second = int(np.searchsorted(way, way[first] + APART[0])) if first >= 0 else len(way)
        if second < len(way):
            one, other = int(posed[first]), int(posed[second])
            distance = np.linalg.norm(T_world_body[one, :3, 3] - T_world_body[other, :3, 3])
            if APART[0] / 2 <= distance <= APART[1]:
                pairs.add((one, other))
    return sorted(pairs)


def _sweeps(drive: Drive, pairs: list[Pair]) -> dict[int, _Sweep]:
    """Those that can be read and show enough."""
    sweeps = {}
    for number in sorted({number for pair in pairs for number in pair}):
        try:
            sweep = _Sweep(drive.sweep(number))
        except CaptureError:
            continue  # raised again, and counted, when the sweep is used
        if len(sweep.upright) >= MIN_POINTS:
            sweeps[number] = sweep
    return sweeps


def _gap(sweeps: dict[int, _Sweep], pairs: list[Pair], T_world_lidar: Poses) -> float:
    """Median distance, metres, of upright surfaces of one sweep to the other by these poses; half of the pairs' own."""
    gaps = []
    for one, other in pairs:
        first, second = sweeps[one], sweeps[other]
        T_first_second = invert(T_world_lidar[one]) @ T_world_lidar[other]
        moved = apply(T_first_second, second.upright)
        distance, nearest = first.tree.query(moved, distance_upper_bound=REACH)
        met = np.isfinite(distance)
        gap = np.full(len(moved), REACH)
        away = moved[met] - first.tree.data[nearest[met]]
        gap[met] = np.abs(np.sum(away * (second.normals[met] @ T_first_second[:3, :3].T), axis=1))
        gaps.append(np.median(gap))
    return float(np.median(gaps))


def _registered(sweeps: dict[int, _Sweep], pairs: list[Pair], T_world_lidar: Poses) -> tuple[float, float, float]:
    """How far registration leads away from these poses: metres, share of the distance, radians; medians of pairs."""
    import open3d as o3d

    def cloud(points: Points) -> Any:
        thin = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points)).voxel_down_sample(REGISTRATION_GRID)
        thin.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(NEIGHBOURS))
        return thin

    icp = o3d.pipelines.registration
    plane = icp.TransformationEstimationPointToPlane(icp.TukeyLoss(OUTLIER_METRES))
    clouds = {number: cloud(sweeps[number].points) for pair in pairs for number in pair}
    changes: list[tuple[float, float, float]] = []
    for first, second in pairs:
        T = invert(T_world_lidar[first]) @ T_world_lidar[second]
        found = icp.registration_icp(clouds[second], clouds[first], REGISTRATION_REACH, T, plane).transformation
        change = invert(T) @ found
        moved = float(np.linalg.norm(change[:3, 3]))
        changes.append((moved, moved / float(np.linalg.norm(T[:3, 3])), float(rotation_angle(change[:3, :3]))))
    moved, share, turn = np.median(np.array(changes), axis=0).tolist()
    return moved, share, turn
