"""A sweep's way to the depth map of a camera: ours, and the recipe that people write with scikit-learn.

    python benchmarks/lidar_prompt.py [--rounds 5]

The sweep is made: 64 beams, 100,032 points, a street of road, house fronts, cars and posts, seen by a camera
below the LiDAR. The recipe projects the points, fits scikit-learn's ``KNeighborsRegressor`` (k = 4, weight
1 / distance) on the pixels that were hit and predicts every pixel of the picture. Ours drops hidden points, keeps
to what the LiDAR covers and to one surface, on the prompt's own grid and on that of the picture.

Rounds take turns, and the fastest of each counts: seconds on the clock, and of the processor.

The plain k = 4 means of the same pixels must agree where the four nearest are no matter of choice, that is
where the fifth is farther away than the fourth.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from machine import write_result
from scipy.spatial import cKDTree
from sklearn.neighbors import KNeighborsRegressor

from recon.captures.base import LidarSweep
from recon.geometry.camera import Camera
from recon.prompts.completion import complete
from recon.prompts.from_lidar import lidar_depth, sensor_depth
from recon.prompts.lidar_projection import nearest_points

BEAMS, TURN = 64, 1563  # 100,032 points
ELEVATION_DEG = (-24.8, 3.0)
LIDAR_ABOVE_CAMERA, CAMERA_ABOVE_ROAD = 0.1, 1.65  # metres
CAMERA = Camera.from_focal(960, 540, 560.0, 560.0, 479.5, 239.5)
RANGE = 80.0  # metres
AGREES = 1e-3  # metres; float32 against float64
# Boxes in the camera's axes, metres: least and greatest corner.
FRONTS = [((-12, -9, -80), (-10, 2, 80)), ((9, -6, -80), (11, 2, 80)), ((-12, -9, 70), (12, 2, 72))]
CARS = [((-4, 0, 9), (-2, 2, 13)), ((2, 0.2, 18), (4, 2, 22)), ((-1, -0.5, 35), (1, 2, 40))]
POSTS = [((x, -4, z), (x + 0.2, 2, z + 0.2)) for x in (-6.0, 6.0) for z in range(6, 60, 9)]


def made_sweep() -> LidarSweep:
    """What the beams hit first, in the camera's axes."""
    elevation = np.radians(np.linspace(*ELEVATION_DEG, BEAMS))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, TURN, endpoint=False)
    rays = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.sin(azimuth), -np.sin(elevation), np.cos(elevation) * np.cos(azimuth)
        ),
        axis=-1,
    ).reshape(-1, 3)
    origin = np.array([0.0, -LIDAR_ABOVE_CAMERA, 0.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(rays[:, 1] > 0, (CAMERA_ABOVE_ROAD + LIDAR_ABOVE_CAMERA) / rays[:, 1], np.inf)
        for low, high in [*FRONTS, *CARS, *POSTS]:
            to_sides = np.sort([(low - origin) / rays, (high - origin) / rays], axis=0)
            enters, leaves = to_sides[0].max(1), to_sides[1].min(1)
            along = np.where((enters > 0) & (enters <= leaves), np.minimum(along, enters), along)
    along = np.minimum(along, RANGE)[:, None]  # what is beyond counts as hit, so that the sweep is full
    return LidarSweep((origin + along * rays).astype(np.float32), CAMERA)


def users_recipe(sweep: LidarSweep) -> np.ndarray:
    """Depth of all pixels, metres."""
    points = sweep.points[sweep.points[:, 2] > 0.5]
    pixels = np.rint((points @ sweep.camera.K.T)[:, :2] / points[:, 2:]).astype(int)
    inside = ((pixels >= 0) & (pixels < (sweep.camera.width, sweep.camera.height))).all(1)
    sparse = np.full((sweep.camera.height, sweep.camera.width), np.inf)
    np.minimum.at(sparse, (pixels[inside, 1], pixels[inside, 0]), points[inside, 2])
    hit = np.isfinite(sparse)
    regressor = KNeighborsRegressor(n_neighbors=4, weights="distance").fit(np.argwhere(hit), sparse[hit])
    return regressor.predict(np.argwhere(np.ones_like(hit))).reshape(hit.shape)


def disagreement(sweep: LidarSweep) -> dict[str, float]:
    """Of the plain means: greatest difference in metres, and the share of pixels that it is taken over."""
    nearest = nearest_points(sweep.points, sweep.camera)
    hit = nearest > 0
    ours = complete(nearest, hit, np.ones_like(hit))
    distance, _ = cKDTree(np.argwhere(hit)).query(np.argwhere(~hit), k=5, workers=-1)
    sure = hit.copy()
    sure[~hit] = distance[:, 4] > distance[:, 3] + 1e-6
    difference = np.abs(ours - users_recipe(sweep))[sure].max()
    return {"greatest_metres": float(difference), "share_of_pixels": round(float(sure.mean()), 3)}


def timed(call: Callable[[], object]) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    sweep = made_sweep()
    differs = disagreement(sweep)
    if differs["greatest_metres"] > AGREES:
        raise SystemExit(f"the plain means differ by {differs['greatest_metres']} m")
    calls: dict[str, Callable[[], object]] = {
        "recipe_960x540": lambda: users_recipe(sweep),
        "ours_960x540": lambda: lidar_depth(sweep.points, sweep.camera, RANGE),
        "ours_prompt_grid": lambda: sensor_depth(sweep, RANGE),
    }
    times = np.array([[timed(call) for call in calls.values()] for _ in range(rounds)]).min(0)
    rows = {}
    print(f"{len(sweep.points)} points; {'seconds':>13}{'processor':>12}{'times faster':>14}")
    for name, (clock, processor) in zip(calls, times, strict=True):
        rows[name] = {
            "seconds": round(clock, 4),
            "processor_seconds": round(processor, 4),
            "times_faster": round(times[0, 0] / clock, 1),
            "times_less_processor": round(times[0, 1] / processor, 1),
        }
        print(f"{name:19}{clock:10.4f}{processor:12.4f}{times[0, 0] / clock:14.1f}")
    print(f"plain means differ by at most {differs['greatest_metres']:.1e} m on {differs['share_of_pixels']:.0%}")
    values = {"points": len(sweep.points), "rounds": rounds, "plain_means_differ": differs, "times": rows}
    print(f"written to {write_result('lidar_prompt', ['numpy', 'scipy', 'scikit-learn', 'opencv-python'], values)}")


if __name__ == "__main__":
    main()
