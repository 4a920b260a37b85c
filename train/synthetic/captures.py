"""What is written of a made scene: training triples, or a whole capture with its true mesh."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt16

from recon.atomic import replacing, write_bytes
from recon.captures.writers.stray_scanner import WrittenFrame, write_stray_scanner
from recon.errors import UsageError
from recon.geometry.camera import Camera
from train.simulation.device import draw_devices
from train.simulation.phone import Phone
from train.synthetic.camera_effects import exposed, jpeg
from train.synthetic.scene import Rendered, Scene, View
from train.synthetic.triangulation import triangulate_scene

IMAGE, DEPTH, INTRINSICS = "image", "depth", "intrinsics.json"
FARTHEST = 65.535  # metres; what 16 bits of millimetres hold, and beyond which depth is written as unknown
FPS = 5  # of captures: the views of a walk are a step or two apart


@runtime_checkable  # for the shape checks of the test run
class Renderer(Protocol):
    """A scene ready to be drawn: ``RayCaster`` and ``Photoreal`` are."""

    def render(self, view: View, seed: int) -> Rendered:
        """The same seed gives the same picture."""
        ...


@runtime_checkable
class Stop(Protocol):
    """Asked between pictures whether to stop."""

    def __call__(self) -> bool: ...


class Stopped(Exception):
    """Nobody wants the rest."""


def seed_of(*words: int) -> int:
    """An independent seed for each tuple of numbers, of 31 bits, as renderers take."""
    return int(np.random.SeedSequence(words).generate_state(1)[0] >> 1)


def picture_name(scene: str, row: int) -> str:
    return f"{scene}_{row:03d}"


def missing_triples(folder: Path, scene: str, views: int) -> list[int]:
    """The views of which not both files are there."""
    return [row for row in range(views) if not all(path.exists() for path in _pair(folder, picture_name(scene, row)))]


def write_triple(folder: Path, name: str, rendered: Rendered, rng: np.random.Generator) -> None:
    """``image/NAME.jpg`` and ``depth/NAME.png``: 16 bit, millimetres, 0 = unknown or beyond ``FARTHEST``.

    Each file is whole or not there, the picture last, as what tells that the view is done.
    """
    image_path, depth_path = _pair(folder, name)
    for path in (image_path, depth_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(depth_path) as temporary:
        if not cv2.imwrite(str(temporary), in_millimetres(rendered.depth)):
            raise OSError(f"{depth_path}: could not be written")
    write_bytes(image_path, jpeg(exposed(rendered.radiance, rng), rng))


def in_millimetres(depth: Float[np.ndarray, "H W"]) -> UInt16[np.ndarray, "H W"]:
    return np.rint(np.where(depth <= FARTHEST, depth, 0).astype(np.float64) * 1000).astype(np.uint16)


def write_intrinsics(folder: Path, camera: Camera) -> None:
    """``intrinsics.json``, which holds for every picture of the folder; ``UsageError`` where another is there."""
    values = {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    path = folder / INTRINSICS
    if path.exists():
        try:
            there = json.loads(path.read_text("utf-8"))
        except ValueError:
            there = None
        if there != values:
            raise UsageError(
                f"{path}: pictures of another camera are there, by another --size or --seed; choose another folder"
            )
        return
    write_bytes(path, (json.dumps(values, indent=2) + "\n").encode())


def write_capture(path: Path, scene: Scene, renderer: Renderer, seed: int, stop: Stop) -> None:
    """A Stray Scanner zip at ``path`` with simulated phone depth, and beside it the whole scene's surface as .ply."""
    _write_mesh(path.with_suffix(".ply"), scene)
    write_stray_scanner(path, _frames(scene, renderer, seed, stop), FPS)


def _pair(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / IMAGE / f"{name}.jpg", folder / DEPTH / f"{name}.png"


def _frames(scene: Scene, renderer: Renderer, seed: int, stop: Stop) -> Iterator[WrittenFrame]:
    """One phone all along."""
    generator = torch.Generator().manual_seed(seed_of(seed, 0))
    phone, device = Phone(), draw_devices(1, generator)
    for row, view in enumerate(scene.views):
        if stop():
            raise Stopped
        rendered = renderer.render(view, seed_of(seed, 1, row))
        image = exposed(rendered.radiance, np.random.default_rng((seed, 2, row)))
        true = torch.from_numpy(np.where(rendered.depth <= FARTHEST, rendered.depth, 0))[None, None]
        seen = phone.measure(torch.from_numpy(image).permute(2, 0, 1)[None] / 255, true, device, generator)
        yield WrittenFrame(
            T_world_camera=view.T_world_camera,
            camera=view.camera,
            image=image,
            depth=seen.depth[0, 0].numpy(),
            confidence=seen.confidence[0, 0].numpy(),
        )


def _write_mesh(path: Path, scene: Scene) -> None:
    import trimesh  # a second to import, for captures only

    mesh = triangulate_scene(scene)
    with replacing(path) as temporary:
        trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False).export(temporary)
