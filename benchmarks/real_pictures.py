"""Real pictures with true depth, or with none: what a network is judged on that it never saw in training."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from recon.captures.base import Capture, SensorDepth
from recon.captures.checks import well_spaced_pairs
from recon.depth.predictor import Predictor
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject, project
from recon.geometry.resampling import resize_depth, resize_nearest
from recon.geometry.transforms import apply, invert
from recon.prompts.from_sensor import MAX_DEPTH, confident_pixels, prompt_from_sensor
from train.sample import Sample

# Middlebury 2014 "Motorcycle" at a quarter of its size, inside scikit-image (Scharstein et al., GCPR 2014).
MOTORCYCLE_FOCAL_PX, MOTORCYCLE_BASELINE, MOTORCYCLE_OFFSET_PX = 994.978, 0.193001, 31.086
PATCH = 16  # pixels of the sensor's map along each side of a patch that may be flat
FLAT = 0.01  # greatest deviation from a plane, as a share of the depth, of a patch that the sensor says is flat
AGREEMENT_PAIRS = 12  # of neighbouring views
COMPARED_POINTS = 20_000


def motorcycle() -> Sample:
    """A photograph with depth by structured light, 2 to 5 m."""
    from skimage.data import stereo_motorcycle

    left, _, disparity = stereo_motorcycle()
    depth = MOTORCYCLE_FOCAL_PX * MOTORCYCLE_BASELINE / (disparity + MOTORCYCLE_OFFSET_PX)
    known = np.isfinite(disparity) & (disparity > 0)
    return Sample("motorcycle", np.ascontiguousarray(left), np.where(known, depth, 0).astype(np.float32))


def frames(capture: Capture, rows: list[int]) -> Iterator[tuple[int, np.ndarray, SensorDepth]]:
    """Row, picture and the sensor's depth of those frames that have both."""
    for frame in capture.frames(rows):
        image, sensor = frame.image(), frame.sensor()
        if image is not None and isinstance(sensor, SensorDepth):
            yield frame.row, image, sensor


class SeenTwice:
    """One frame's depth by the sensor and by a network, both on the network's grid."""

    def __init__(self, image: np.ndarray, sensor: SensorDepth, predictor: Predictor) -> None:
        prompt = prompt_from_sensor(sensor, predictor.prompt_confidence, MAX_DEPTH)
        if prompt is None:
            raise ValueError("a frame without depth that can be trusted")
        self.network = predictor.predict(image, prompt)
        height, width = self.network.shape
        self.camera: Camera = sensor.camera.resized(width, height)
        self.sensor = resize_depth(prompt.depth, width, height)
        sure = confident_pixels(sensor, 2 if sensor.confidence is not None else 0, 5.0)
        self.sure: Bool[np.ndarray, "h w"] = resize_nearest(sure, width, height)
        self.patch_px = PATCH * width // sensor.depth.shape[1]


def flatness(frame: SeenTwice) -> list[tuple[float, float]]:
    """RMS distance from their own planes, metres, of the sensor's and the network's points, for each flat patch."""
    found = []
    size = frame.patch_px
    clouds = [backproject(depth, frame.camera) for depth in (frame.sensor, frame.network)]
    for top in range(0, frame.sensor.shape[0] - size, size):
        for left in range(0, frame.sensor.shape[1] - size, size):
            patch = (slice(top, top + size), slice(left, left + size))
            if frame.sure[patch].all():
                ours, theirs = (_distance_from_plane(cloud[patch].reshape(-1, 3)) for cloud in clouds)
                if ours < FLAT * frame.sensor[patch].mean():
                    found.append((ours, theirs))
    return found


def _distance_from_plane(points: Float[np.ndarray, "n 3"]) -> float:
    centred = points - points.mean(axis=0)
    return float(np.linalg.svd(centred, compute_uv=False)[2] / np.sqrt(len(points)))


def disagreement(
    first: SeenTwice, second: SeenTwice, T_first_second: Float[np.ndarray, "4 4"]
) -> tuple[float, float] | None:
    """Median difference, metres, of two views' depth carried over: by the sensor, by the network."""
    return_values = []
    for name in ("sensor", "network"):
        seen, carried = getattr(first, name), getattr(second, name)
        points = backproject(carried, second.camera)[second.sure].astype(np.float64)
        points = points[:: len(points) // COMPARED_POINTS + 1]
        uv, z = project(apply(T_first_second, points), first.camera)
        inside = (z > 0) & ((uv > -0.5) & (uv < (first.camera.width - 0.5, first.camera.height - 0.5))).all(axis=1)
        u, v = np.rint(uv[inside]).astype(int).T
        met = first.sure[v, u]
        if met.sum() < 1000:
            return None
        return_values.append(float(np.median(np.abs(z[inside] - seen[v, u])[met])))
    return return_values[0], return_values[1]


def capture_scores(capture: Capture, predictor: Predictor) -> dict[str, float]:
    """Flatness and agreement of neighbouring frames, the network's as a share of the sensor's."""
    with_image = np.flatnonzero(capture.table.has_image & capture.table.has_depth)
    T = np.full_like(capture.table.T_world_camera, np.nan)
    T[with_image] = capture.table.T_world_camera[with_image]
    pairs = well_spaced_pairs(T, AGREEMENT_PAIRS)
    rows = sorted({row for pair in pairs for row in pair})
    seen = {row: SeenTwice(image, sensor, predictor) for row, image, sensor in frames(capture, rows)}
    flat = np.array([patch for frame in seen.values() for patch in flatness(frame)])
    found = [disagreement(seen[a], seen[b], invert(T[a]) @ T[b]) for a, b in pairs if a in seen and b in seen]
    apart = np.array([gap for gap in found if gap is not None])
    scores = {"frames": float(len(seen)), "flat_patches": float(len(flat)), "pairs": float(len(apart))}
    for name, values in (("plane_residual", flat), ("disagreement", apart)):
        if len(values):
            sensor, network = np.median(values, axis=0).tolist()
            scores |= {f"{name}_sensor_mm": 1000 * sensor, f"{name}_network_mm": 1000 * network}
    return scores


def open_with_pictures(paths: list[Path]) -> Iterator[Capture]:
    """The captures; those without pictures or poses are of no use here."""
    from recon.captures.readers import open_capture

    for path in paths:
        yield open_capture(path)
