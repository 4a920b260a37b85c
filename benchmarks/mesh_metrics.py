"""Nearest-neighbour distances of two clouds, as a mesh's scores need them, against the loop of public scripts.

    python benchmarks/mesh_metrics.py [--points 1000000] [--repeats 3]

The peer is what evaluation scripts of the field do (NeuralRecon's and its descendants): a ``KDTreeFlann`` of Open3D
and ``search_knn_vector_3d`` once a point, in one thread. Both directions, building the trees included; the two clouds
are drawn from the walls of a room and differ by noise of 1 cm. Repeats of both alternate. Refuses to print a ratio
unless all distances are the same. Writes ``results/mesh_metrics.json``.
"""

import argparse
import time

import numpy as np
import open3d as o3d
from machine import write_result

from recon.evaluation.nearest import nearest_points

ROOM = np.array([5.0, 4.0, 2.6])  # metres
NOISE = 0.01
SAME = 1e-12  # metres; both compute in float64 and round differently


def make_cloud(count: int, rng: np.random.Generator) -> np.ndarray:
    """Points near the walls of a room, in no order."""
    points = rng.random((count, 3)) * ROOM
    axis, side = rng.integers(0, 3, count), rng.integers(0, 2, count)
    points[np.arange(count), axis] = side * ROOM[axis]
    return points + rng.normal(scale=NOISE, size=points.shape)


def ours(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return nearest_points(a, b)[0], nearest_points(b, a)[0]


def loop(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _loop_one_way(a, b), _loop_one_way(b, a)


def _loop_one_way(points: np.ndarray, among: np.ndarray) -> np.ndarray:
    tree = o3d.geometry.KDTreeFlann(o3d.geometry.PointCloud(o3d.utility.Vector3dVector(among)))
    return np.array([np.sqrt(tree.search_knn_vector_3d(point, 1)[2][0]) for point in points])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000, help="of each cloud")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    a, b = make_cloud(options.points, rng), make_cloud(options.points, rng)
    ours(a[:1000], b[:1000])  # threads and code are loaded
    seconds: dict[str, list[float]] = {"ours": [], "loop": []}
    for _ in range(options.repeats):
        distances = {}
        for name, method in (("ours", ours), ("loop", loop)):
            started = time.perf_counter()
            distances[name] = method(a, b)
            seconds[name].append(time.perf_counter() - started)
    difference = max(float(np.abs(x - y).max()) for x, y in zip(distances["ours"], distances["loop"], strict=True))
    if difference > SAME:
        raise SystemExit(f"the distances differ by up to {difference:g} m, so the times mean nothing")
    middle = {name: float(np.median(taken)) for name, taken in seconds.items()}
    ratio = middle["loop"] / middle["ours"]
    for name, taken in seconds.items():
        print(f"{name:5} {min(taken):6.2f} {middle[name]:6.2f} {max(taken):6.2f} s (minimum, median, maximum)")
    print(f"loop / ours: {ratio:.2f} (to reach: 3); greatest difference of a distance: {difference:.1e} m")
    path = write_result(
        "mesh_metrics",
        ["scipy", "open3d-cpu", "numpy"],
        {
            "points": options.points,
            "repeats": options.repeats,
            "time_loop_over_ours": round(ratio, 2),
            "greatest_difference_m": difference,
            "seconds": {name: [round(value, 3) for value in taken] for name, taken in seconds.items()},
        },
    )
    print(f"written to {path}")


if __name__ == "__main__":
    main()
