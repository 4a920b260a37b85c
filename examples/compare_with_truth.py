"""How far a mesh of the example is from the room that the example was rendered from.

    python examples/compare_with_truth.py outputs/room/mesh.ply

Accuracy: points on the mesh, to the true surface. Completeness: points on the true surface that some
camera saw from at most ``--range`` metres, to the mesh. What no camera saw cannot be reconstructed and
does not count. ``recon eval-tsdf`` does the same by the field's protocols.
"""

import argparse
from pathlib import Path

import numpy as np

import recon
from recon.captures.base import Capture
from recon.evaluation.culling import seen
from recon.evaluation.mesh_metrics import distances_to_surface, sample_surface
from recon.evaluation.views import Views
from recon.fusion.mesh import Mesh
from recon.fusion.mesh_files import read_mesh

HERE = Path(__file__).parent
POINTS = 100_000
MARGIN = 0.01  # metres behind the true surface within which a point of it is not hidden by it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mesh", type=Path)
    parser.add_argument("--truth", type=Path, default=HERE / "room_truth.ply")
    parser.add_argument("--capture", type=Path, default=HERE / "room.zip")
    parser.add_argument("--range", type=float, default=5.0, help="metres; the reach of the phone's LiDAR")
    options = parser.parse_args()

    mesh, truth = read_mesh(options.mesh), read_mesh(options.truth)
    rng = np.random.default_rng(0)
    truth_points = sample_surface(truth, POINTS, rng)
    with recon.open_capture(options.capture) as capture:
        truth_seen = truth_points[seen_points(truth_points, truth, capture, options.range)]
    to_truth = distances_to_surface(sample_surface(mesh, POINTS, rng), truth)
    to_mesh = distances_to_surface(truth_seen, mesh)
    print(f"distance of {options.mesh} from the room it was rendered from:")
    print(f"  accuracy      (mesh to truth)       {summary(to_truth)}")
    print(f"  completeness  (truth seen, to mesh) {summary(to_mesh)}")


def summary(distance: np.ndarray) -> str:
    """Mean and median in millimetres, and the shares of points that lie close."""
    shares = ", ".join(
        f"{100 * np.mean(distance < limit):.0f} % within {limit * 100:.0f} cm" for limit in (0.01, 0.02, 0.05)
    )
    return f"mean {1000 * distance.mean():.1f} mm, median {1000 * np.median(distance):.1f} mm; {shares}"


def seen_points(points: np.ndarray, truth: Mesh, capture: Capture, reach: float) -> np.ndarray:
    """Which points (n, 3) of the truth some frame shows, unoccluded and with depth up to ``reach`` metres."""
    frames = list(capture.frames(range(len(capture))))
    views = Views(np.array([frame.T_world_camera for frame in frames]), tuple(f.camera for f in frames), reach)
    return seen(points, truth, views, MARGIN)


if __name__ == "__main__":
    main()
