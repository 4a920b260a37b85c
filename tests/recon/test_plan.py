"""Whose depth a run gets."""

import dataclasses

import numpy as np
import pytest

from recon.captures.base import FrameTable
from recon.plan import decided
from recon.settings import Settings

PHONE = FrameTable(
    index=np.arange(3),
    timestamp=np.arange(3.0),
    T_world_camera=np.tile(np.eye(4), (3, 1, 1)),
    has_image=np.ones(3, bool),
    has_depth=np.ones(3, bool),
)
COLOURLESS = dataclasses.replace(PHONE, has_image=np.zeros(3, bool))
DRIVE = dataclasses.replace(PHONE, on_vehicle=True)


@pytest.mark.parametrize(
    ("table", "settings", "depth", "model"),
    [
        (PHONE, Settings(), "model", "lite"),
        (PHONE, Settings(model="vits"), "model", "vits"),
        (PHONE, Settings(depth="sensor"), "sensor", None),
        (PHONE, Settings(depth="sensor", model="vits"), "sensor", "vits"),
        (COLOURLESS, Settings(), "sensor", None),
        (DRIVE, Settings(), "sensor", None),
        (DRIVE, Settings(model="vits"), "model", "vits"),
        (DRIVE, Settings(depth="model"), "model", "lite"),
    ],
)
def test_a_phone_gets_the_network_and_a_drive_its_lidar_unless_told(
    table: FrameTable, settings: Settings, depth: str, model: str | None
) -> None:
    chosen = decided(settings, table)
    assert (chosen.depth, chosen.model) == (depth, model)
    assert decided(chosen, table) == chosen  # a run's own settings repeat it
