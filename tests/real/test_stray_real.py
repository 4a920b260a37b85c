"""A room of 79 frames recorded with Stray Scanner in 2023, without its video."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from recon.captures.base import Capture
from recon.captures.checks import agreement, pose_faults
from recon.captures.readers import open_capture
from recon.geometry.projection import backproject
from recon.geometry.trajectory import steps
from recon.geometry.transforms import apply, invert


@pytest.fixture
def room(real_data: Path) -> Iterator[Capture]:
    with open_capture(real_data / "captures" / "stray-room-no-video.zip") as capture:
        yield capture


def test_the_table_is_complete(room: Capture) -> None:
    assert (room.format, len(room)) == ("Stray Scanner", 79)
    assert room.table.index.tolist() == list(range(79))
    np.testing.assert_allclose(np.diff(room.table.timestamp), 0.2, atol=0.017)  # ARKit dropped one frame
    assert room.table.has_depth.all()
    assert not room.table.has_image.any()
    assert [problem.what for problem in room.problems] == ["no video (rgb.mp4 or rgb.mov), so no colour"]
    assert pose_faults(room.table) == [""] * 79
    assert np.median(steps(room.table.T_world_camera)[0]) == pytest.approx(0.099, abs=0.001)


def test_neighbouring_depth_agrees(room: Capture) -> None:
    frames = list(room.frames(range(79)))
    sensors = [frame.sensor() for frame in frames]
    distances = []
    for (first, sensor_first), (second, sensor_second) in pairwise(zip(frames, sensors, strict=True)):
        assert sensor_first is not None
        assert sensor_second is not None
        T_first_second = invert(first.T_world_camera) @ second.T_world_camera
        distances.append(agreement(sensor_first, sensor_second, T_first_second))
    assert np.median(distances) < 0.015
    assert max(distances) < 0.080  # a fast turn with little overlap


def test_the_ceiling_is_level_where_it_was_measured(room: Capture) -> None:
    heights = []
    for frame in room.frames(range(0, 79, 3)):
        sensor = frame.sensor()
        assert sensor is not None
        assert sensor.confidence is not None
        sure = (sensor.confidence == 2) & (sensor.depth < 5)
        heights.append(apply(frame.T_world_camera, backproject(sensor.depth, sensor.camera)[sure])[:, 1])
    count, edges = np.histogram(np.concatenate(heights), bins=np.arange(0.8, 2.0, 0.02))
    assert edges[count.argmax()] + 0.01 == pytest.approx(1.31, abs=0.03)
