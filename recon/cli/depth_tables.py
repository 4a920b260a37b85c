"""What ``recon eval-depth`` puts out: its table, JSON, CSV files and pictures."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import cv2
from rich.text import Text

from recon import atomic
from recon.cli import console
from recon.evaluation.arkitscenes import FACTOR, SIZES
from recon.evaluation.depth_methods import Outcome
from recon.evaluation.depth_pictures import side_by_side
from recon.evaluation.depth_samples import DepthSample
from recon.evaluation.depth_scores import METRICS, Counting
from recon.evaluation.evaluate_depth import DepthEvaluation
from recon.evaluation.paper_tables import PaperRow, paper_rows
from recon.report.html import Picture

HEADS = {
    "l1": "L1 m", "rmse": "RMSE m", "abs_rel": "AbsRel", "d05": "d0.5", "d1": "d1", "d2": "d2", "d3": "d3",
    "silog": "SILog", "edge_f_score": "edge F", "unknown": "unknown",
}  # fmt: skip
PAPER = "paper"


def paper_rows_for(dataset: str | None, factor: int | None) -> list[PaperRow]:
    """What the paper prints for just this data; none for other data."""
    if dataset is None:
        return []
    if dataset != "arkitscenes":
        return paper_rows(dataset)
    (height, width), _ = SIZES[FACTOR if factor is None else factor]
    return paper_rows(dataset, f"{height}x{width}")


def summary(result: DepthEvaluation, printed: list[PaperRow]) -> dict[str, Any]:
    """Plain values: means over images of each row in metres and shares, and the paper's rows apart from them."""
    return {
        "dataset": result.dataset,
        "samples": result.samples,
        "skipped": dict(result.skipped),
        "counting": vars(result.counting),
        "rows": [
            {"row": row.name, "images": len(row.frames), **row.mean.as_json(), "missing": dict(row.missing)}
            for row in result.rows
        ],
        "paper": [
            {"table": row.table, "group": row.group, "lidar": row.lidar, "row": row.method, **row.scores}
            for row in printed
        ],
        "notes": [
            *result.notes,
            *(f"the paper's {row.method}, LiDAR {row.lidar}: {note}" for row in printed for note in row.notes),
        ],
    }


def print_scores(values: dict[str, Any]) -> None:
    """The table for a person, on standard output; never cut, however narrow the terminal."""
    counting = values["counting"]
    limit = "" if counting["max_depth"] is None else f", below {counting['max_depth']:g} m"
    rule = "count as depth 0" if counting["unknown_is_zero"] else "are left out of the means"
    title = (
        f"{values['dataset']}: mean over images; truth above {counting['min_depth']:g} m{limit}; unknown pixels {rule}"
    )
    cells = [["", "images", *HEADS.values()]]
    for row in values["rows"]:
        cells.append([row["row"], str(row["images"]), *(_cell(row, metric) for metric in METRICS)])
    for row in values["paper"]:
        name = f"{PAPER}, table {row['table']}: {row['row']} ({row['group']}; LiDAR {row['lidar']})"
        cells.append([name, "-", *(_cell(row, metric) for metric in METRICS)])
    console.out.print(title, soft_wrap=True, markup=False)
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    for line, (name, *numbers) in enumerate(cells):
        aligned = (number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))
        text = Text("  ".join([name.ljust(widths[0]), *aligned]), "bold" if line == 0 else "")
        console.out.print(text, soft_wrap=True)
    for reason, count in values["skipped"].items():
        console.out.print(f"skipped: {count} of {values['samples']}: {reason}", soft_wrap=True, markup=False)
    for row in values["rows"]:
        for reason, count in row["missing"].items():
            console.out.print(f"missing: {row['row']}: {count}: {reason}", soft_wrap=True, markup=False)
    for note in values["notes"]:
        console.out.print(f"note: {note}", soft_wrap=True, markup=False)


def write_csv(path: Path, values: dict[str, Any]) -> None:
    """A line a row, the paper's marked as such."""
    lines = [{"source": "measured", **row} for row in values["rows"]]
    lines += [{"source": f"{PAPER}, table {row['table']}", **row} for row in values["paper"]]
    _write(path, ["source", "row", "group", "lidar", "images", *METRICS], lines)


def write_frames_csv(path: Path, result: DepthEvaluation) -> None:
    """A line a row and image."""
    lines = [
        {"row": row.name, "image": name, **scores.as_json()}
        for row in result.rows
        for name, scores in row.frames.items()
    ]
    _write(path, ["row", "image", *METRICS], lines)


class Pictures:
    """Of each of the first samples it is shown, one to write into a folder and one to keep for the report."""

    def __init__(self, count: int, counting: Counting, folder: Path | None, for_report: bool) -> None:
        if folder is not None:
            atomic.make_folder(folder)
        self.kept: list[Picture] = []
        self._left = count if folder is not None or for_report else 0
        self._counting = counting
        self._folder = folder
        self._for_report = for_report

    def __call__(self, sample: DepthSample, outcomes: dict[str, Outcome]) -> None:
        if not self._left:
            return
        self._left -= 1
        pixels = side_by_side(sample, outcomes, self._counting)
        if self._for_report:
            self.kept.append(Picture(pixels, f"image {sample.name}"))
        if self._folder is not None:
            name = re.sub(r"[^\w.-]", "_", sample.name)
            png = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
            atomic.write_bytes(self._folder / f"{name}.png", png)


def _write(path: Path, columns: list[str], lines: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    atomic.write_bytes(path, text.getvalue().encode("utf-8", "backslashreplace"))


def _cell(row: dict[str, Any], metric: str) -> str:
    value = row.get(metric)
    if value is None:
        return "-"
    return f"{value:.2f}" if metric == "silog" else f"{value:.4f}"
