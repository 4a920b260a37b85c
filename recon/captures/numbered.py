"""Files that belong to frames by the number in their names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int

from recon.captures.base import Problem


def numbered_files(names: Iterable[str], pattern: str) -> tuple[dict[int, str], tuple[Problem, ...]]:
    """Names that match ``pattern`` as a whole, by the number in its one group.

    Of several names with the same number (``1.jpg``, ``01.jpg``) the first is kept.
    """
    expression = re.compile(pattern)
    found: dict[int, str] = {}
    surplus = []
    for name in names:
        match = expression.fullmatch(name)
        if match is not None and found.setdefault(int(match.group(1)), name) != name:
            surplus.append(name)
    return found, counted("second file of the same frame number", surplus, "dropped")


def frames_with_files(
    poses: Iterable[int], images: Iterable[int], depths: Iterable[int]
) -> tuple[Int[np.ndarray, " n"], tuple[Problem, ...]]:
    """Numbers that have a pose and a file, in increasing order, with what is missing on either side."""
    posed, pictured = set(poses), set(images) | set(depths)
    index = sorted(posed & pictured)
    problems = (
        *counted("frame without a pose", sorted(pictured - posed), "dropped"),
        *counted("pose without colour and depth", sorted(posed - pictured), "noted"),
        *counted("depth file missing", sorted(set(index) - set(depths)), "noted"),
    )
    return np.array(index, np.int64), problems


def without_confidence(
    index: Int[np.ndarray, " n"], depths: Mapping[int, str], confidences: Mapping[int, str]
) -> tuple[Problem, ...]:
    """Depth files of these frames whose pixels cannot be told apart by how sure the sensor was."""
    names = [depths[number] for number in index.tolist() if number in depths and number not in confidences]
    return counted("depth without confidence", names, "noted")


def counted(
    what: str, offenders: Sequence[object], effect: Literal["dropped", "repaired", "noted"]
) -> tuple[Problem, ...]:
    """The problem that these files or frame numbers have in common; none if there are none."""
    if not len(offenders):
        return ()
    first = offenders[0]
    return (Problem(what, len(offenders), effect, first if isinstance(first, str) else f"frame {first}"),)
