"""The simulations by name; a new one is a file and a line here."""

from train.simulation.anchors import PAPER
from train.simulation.mixed import Mixed
from train.simulation.naive import NaiveResize
from train.simulation.phone import Phone
from train.simulation.simulated import Simulation
from train.simulation.vehicle import Vehicle

SIMULATIONS: tuple[tuple[str, Simulation], ...] = (
    ("anchors", PAPER),  # the paper's sparse anchor interpolation
    ("naive", NaiveResize()),  # what the paper argues against
    ("phone", Phone()),  # an iPhone's depth with its faults, another phone for each picture
    ("mixed", Mixed()),  # one of these for each picture: what the network that ships is trained on
    ("vehicle", Vehicle()),  # 16, 32 or 64 beams turning on a roof
)


def simulation(name: str) -> Simulation:
    """The one of that name; raises ``ValueError`` naming all."""
    found = dict(SIMULATIONS).get(name)
    if found is None:
        raise ValueError(f"no simulation is called {name!r}; there are {', '.join(dict(SIMULATIONS))}")
    return found
