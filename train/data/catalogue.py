"""The datasets by their names on the command line; a new one is a file and a line here."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from train.data.arkitscenes import ARKitScenesTraining
from train.data.base import Dataset
from train.data.captured import Captured
from train.data.hypersim import HyperSim
from train.data.scannetpp import ScanNetPlusPlusTraining
from train.data.shift import Shift
from train.data.synthetic import Synthetic
from train.data.triples import Triples

Open = Callable[[Path], Dataset]  # the dataset in a folder; ``UsageError`` names what is missing

DATASETS: tuple[tuple[str, Open], ...] = (
    ("triples", Triples),
    ("synthetic", Synthetic),  # rooms of our own, kept in the folder
    ("streets", partial(Synthetic, kind="street", width=960, height=576)),
    ("capture", Captured),  # anything that `recon` reads, with its own sensor as prompt
    ("hypersim", HyperSim),
    ("arkitscenes", ARKitScenesTraining),
    ("scannetpp", ScanNetPlusPlusTraining),
    ("scannetpp-laser", partial(ScanNetPlusPlusTraining, truth="laser")),
    ("scannetpp-pseudo", partial(ScanNetPlusPlusTraining, truth="pseudo")),
    ("shift", Shift),
    ("waymo", Captured),  # one segment of version 2, named behind the folder of all
)
