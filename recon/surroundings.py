"""What differs between a room that a phone scans and a street that a vehicle drives through."""

from dataclasses import dataclass

import numpy as np

from recon.captures.base import FrameTable
from recon.fusion.filters import EDGE_JUMP
from recon.prompts.from_sensor import MAX_DEPTH


@dataclass(frozen=True)
class Surroundings:
    """Choices that are made where the settings leave them open."""

    max_depth: float  # metres, beyond which nothing is fused
    prompt_depth: float  # metres, beyond which nothing prompts the network
    fused_confidence: int  # least of measured depth that is fused
    # A frame is a new view once the camera has moved or turned so far since the last one.
    view_metres: float
    view_radians: float
    view_frames: int  # at most, of which the sharpest stands for a view
    edge_jump: float  # neighbouring pixels that differ by more of their depth belong to two surfaces


# Phone LiDAR flattens beyond 5 m. At 2 m 6 cm shift the picture by about 3 % of its width, and each surface is still
# seen by dozens of frames.
ROOM = Surroundings(5.0, MAX_DEPTH, 2, 0.06, float(np.deg2rad(5.0)), 4, EDGE_JUMP)

# Vehicle LiDARs reach 80 to 100 m, with a few returns a square metre at 60. Their maps are completed between the
# beams, which counts as confidence 1. The road, seen from a car's height on 192 rows, reaches 10 % at 60 m.
STREET = Surroundings(60.0, 100.0, 1, 0.2, float(np.deg2rad(2.0)), 1, 0.1)


def surroundings(table: FrameTable) -> Surroundings:
    """Those of a capture, by what carried its cameras."""
    return STREET if table.on_vehicle else ROOM
