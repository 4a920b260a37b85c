"""Many made scenes, in parallel processes: the same ones from the same seed, however many at once."""

import json
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Literal

import numpy as np

from recon.atomic import write_bytes
from recon.errors import UsageError
from recon.geometry.camera import Camera
from train.synthetic import captures
from train.synthetic.captures import Renderer, Stop, seed_of
from train.synthetic.furniture import FurnitureSource, Procedural
from train.synthetic.rooms import room
from train.synthetic.scene import Scene
from train.synthetic.streets import street
from train.synthetic.sweet_home import SweetHome

Kind = Literal["room", "street"]
Form = Literal["triples", "captures"]
Engine = Literal["torch", "mitsuba"]

FOCAL_SHARE = (0.68, 0.85)  # of the picture's width; 0.79 is an iPhone's wide camera
LARGEST_SIDE = 4096  # pixels
PRODUCTION = "production.json"  # what the folder holds
SCENES_A_PROCESS = 100  # then a fresh one takes over, whatever a renderer keeps to itself


@dataclass(frozen=True)
class Production:
    """What is made. Scene i depends on all of it but ``folder``, ``device`` and ``furniture``'s place."""

    folder: Path
    kind: Kind = "room"
    form: Form = "triples"
    engine: Engine = "torch"
    views: int = 8
    width: int = 640
    height: int = 480
    seed: int = 0
    furniture: Path | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not (16 <= self.width <= LARGEST_SIDE and 16 <= self.height <= LARGEST_SIDE):
            raise UsageError(f"size is {self.width}x{self.height}; both sides must be 16 to {LARGEST_SIDE} pixels")
        if self.form == "captures" and (self.width % 2 or self.height % 2):
            raise UsageError(f"size is {self.width}x{self.height}; the video of a capture needs even sides")
        if self.furniture is not None and not self.furniture.exists():
            raise UsageError(f"{self.furniture}: no such folder of furniture")

    @property
    def camera(self) -> Camera:
        """One for all scenes, another for each seed."""
        share = np.random.default_rng((self.seed, 0)).uniform(*FOCAL_SHARE)
        focal = float(np.round(share * self.width, 2))
        return Camera.from_focal(self.width, self.height, focal, focal, (self.width - 1) / 2, (self.height - 1) / 2)


@dataclass(frozen=True)
class Made:
    """What came of one scene."""

    scene: int
    rendered: int  # pictures
    kept: int  # pictures that were there before


def require_renderer(production: Production) -> None:
    """``UsageError`` where what renders is not installed, before any work."""
    if production.engine == "mitsuba":
        from train.synthetic.photoreal import load_mitsuba

        load_mitsuba()


def make_scenes(production: Production, scenes: range, workers: int) -> Iterator[Made]:
    """Makes what is missing of these scenes, and tells of each as it is done, in any order.

    With several workers the caller's module must be safe to import, as ``multiprocessing`` asks.
    """
    production.folder.mkdir(parents=True, exist_ok=True)
    _claim(production)
    if production.form == "triples":
        captures.write_intrinsics(production.folder, production.camera)
    if workers == 1:
        for number in scenes:
            yield make_scene(production, number, lambda: False)
        return
    spawn = multiprocessing.get_context("spawn")  # forks of a process with threads may hang
    stopped = spawn.Event()
    with ProcessPoolExecutor(workers, spawn, _start_worker, (stopped,), max_tasks_per_child=SCENES_A_PROCESS) as pool:
        try:
            for done in as_completed([pool.submit(_make_in_worker, production, number) for number in scenes]):
                yield done.result()
        finally:  # where the caller has had enough: at most one more picture each
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _claim(production: Production) -> None:
    """Writes down what the folder holds; ``UsageError`` where it holds something else."""
    kept = ("kind", "form", "engine", "width", "height", "seed")
    values = {name: getattr(production, name) for name in kept}
    values["furniture"] = None if production.furniture is None else production.furniture.name
    path = production.folder / PRODUCTION
    if not path.exists():
        write_bytes(path, (json.dumps(values, indent=2) + "\n").encode())
        return
    try:
        there = dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: not readable ({error}); choose another folder") from error
    if other := [name for name in values if there.get(name) != values[name]]:
        told = ", ".join(f"{name} {there.get(name)} there, {values[name]} here" for name in other)
        raise UsageError(f"{path}: other scenes are there ({told}); choose another folder")


def make_scene(production: Production, number: int, stop: Stop) -> Made:
    """Makes one scene, or what is missing of it; ``stop`` is asked between pictures."""
    name = f"scene_{number:05d}"
    if production.form == "captures":
        path = production.folder / f"{name}.zip"
        if path.exists():
            return Made(number, 0, production.views)
        scene = build_scene(production, number)
        seed = seed_of(production.seed, 2, number)
        captures.write_capture(path, scene, _renderer(production, scene), seed, stop)
        return Made(number, len(scene.views), 0)
    missing = captures.missing_triples(production.folder, name, production.views)
    if missing:
        scene = build_scene(production, number)
        renderer = _renderer(production, scene)
        for row in missing:
            if stop():
                raise captures.Stopped
            rendered = renderer.render(scene.views[row], seed_of(production.seed, 2, number, row))
            rng = np.random.default_rng((production.seed, 3, number, row))
            captures.write_triple(production.folder, captures.picture_name(name, row), rendered, rng)
    return Made(number, len(missing), production.views - len(missing))


def build_scene(production: Production, number: int) -> Scene:
    """Scene ``number`` of this seed."""
    rng = np.random.default_rng((production.seed, 1, number))
    make = {"room": room, "street": street}[production.kind]
    scene = make(rng, _furniture(production.furniture), production.camera, production.views)
    return replace(scene, name=f"scene_{number:05d}")


@lru_cache(maxsize=1)
def _furniture(libraries: Path | None) -> FurnitureSource:
    return Procedural() if libraries is None else SweetHome(Procedural(), libraries)


def _renderer(production: Production, scene: Scene) -> Renderer:
    if production.engine == "mitsuba":
        from train.synthetic.photoreal import Photoreal

        return Photoreal(scene)
    from train.synthetic.ray_caster import RayCaster

    return RayCaster(scene, production.device)


_stopped: Event  # of a worker process


def _start_worker(stopped: Event) -> None:
    """Leaves interrupts to the parent, and the other cores to the other workers."""
    import torch

    global _stopped
    _stopped = stopped
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _make_in_worker(production: Production, number: int) -> Made:
    return make_scene(production, number, _stopped.is_set)
