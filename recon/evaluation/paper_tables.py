"""The tables of Prompting Depth Anything (arXiv:2412.14015v4) as printed: the paper's numbers, none of ours."""

import csv
from dataclasses import dataclass
from pathlib import Path

TABLES = Path(__file__).with_name("paper_tables.csv")  # one number a line, with what is doubtful about it


@dataclass(frozen=True)
class PaperRow:
    """One row of a printed table."""

    table: int
    group: str  # as in "zero-shot"
    lidar: str  # how the LiDAR entered: in the network, aligned after, none
    method: str  # a star: fine-tuned by the paper's authors on the sets it is judged on
    scores: dict[str, float]  # by the names of ``DepthScores`` and ``MeshScores``
    notes: tuple[str, ...]  # of the numbers that cannot be right


def paper_rows(dataset: str, size: str = "") -> list[PaperRow]:
    """What the paper prints for a dataset at a size of the truth, as in "768x1024" (rows x columns), in its order."""
    found: dict[tuple[str, str, str, str], tuple[dict[str, float], dict[str, None]]] = {}
    with TABLES.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if (line["dataset"], line["size"]) != (dataset, size):
                continue
            key = (line["table"], line["group"], line["lidar"], line["method"])
            scores, notes = found.setdefault(key, ({}, {}))
            scores[line["metric"]] = float(line["value"])
            if line["note"]:
                notes[line["note"]] = None
    return [PaperRow(int(key[0]), *key[1:], scores, tuple(notes)) for key, (scores, notes) in found.items()]
