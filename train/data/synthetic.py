"""Made scenes as training data: drawn when they are first asked for and kept in a folder, or streamed from a GPU."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from recon.captures.images import decode_depth_png, decode_image
from train.sample import Sample
from train.synthetic.camera_effects import develop
from train.synthetic.captures import DEPTH, FARTHEST, IMAGE, picture_name, seed_of, write_intrinsics
from train.synthetic.production import Kind, Production, build_scene, make_scene
from train.synthetic.ray_caster import RayCaster
from train.synthetic.scene import Scene

SCENES = 10_000  # of the folder, when all have been drawn
VIEWS = 1  # of a scene: another one costs less than a second, and a view many


class Synthetic:
    """Pictures of ``SCENES`` rooms or streets, each drawn by whoever asks for it first.

    The folder holds triples in the end, and is taken up where it was left; nothing but torch is needed. On a CPU a
    picture of 640x480 takes the better part of a minute: where there is a GPU draw them beforehand (``recon synth``,
    read as triples), or take ``stream``.
    """

    def __init__(self, folder: Path, kind: Kind = "room", width: int = 640, height: int = 480, seed: int = 0) -> None:
        self.name = f"synthetic {kind}s"
        self._production = Production(folder, kind, views=VIEWS, width=width, height=height, seed=seed)
        folder.mkdir(parents=True, exist_ok=True)
        write_intrinsics(folder, self._production.camera)

    def __len__(self) -> int:
        return SCENES * VIEWS

    def sample(self, index: int) -> Sample:
        """See ``Dataset``."""
        number, row = divmod(index, VIEWS)
        make_scene(self._production, number, lambda: False)
        name = picture_name(f"scene_{number:05d}", row)
        image, depth = (
            self._production.folder / kind / f"{name}{end}" for kind, end in ((IMAGE, ".jpg"), (DEPTH, ".png"))
        )
        exact = decode_depth_png(depth.read_bytes(), str(depth), 0.001)
        return Sample(
            name, decode_image(image.read_bytes(), str(image)), exact, pseudo=exact, K=self._production.camera.K
        )


def stream(
    production: Production, batch_size: int, first_step: int = 0, workers: int = 0
) -> Iterator[tuple[Float[Tensor, "b 3 H W"], Float[Tensor, "b 1 H W"]]]:
    """Pictures (RGB in 0..1) and z-depth (metres, 0 = unknown) on the production's device, without end.

    A batch holds one view of each of ``batch_size`` scenes, which follow each other over ``production.views`` steps.
    What a step gives depends on the production's seed and the batch size alone; ``folder`` is not used.

    Args:
        production: what is drawn and where.
        batch_size: pictures of a step.
        first_step: where a resumed run goes on.
        workers: processes that furnish the scenes ahead; with 0 they are furnished when needed.
    """
    first_group, skipped = divmod(first_step, production.views)
    for group, scenes in _groups(production, batch_size, first_group, workers):
        drawn = [_draw(production, scene, group * batch_size + place) for place, scene in enumerate(scenes)]
        for view in range(skipped, production.views):
            yield torch.stack([image[view] for image, _ in drawn]), torch.stack([depth[view] for _, depth in drawn])
        skipped = 0


def _groups(production: Production, batch_size: int, first: int, workers: int) -> Iterator[tuple[int, list[Scene]]]:
    """The scenes of each group, in order."""
    if not workers:
        for group in count(first):
            yield group, [build_scene(production, group * batch_size + place) for place in range(batch_size)]
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _one_thread)
    ahead: dict[int, Future[Scene]] = {}
    try:
        for group in count(first):
            start, stop = group * batch_size, (group + 1) * batch_size
            for number in range(start, stop + 2 * workers):
                if number not in ahead:
                    ahead[number] = pool.submit(build_scene, production, number)
            yield group, [ahead.pop(number).result() for number in range(start, stop)]
    finally:
        pool.shutdown(cancel_futures=True)


def _draw(
    production: Production, scene: Scene, number: int
) -> tuple[Float[Tensor, "v 3 H W"], Float[Tensor, "v 1 H W"]]:
    generator = torch.Generator(production.device).manual_seed(seed_of(production.seed, 2, number))
    radiance, depth = RayCaster(scene, production.device).render_batch(scene.views, generator)
    return develop(radiance, generator), torch.where(depth <= FARTHEST, depth, 0)


def _one_thread() -> None:
    torch.set_num_threads(1)
