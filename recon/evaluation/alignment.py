"""Rigid alignment of a prediction to the truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from recon.errors import UsageError
from recon.evaluation.points import PointSet, downsampled, samples_of
from recon.fusion.mesh import Mesh
from recon.geometry.transforms import rotation_angle

SAMPLES = 200_000
VOXEL = 0.02  # metres between the points that are matched
REACHES = (0.2, 0.05)  # metres within which points match: first to come near, then to lie well
ITERATIONS = 60
NORMAL_NEIGHBOURS = 20  # of a cloud's point, whose plane gives its normal


@dataclass(frozen=True, eq=False)
class Alignment:
    """The motion that was applied to the prediction, in the frame in which both are compared."""

    T_truth_prediction: Float[np.ndarray, "4 4"]
    overlap: float  # share of the prediction's points with a true one within the last reach
    residual: float  # root mean square distance of those, metres

    @property
    def distance(self) -> float:
        """How far the frame's origin, the middle of the truth, moved; metres."""
        return float(np.linalg.norm(self.T_truth_prediction[:3, 3]))

    @property
    def angle_deg(self) -> float:
        return float(np.degrees(rotation_angle(self.T_truth_prediction[:3, :3])))


def align_icp(prediction: Mesh, truth: Mesh, rng: np.random.Generator) -> Alignment:
    """Iterative closest point, point to plane (Chen and Medioni 1992), from where the prediction lies; no scale.

    Raises:
        UsageError: they are too far apart to begin.
    """
    import open3d.pipelines.registration as registration

    source, target = (_cloud(downsampled(samples_of(shape, SAMPLES, rng), VOXEL)) for shape in (prediction, truth))
    T = np.eye(4)
    for reach in REACHES:
        found = registration.registration_icp(
            source, target, reach, T, registration.TransformationEstimationPointToPlane(),
            registration.ICPConvergenceCriteria(max_iteration=ITERATIONS),
        )  # fmt: skip
        if not found.fitness > 0:
            raise UsageError(
                f"align icp: no point of the prediction lies within {reach:g} m of the truth; "
                "bring them into one frame first"
            )
        T = np.array(found.transformation)
    return Alignment(T, float(found.fitness), float(found.inlier_rmse))


def _cloud(points: PointSet) -> Any:
    import open3d as o3d

    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.points))
    if points.normals is None:
        cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(NORMAL_NEIGHBOURS))
    else:
        cloud.normals = o3d.utility.Vector3dVector(points.normals)
    return cloud
