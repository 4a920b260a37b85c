"""Boxes that a data set draws around objects, one at a time, joined to the tracks of these objects."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from recon.captures.base import Problem
from recon.captures.drive import Track
from recon.captures.numbered import counted
from recon.geometry.trajectory import LONGEST_GAP, Trajectory

BRIDGED_SECONDS = 2 * LONGEST_GAP  # between two boxes; nuScenes draws one every half second, more or less


def box_tracks(
    objects: Sequence[str],
    times: Float[np.ndarray, " n"],
    T_world_box: Float[np.ndarray, "n 4 4"],
    sizes: Float[np.ndarray, "n 3"],
) -> tuple[tuple[Track, ...], tuple[Problem, ...]]:
    """A track for each object that has a usable box, as large as its largest, and what was left out.

    Args:
        objects: the object of each box.
        times: seconds.
        T_world_box: centres and axes; NaN where unknown.
        sizes: along the axes, metres.
    """
    usable = np.isfinite(times) & np.isfinite(T_world_box).all(axis=(1, 2))
    usable &= np.isfinite(sizes).all(axis=1) & (sizes > 0).all(axis=1)
    boxes: dict[str, list[int]] = {}
    for box in np.argsort(times, kind="stable").tolist():
        if usable[box]:
            boxes.setdefault(objects[box], []).append(box)
    tracks = []
    for rows in boxes.values():
        own = np.array(rows)
        own = own[np.diff(times[own], prepend=-np.inf) > 0]
        tracks.append(Track(_bridged(times[own], T_world_box[own]), sizes[own].max(axis=0)))
    unusable = [objects[box] for box in np.flatnonzero(~usable).tolist()]
    return tuple(tracks), counted("box without a place or size", unusable, "dropped")


def _bridged(times: Float[np.ndarray, " n"], T_world_box: Float[np.ndarray, "n 4 4"]) -> Trajectory:
    """With a pose halfway between two boxes, so that trajectories reach across gaps of up to a second."""
    if len(times) > 1:
        middles = 0.5 * (times[:-1] + times[1:])
        middles = middles[np.diff(times) <= BRIDGED_SECONDS]
        share = LONGEST_GAP / BRIDGED_SECONDS
        between = Trajectory(share * times, T_world_box).at(share * middles)  # by a slower clock no gap is too long
        order = np.argsort(times := np.concatenate([times, middles]))
        times, T_world_box = times[order], np.concatenate([T_world_box, between])[order]
    known = np.isfinite(T_world_box).all(axis=(1, 2)) & (np.diff(times, prepend=-np.inf) > 0)
    return Trajectory(times[known], T_world_box[known])
