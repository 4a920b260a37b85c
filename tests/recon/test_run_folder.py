import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.captures.base import FrameTable
from recon.errors import UsageError
from recon.fates import Fates
from recon.run_folder import RunFolder
from recon.settings import Settings


def test_a_run_can_be_read_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "deep" / "room_run")
    run.write_settings(Settings(max_depth=3.0))
    run.write_metrics({"used": 3})
    run.write_preview(np.full((4, 6, 3), (200, 0, 10), np.uint8))
    assert Settings.from_toml(run.path / "settings.toml") == Settings(max_depth=3.0)
    assert json.loads((run.path / "metrics.json").read_text()) == {"used": 3}
    np.testing.assert_array_equal(cv2.imread(str(run.path / "preview.png"))[0, 0], [10, 0, 200])  # BGR
    assert run.depth == run.path / "depth"


def test_the_table_of_frames_holds_a_line_for_each(tmp_path: Path) -> None:
    table = FrameTable(np.arange(2), np.arange(2.0), np.tile(np.eye(4), (2, 1, 1)), np.ones(2, bool), np.ones(2, bool))
    fates = Fates(table)
    fates.use(0)
    RunFolder(tmp_path).write_frames(fates)
    assert (tmp_path / "frames.csv").read_text().splitlines()[1:] == ["0,0.0,used,,main", "1,1.0,undecided,,main"]


def test_the_trajectory_is_tums_text(tmp_path: Path) -> None:
    T = np.eye(4)
    T[:3] = [[0, -1, 0, 0.25], [1, 0, 0, -2], [0, 0, 1, 1e-12]]
    RunFolder(tmp_path).write_trajectory(np.array([1.6e9 + 0.5]), T[None])
    assert (tmp_path / "trajectory.txt").read_text() == (
        "# timestamp tx ty tz qx qy qz qw\n1600000000.5 0.25 -2.0 0.0 0.0 0.0 0.707106781 0.707106781\n"
    )


def test_a_run_without_a_used_frame_has_an_empty_trajectory(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    assert (tmp_path / "trajectory.txt").read_text() == "# timestamp tx ty tz qx qy qz qw\n"


def test_a_place_where_no_folder_can_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="nothing can be written there .*; choose another folder"):
            RunFolder(path)
