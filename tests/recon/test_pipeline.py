import dataclasses
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from box_room import SIZE, BoxRoom

from recon.captures.base import SensorDepth
from recon.errors import CaptureError
from recon.fusion.mesh_files import read_mesh
from recon.pipeline import Reconstruction, reconstruct
from recon.settings import Settings

VOXEL = 0.05
SETTINGS = Settings(depth="sensor", voxel_size=VOXEL, keyframes="all")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    """The room reconstructed once."""
    return reconstruct(BoxRoom(), SETTINGS, tmp_path_factory.mktemp("box") / "box.ply")


def test_a_box_room_comes_back_with_its_size_in_its_own_world(box: Reconstruction) -> None:
    low, high = box.mesh.vertices.min(0), box.mesh.vertices.max(0)
    np.testing.assert_allclose(low, 0, atol=VOXEL / 2)
    np.testing.assert_allclose(high, SIZE, atol=VOXEL / 2)
    distance = np.minimum(np.abs(box.mesh.vertices), np.abs(SIZE - box.mesh.vertices)).min(1)
    assert np.median(distance) < VOXEL / 10


def test_the_mesh_file_holds_the_mesh_that_is_returned(box: Reconstruction) -> None:
    np.testing.assert_allclose(read_mesh(box.mesh_path).vertices, box.mesh.vertices, atol=1e-5)


def test_every_frame_has_one_fate_and_the_run_folder_tells_it(tmp_path: Path) -> None:
    room = BoxRoom(12)
    room.table.T_world_camera[3] = np.nan
    room.table.has_depth[5] = False
    result = reconstruct(room, SETTINGS, tmp_path / "box.ply")
    lines = (tmp_path / "box_run" / "frames.csv").read_text().splitlines()
    assert lines[0] == "index,timestamp,state,reason,camera"
    assert [line.split(",")[2] for line in lines[1:]].count("used") == 10 == result.metrics["used"]
    assert lines[4].endswith("skipped,no usable pose,main")
    assert lines[6].endswith("skipped,no depth,main")
    assert result.metrics["skipped"] == {"no usable pose": 1, "no depth": 1}
    trajectory = np.loadtxt(tmp_path / "box_run" / "trajectory.txt")
    assert trajectory.shape == (10, 8)


def test_the_metrics_file_has_the_documented_keys(box: Reconstruction) -> None:
    stored = json.loads((box.run_folder / "metrics.json").read_text())
    assert stored == box.metrics
    assert {
        "frames", "used", "skipped", "triangles", "vertices", "extent_m", "seconds",
        "peak_memory_mb", "voxel_size_m", "model", "mesh",
    } <= stored.keys()  # fmt: skip
    assert stored["triangles"] == len(box.mesh.triangles) > 0
    np.testing.assert_allclose(stored["extent_m"], SIZE, atol=VOXEL)


def test_the_same_input_gives_the_same_mesh(box: Reconstruction, tmp_path: Path) -> None:
    first, second = box.mesh, reconstruct(BoxRoom(), SETTINGS, tmp_path / "again.ply").mesh
    order_first, order_second = np.lexsort(first.vertices.T), np.lexsort(second.vertices.T)
    np.testing.assert_allclose(first.vertices[order_first], second.vertices[order_second], atol=1e-6)


def test_a_capture_without_colour_gives_a_mesh_without_colours(box: Reconstruction, tmp_path: Path) -> None:
    assert reconstruct(BoxRoom(coloured=False), SETTINGS, tmp_path / "grey.ply").mesh.colors is None
    assert box.mesh.colors is not None


class Damaged(BoxRoom):
    """A room some of whose depth files cannot be read."""

    def __init__(self, count: int, damaged: range) -> None:
        super().__init__(count)
        self._damaged = damaged

    def frames(self, rows, with_images=True):
        for frame in super().frames(rows, with_images):
            sensor = partial(self._fail, frame.index) if frame.row in self._damaged else frame.sensor
            yield dataclasses.replace(frame, sensor=sensor)

    def _fail(self, index: int) -> SensorDepth:
        raise CaptureError(f"depth/{index}.png: not a readable picture")


def test_a_few_damaged_frames_are_counted_and_left_out(tmp_path: Path) -> None:
    result = reconstruct(Damaged(24, range(2, 5)), SETTINGS, tmp_path / "box.ply")
    assert result.metrics["used"] == 21
    assert result.metrics["skipped"] == {"depth unreadable": 3}


def test_ten_failures_in_a_row_end_the_run_and_leave_the_table_but_no_mesh(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="10 frames in a row failed.*not a readable picture"):
        reconstruct(Damaged(40, range(20, 40)), SETTINGS, tmp_path / "box.ply")
    assert not (tmp_path / "box.ply").exists()
    assert "not a readable picture" in (tmp_path / "box_run" / "frames.csv").read_text()


def test_a_bug_in_a_stage_reaches_the_caller_as_it_is(tmp_path: Path) -> None:
    class Broken(BoxRoom):
        def frames(self, rows, with_images=True):
            for frame in super().frames(rows, with_images):
                yield dataclasses.replace(frame, image=self._bug if with_images else frame.image)

        def _bug(self):
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        reconstruct(Broken(), SETTINGS, tmp_path / "box.ply")
    assert not (tmp_path / "box.ply").exists()


def test_an_interrupted_run_leaves_no_half_written_file(tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "fuse" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconstruct(BoxRoom(), replace(SETTINGS, depth="sensor"), tmp_path / "box.ply", interrupt)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"settings.toml", "frames.csv"}


def test_progress_counts_every_stage_to_its_end(tmp_path: Path) -> None:
    last: dict[str, tuple[int, int]] = {}
    reconstruct(
        BoxRoom(), SETTINGS, tmp_path / "box.ply", lambda stage, done, total: last.update({stage: (done, total)})
    )
    assert last == {"decode": (24, 24), "depth": (24, 24), "fuse": (24, 24), "mesh": (1, 1), "picture": (1, 1)}


def test_frames_without_colour_still_shape_the_coloured_mesh(tmp_path: Path) -> None:
    room = BoxRoom(24)
    room.table.has_image[::2] = False
    mesh = reconstruct(room, SETTINGS, tmp_path / "box.ply").mesh
    assert mesh.colors is not None
    brightest = mesh.colors.max(1)  # 200 on every wall: not darkened by the frames that had none
    assert (brightest > 150).mean() > 0.9
