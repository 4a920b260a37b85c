"""Where pieces of furniture come from: the protocol, and the source that builds them from primitives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from train.synthetic import clutter
from train.synthetic.extent import extent
from train.synthetic.parts import shifted
from train.synthetic.pieces import (
    beds,
    lamps,
    openings,
    outdoors,
    people,
    plants,
    screens,
    seating,
    small,
    storage,
    tables,
    vehicles,
    washing,
)
from train.synthetic.scene import Object

Maker = Callable[[np.random.Generator], list[Object]]


@dataclass(frozen=True, eq=False)
class Piece:
    """Stands on y = 0, centred on the origin in x and z, its front towards +z."""

    objects: tuple[Object, ...]
    size: Float[np.ndarray, " 3"]  # whole sides of the box around it, metres
    kind: str


@runtime_checkable
class FurnitureSource(Protocol):
    def piece(self, rng: np.random.Generator, kind: str) -> Piece:
        """One piece of a kind named in ``MAKERS``."""
        ...


class Procedural:
    """Pieces built from primitives, every one different."""

    def piece(self, rng: np.random.Generator, kind: str) -> Piece:
        makers = MAKERS[kind]
        return settled(makers[int(rng.integers(len(makers)))](rng), kind)


def settled(objects: list[Object], kind: str) -> Piece:
    """A piece of these objects, moved to stand on the ground about the origin."""
    low, high = extent(objects)
    middle = (low + high) / 2
    return Piece(tuple(shifted(objects, (-middle[0], -low[1], -middle[2]))), high - low, kind)


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "chair": (seating.chair, seating.chair, seating.chair, seating.office_chair, seating.stool),
    "armchair": (seating.armchair,),
    "sofa": (seating.sofa,),
    "table": (tables.table,),
    "desk": (tables.desk,),
    "low table": (tables.low_table,),
    "bed": (beds.bed,),
    "shelf": (storage.shelf,),
    "cupboard": (storage.cupboard, storage.cupboard, storage.drawers),
    "lamp": (lamps.floor_lamp,),
    "table lamp": (lamps.table_lamp,),
    "ceiling lamp": (lamps.ceiling_lamp,),
    "plant": (plants.plant,),
    "screen": (screens.screen,),
    "workplace": (screens.workplace,),
    "small": small.SMALL,
    "door": (openings.door,),
    "window": (openings.window,),
    "curtain": (openings.curtains, openings.blinds),
    "picture": (openings.wall_picture,),
    "wall shelf": (storage.wall_shelf,),
    "socket": (openings.socket,),
    "radiator": (openings.radiator,),
    "kitchen": (washing.kitchen_unit, washing.kitchen_unit, washing.fridge, washing.washing_machine),
    "bathroom": (washing.basin, washing.toilet, washing.bathtub, washing.shower),
    "person": (people.person,),
    "bicycle": (vehicles.bicycle,),
    "vehicle": (vehicles.car, vehicles.car, vehicles.car, vehicles.van, vehicles.bicycle),
    "tree": (plants.tree,),
    "street": outdoors.STREET,
    "misc": (clutter.heap, *clutter.MISC),
}
