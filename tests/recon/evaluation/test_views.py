from pathlib import Path

import numpy as np
import pytest
from box_room import IMAGE, BoxRoom, poses, write_capture

from recon.errors import CaptureError, UsageError
from recon.evaluation.views import read_views
from recon.fates import Fates
from recon.run_folder import RunFolder
from recon.settings import Settings

CAMERAS = "index,width,height,fx,fy,cx,cy,camera\n" + "".join(
    f"{index},{640 + index},480,500.5,501.5,319.5,239.5,main\n" for index in range(4)
)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Of four frames, of which the third was skipped."""
    table = BoxRoom(4).table
    run, fates = RunFolder(tmp_path / "run"), Fates(table)
    for row in (0, 1, 3):
        fates.use(row)
    fates.skip(2, "dark")
    run.write_frames(fates)
    run.write_trajectory(table.timestamp[fates.used], table.T_world_camera[fates.used])
    run.write_settings(Settings(max_depth=3.5))
    (run.path / "cameras.csv").write_text(CAMERAS)
    return run.path


def test_a_capture_gives_a_view_a_frame_that_has_a_pose(tmp_path: Path) -> None:
    views = read_views(write_capture(tmp_path / "box", count=5))
    np.testing.assert_allclose(views.T_world_camera, poses(5), atol=1e-6)
    assert len(views.cameras) == 5
    camera = views.cameras[0].resized(IMAGE.width, IMAGE.height)
    np.testing.assert_allclose(camera.K, IMAGE.K, atol=1e-3)
    assert (views.up, views.reach) == ("y", np.inf)


def test_a_run_gives_the_frames_it_used_and_the_depth_it_believed(run_folder: Path) -> None:
    views = read_views(run_folder)
    np.testing.assert_allclose(views.T_world_camera, poses(4)[[0, 1, 3]], atol=1e-6)
    assert [camera.width for camera in views.cameras] == [640, 641, 643]
    assert (views.cameras[0].fx, views.cameras[0].fy) == (500.5, 501.5)
    assert views.reach == 3.5


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("cameras.csv", None, "no cameras.csv inside"),
        ("cameras.csv", CAMERAS.replace("0,640", "9,640", 1), "cannot be used"),
        ("cameras.csv", CAMERAS.replace("501.5", "wide"), "cannot be used"),
        ("cameras.csv", CAMERAS.replace("500.5", "-1"), "cannot be used"),
        ("trajectory.txt", "1 2 3\n", "cannot be used"),
        ("trajectory.txt", "1 nan 0 0 0 0 0 1\n" * 3, "cannot be used"),
        ("trajectory.txt", "1 0 0 0 0 0 0 0\n" * 3, "cannot be used"),
        ("frames.csv", "index,timestamp,state,reason\n", "cannot be used"),
    ],
)
def test_a_run_whose_tables_make_no_sense_is_refused(
    run_folder: Path, name: str, text: str | None, sentence: str
) -> None:
    if text is None:
        (run_folder / name).unlink()
    else:
        (run_folder / name).write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_views(run_folder)


def test_what_is_neither_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no known capture|no files inside|no such"):
        read_views(tmp_path)
