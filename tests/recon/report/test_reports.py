"""What the reports of runs and evaluations tell."""

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from made_report import looking_back, tripod

from recon.captures.base import Frame, FrameTable, Problem, Up
from recon.evaluation.depth_scores import Counting, DepthScores
from recon.evaluation.evaluate import evaluate
from recon.evaluation.evaluate_depth import DepthEvaluation, Row
from recon.evaluation.protocols import SURFACE
from recon.fates import Fates
from recon.fusion.mesh import Mesh
from recon.report.depth_looks import LOOKS, DepthLooks
from recon.report.evaluation import depth_evaluation_report, mesh_evaluation_report
from recon.report.html import Report
from recon.report.reconstruction import reconstruction_report
from recon.settings import Settings

HOSTILE = "<script>alert(1)</script>"
METRICS: dict[str, Any] = {
    "frames": 9, "used": 7, "skipped": {"picture unreadable": 1, "blurred": 1}, "noted": {}, "problems": [],
    "depth": "sensor", "model": None, "seconds": {"decode": 0.5, "fuse": 2.0}, "peak_memory_mb": 1234,
    "extent_m": [1.0, 2.0, 3.0], "triangles": 6, "vertices": 12, "voxel_size_m": 0.01,
    "peak_memory_mb_after": {"mesh": 1234},
}  # fmt: skip


@dataclasses.dataclass
class Nothing:
    """A capture without frames."""

    name: str
    format: str
    table: FrameTable
    up: Up = "y"
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return 0

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        return iter(())

    def close(self) -> None: ...

    def __enter__(self) -> "Nothing":
        return self

    def __exit__(self, *exception: object) -> None: ...


def run(name: str = "room", **metrics: Any) -> Report:
    table = FrameTable(np.arange(9), np.arange(9.0), looking_back(), np.ones(9, np.bool_), np.ones(9, np.bool_))
    fates = Fates(table)
    for row in range(9):
        fates.use(row)
    fates.skip(2, f"blurred: {name}")
    fates.fail(3, f"picture unreadable: {name}")
    capture = Nothing(name, name, table)
    looks = DepthLooks(7)
    for row in fates.used:
        looks.add(str(row), np.zeros((8, 6, 3), np.uint8), np.ones((4, 3), np.float32), np.ones((4, 3), np.float32))
    preview = np.zeros((4, 6, 3), np.uint8)
    return reconstruction_report(capture, table, Settings(), fates, METRICS | metrics, tripod(), preview, looks)


def test_a_run_tells_its_facts_and_the_fate_of_every_frame() -> None:
    markup = run().html()
    for told in ("7 of 9", "1.00 × 2.00 × 3.00 m", "10 mm", "7 (78 %)", "blurred", "picture unreadable", "keyframes"):
        assert told in markup


def test_no_name_of_a_capture_or_its_files_becomes_markup() -> None:
    problem = {"what": HOSTILE, "count": 1, "effect": "dropped", "example": HOSTILE}
    markup = run(HOSTILE, problems=[problem], noted={HOSTILE: 2}, model=HOSTILE).html()
    assert HOSTILE not in markup
    assert markup.count("&lt;script&gt;alert(1)") >= 6


def test_looks_are_spread_evenly_over_the_frames() -> None:
    looks = DepthLooks(100)
    for number in range(100):
        looks.add(str(number), None, np.ones((4, 6), np.float32), np.ones((4, 6), np.float32))
    markup = "".join(block.html() for block in looks.blocks())
    shown = [int(number) for number in re.findall(r"<figcaption>frame (\d+), no picture", markup)]
    assert shown == [10, 30, 50, 70, 90]
    assert len(shown) == LOOKS


@pytest.mark.parametrize("frames", [1, 3])
def test_of_few_frames_all_are_looked_at(frames: int) -> None:
    looks = DepthLooks(frames)
    for number in range(frames):
        looks.add(str(number), None, np.ones((4, 6), np.float32), np.eye(4, 6, dtype=np.float32))
    assert "".join(block.html() for block in looks.blocks()).count("<figcaption>sensor depth") == frames
    assert looks.known == pytest.approx([4 / 24] * frames)


def test_frames_without_any_depth_show_nothing() -> None:
    looks = DepthLooks(1)
    looks.add("0", None, np.zeros((4, 6), np.float32), np.zeros((4, 6), np.float32))
    assert looks.blocks() == []
    assert DepthLooks(4).blocks() == []


def test_a_mesh_evaluation_tells_scores_thresholds_and_scale() -> None:
    mesh = tripod()
    scores = evaluate(mesh, mesh, SURFACE, thresholds=(0.05, 0.02))
    markup = mesh_evaluation_report(HOSTILE, scores, mesh, 0.1, {"seed": HOSTILE}, "y", looking_back()).html()
    assert HOSTILE not in markup
    for told in ("1.0000", "10 cm or more", SURFACE.name):
        assert told in markup
    assert re.findall(r'class="mark-name"[^>]*>([^<]*)', markup) == ["5 cm", "2 cm"]


def test_an_empty_prediction_is_reported_with_its_reason() -> None:
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    scores = evaluate(empty, tripod(), SURFACE)
    markup = mesh_evaluation_report("nothing", scores, empty, 0.1, {}).html()
    assert "nothing to score" in markup
    assert "no surface to show" in markup


def depth_scores(l1: float) -> DepthScores:
    values = {field.name: l1 for field in dataclasses.fields(DepthScores)}
    return DepthScores(**values)


def test_a_depth_evaluation_tells_every_row_and_gaps_where_a_row_has_none() -> None:
    ours, other = Row(HOSTILE), Row("bilinear", missing=Counter({"no prompt": 1}))
    for number in range(5):
        ours.frames[f"{number:03d}"] = depth_scores(0.01)
        if number != 2:
            other.frames[f"{number:03d}"] = depth_scores(0.04)
    result = DepthEvaluation("room", Counting(max_depth=10.0), [other, ours], 5, notes=[HOSTILE])
    markup = depth_evaluation_report(result).html()
    assert HOSTILE not in markup
    for told in ("0.0100", "0.0400", "from 000 to 004", "no prompt", "below 10"):
        assert told in markup
    curves = re.findall(r'class="curve s(\d)" d="([^"]*)"', markup)
    assert [(style, path.count("M")) for style, path in curves] == [("0", 2), ("1", 1)] * 2


def test_a_depth_evaluation_of_one_image_has_no_curves() -> None:
    row = Row("ours", {"000": depth_scores(float("nan"))})
    markup = depth_evaluation_report(DepthEvaluation("room", Counting(), [row], 1)).html()
    assert "curve s0" not in markup
    assert "unknown" in markup
