"""What a capture is and holds, without reconstructing it."""

from collections import Counter
from typing import Any

import numpy as np

from recon.captures.base import Capture, LidarSweep, SensorDepth
from recon.captures.checks import depth_fault, pose_faults
from recon.errors import CaptureError
from recon.geometry.projection import backproject
from recon.geometry.trajectory import path_length
from recon.geometry.transforms import apply
from recon.prompts.from_lidar import sensor_depth
from recon.surroundings import surroundings

SAMPLED_FRAMES = 24  # whose depth is looked at
EXTENT_STRIDE_PX = 4  # of a depth map's pixels, every fourth along each axis is enough for an extent
EXTENT_PERCENTILES = (1.0, 99.0)  # of the points, so that a few stray ones do not count as the scene


def inspect_capture(capture: Capture) -> dict[str, Any]:
    """Facts about a capture as plain values, ready for JSON; depth facts come from a sample of frames.

    ``extent_m`` is the box of the points within 5 m, on drives 60 m, ``depth_range_m`` the 1st and 99th percentile of
    known depth, ``confidence_share`` the shares of levels 0, 1, 2 or None where the format has none.
    """
    table = capture.table
    usual = surroundings(table)
    faults = pose_faults(table)
    tracked = np.array([fault == "" for fault in faults])
    T_world_camera = table.T_world_camera[tracked]
    problems = [
        {"what": problem.what, "count": problem.count, "effect": problem.effect, "example": problem.example}
        for problem in capture.problems
    ]
    problems += [
        {"what": fault, "count": count, "effect": "dropped", "example": f"frame {table.index[faults.index(fault)]}"}
        for fault, count in Counter(fault for fault in faults if fault).items()
    ]
    facts: dict[str, Any] = {
        "name": capture.name,
        "format": capture.format,
        "cameras": sorted(set(table.camera_name)),
        "frames": len(table),
        "frames_with_image": int(table.has_image.sum()),
        "frames_with_depth": int(table.has_depth.sum()),
        "image_size": None,
        "depth_size": None,
        "duration_s": round(float(np.ptp(table.timestamp)), 3) if len(table) else 0.0,
        "path_length_m": round(path_length(T_world_camera), 3),
        "extent_m": None,
        "depth_range_m": None,
        "confidence_share": None,
    }
    sensors, poses = [], []
    rows = np.flatnonzero(tracked & table.has_depth)
    picks = rows[np.unique(np.linspace(0, len(rows) - 1, SAMPLED_FRAMES).round().astype(int))] if len(rows) else rows
    picks = np.union1d(picks, np.flatnonzero(tracked & table.has_image)[:1])  # for the size of the pictures
    unreadable: list[str] = []
    for frame in capture.frames(picks.tolist(), with_images=False):
        if frame.has_image:
            facts["image_size"] = [frame.camera.width, frame.camera.height]
        try:
            sensor = frame.sensor()
        except CaptureError as error:
            unreadable.append(str(error))
            continue
        if isinstance(sensor, LidarSweep):
            sensor = sensor_depth(sensor, usual.prompt_depth)
        if sensor is not None and not depth_fault(sensor.depth):
            sensors.append(sensor)
            poses.append(table.T_world_camera[frame.row])
    if unreadable:
        what = f"depth unreadable in a sample of {len(picks)}"
        problems.append({"what": what, "count": len(unreadable), "effect": "dropped", "example": unreadable[0]})
    if sensors:
        facts.update(_depth_facts(sensors, poses, usual.max_depth))
    facts["problems"] = problems
    return facts


def _depth_facts(sensors: list[SensorDepth], poses: list[np.ndarray], max_depth: float) -> dict[str, Any]:
    depth = np.concatenate([sensor.depth[sensor.depth > 0] for sensor in sensors])
    confidence = [sensor.confidence.ravel() for sensor in sensors if sensor.confidence is not None]
    shares = np.bincount(np.concatenate(confidence), minlength=3)[:3] if confidence else None
    points = []
    for sensor, T_world_camera in zip(sensors, poses, strict=True):
        grid = backproject(sensor.depth, sensor.camera)[::EXTENT_STRIDE_PX, ::EXTENT_STRIDE_PX].reshape(-1, 3)
        near = (grid[:, 2] > 0) & (grid[:, 2] <= max_depth)
        points.append(apply(T_world_camera, grid[near].astype(np.float64)))
    cloud = np.concatenate(points)
    box = np.ptp(np.percentile(cloud, EXTENT_PERCENTILES, axis=0), axis=0) if len(cloud) else np.zeros(3)
    return {
        "depth_size": [sensors[0].camera.width, sensors[0].camera.height],
        "extent_m": [round(float(side), 2) for side in box],
        "depth_range_m": [round(float(value), 3) for value in np.percentile(depth, EXTENT_PERCENTILES)],
        "confidence_share": None if shares is None else [round(float(share), 4) for share in shares / shares.sum()],
    }
