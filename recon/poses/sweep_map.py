"""A map of LiDAR sweeps to which the next one is registered (small_gicp)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from recon.errors import UsageError

THINNING = 0.25  # of a cell: the side of the cubes in which one point of a sweep is kept
NEIGHBOURS = 20  # whose spread is a point's covariance; with 10, noise of 2 cm tilts walls enough to tell their length
KEPT_SWEEPS = 100  # that a cell of the map stays after it was last met
FORGETTING = 10  # sweeps between two looks for such cells
ITERATIONS = 30  # of a registration
TRIAL_ITERATIONS = 8  # that tell a promising start from the others
MISS_COST = 5.0  # of a point that meets nothing, beside squared Mahalanobis distances whose mean is about 0.1

Pose = Float[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False)
class ThinSweep:
    """A sweep as it is registered: one point a cube, with the covariances of the surface there."""

    cloud: Any  # small_gicp.PointCloud

    def __len__(self) -> int:
        return int(self.cloud.size())


@dataclass(frozen=True, eq=False)
class Fit:
    """A sweep's place in the map."""

    T_map_lidar: Pose
    cost: float  # mean over the sweep's points, from 0 to MISS_COST
    share: float  # of its points that meet a cell of the map
    information: Float[np.ndarray, "3 3"]  # on the translation in the sweep's axes, for each point that meets one


class SweepMap:
    """Cells of space, each with the mean place and covariance of the surface inside; those long unmet are forgotten.

    A plane's covariance is 1 along and 0.001 across, whatever its cell's size.

    Method: distribution-to-distribution ICP (GICP, Segal et al. 2009) on cells (voxelized GICP, Koide et al. 2021).
    """

    def __init__(self, cell: float) -> None:
        """Raises ``UsageError`` where the package is not installed.

        Args:
            cell: its side, metres.
        """
        try:
            import small_gicp
        except ImportError as error:
            raise UsageError(
                "poses from the LiDAR need small_gicp, which is not installed; pip install 'promptda-recon[drives]'"
            ) from error
        self._registration = small_gicp
        self.cell = cell
        self._cells = small_gicp.GaussianVoxelMap(cell)
        self._cells.set_lru(horizon=KEPT_SWEEPS, clear_cycle=FORGETTING)

    def thin(self, points: Float[np.ndarray, "n 3"]) -> ThinSweep:
        """Points for ``register`` and ``add``; at least one."""
        # One thread here and below: with several the order of sums, and so the result, varies from run to run.
        cloud, _ = self._registration.preprocess_points(points.astype(np.float64), THINNING * self.cell, NEIGHBOURS)
        return ThinSweep(cloud)

    def add(self, sweep: ThinSweep, T_map_lidar: Pose) -> None:
        self._cells.insert(sweep.cloud, T_map_lidar)

    def register(self, sweep: ThinSweep, T_start: Pose) -> Fit:
        """The place near ``T_start`` where the sweep costs least; right only where that is within a cell of it."""
        return self._fit(sweep, T_start, ITERATIONS)

    def register_from(self, sweep: ThinSweep, T_starts: Sequence[Pose]) -> Fit:
        """The same from that of several starts which costs least after a few steps."""
        fits = [self._fit(sweep, T, TRIAL_ITERATIONS) for T in T_starts]
        return self.register(sweep, min(fits, key=lambda fit: fit.cost).T_map_lidar)

    def _fit(self, sweep: ThinSweep, T_start: Pose, iterations: int) -> Fit:
        result = self._registration.align(self._cells, sweep.cloud, T_start, max_iterations=iterations)
        met = max(int(result.num_inliers), 1)
        H = np.asarray(result.H, np.float64) / met  # rotation first
        turning, sliding, both = H[:3, :3], H[3:, 3:], H[3:, :3]
        return Fit(
            T_map_lidar=np.asarray(result.T_target_source, np.float64),
            cost=(float(result.error) + MISS_COST * (len(sweep) - result.num_inliers)) / len(sweep),
            share=float(result.num_inliers) / len(sweep),
            information=sliding - both @ np.linalg.pinv(turning) @ both.T,
        )
