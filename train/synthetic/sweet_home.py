"""Furniture, plants, people and vehicles from Sweet Home 3D's model libraries, in new materials."""

import re
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from recon.errors import UsageError
from train.synthetic import materials, textures
from train.synthetic.furniture import FurnitureSource, Piece, settled
from train.synthetic.furniture_kinds import kind_of
from train.synthetic.scene import Material, Object, TriangleMesh
from train.synthetic.sh3f import Entry, Part, catalogue, parts

FOLDER = Path("/usr/share/sweethome3d/furniture")  # of Debian's package sweethome3d-furniture
MOST_FACES = 60_000  # of a model; more slow a scene down without being seen
SHARE = 0.8  # of the pieces of a kind that come from the libraries; the rest are built, every one different
FEW = 5  # models of a kind, with which one would be seen too often: then half of ``SHARE``
LIVING = ("person", "plant", "tree", "vehicle")  # keep their colours

Draw = Callable[[np.random.Generator], Material]
BY_NAME: tuple[tuple[str, Draw], ...] = (
    (r"mirror|miroir", materials.mirror),
    (r"glass|vitre|verre|windshield|screen|display", materials.glazed),
    (r"wood|oak|teak|bois|pine|parquet|cabinet|desk", materials.wood),
    (r"chrome|steel|alum|metal|iron|brass|silver|gold|handle|screw|inox", materials.metal),
    (r"leather|cuir|skai", materials.leather),
    (r"fabric|cloth|pillow|couch|mattress|cushion|cotton|sofa|seat|textile|tissu|coussin|blanket", materials.fabric),
    (r"ceramic|porcel|sink", materials.ceramic),
    (r"plast|rubber|button", materials.plastic),
    (r"leaf|leaves|stem|branch|feuil", materials.leaf),
)
BY_KIND: dict[str, tuple[Draw, ...]] = {
    "sofa": (materials.fabric, materials.fabric, materials.leather),
    "armchair": (materials.fabric, materials.fabric, materials.leather),
    "bed": (materials.fabric, materials.fabric, materials.wood),
    "chair": (materials.wood, materials.plastic, materials.fabric, materials.metal, materials.leather),
    "kitchen": (materials.lacquer, materials.lacquer, materials.wood, materials.metal),
    "bathroom": (materials.ceramic,),
}
ANY: tuple[Draw, ...] = (materials.wood, materials.wood, materials.lacquer, materials.plastic, materials.metal)


class SweetHome:
    """Pieces from the libraries of a folder; what they lack comes from another source."""

    def __init__(self, others: FurnitureSource, folder: Path = FOLDER) -> None:
        libraries = sorted(folder.glob("*.sh3f"))
        if not libraries:
            raise UsageError(
                f"{folder}: no .sh3f furniture libraries inside; install them "
                "(Debian: apt-get install sweethome3d-furniture), or leave furniture to the primitives"
            )
        self._others = others
        self._entries: dict[str, list[Entry]] = defaultdict(list)
        for library in libraries:
            for entry in catalogue(library):
                kind = kind_of(entry)
                if kind is not None:
                    self._entries[kind].append(entry)

    def piece(self, rng: np.random.Generator, kind: str) -> Piece:
        """One piece of the kind, of about its true size."""
        entries = self._entries.get(kind, [])
        share = SHARE if len(entries) >= FEW and kind != "shelf" else SHARE / 2  # theirs stand empty
        if not entries or rng.uniform() > share:
            return self._others.piece(rng, kind)
        model = _model(entries[int(rng.integers(len(entries)))])
        if sum(len(part.triangles) for part in model) > MOST_FACES:
            return self._others.piece(rng, kind)
        stretch = rng.uniform(0.94, 1.06) * (1 if kind in LIVING else rng.uniform(0.95, 1.05, 3))
        T_piece_model = np.diag([*np.broadcast_to(stretch, 3), 1.0])
        return settled([_object(rng, part, kind, T_piece_model) for part in model], kind)


@lru_cache(maxsize=256)
def _model(entry: Entry) -> tuple[Part, ...]:
    """Read once: reading takes ten times as long as the rest of a piece."""
    return tuple(parts(entry))


def _object(rng: np.random.Generator, part: Part, kind: str, T_piece_model: np.ndarray) -> Object:
    if part.texture is not None:
        material, uv = _tinted(rng, part.texture, 0.15 if kind in LIVING else 0.5), part.uv
    else:
        material, uv = _dressed(rng, part, kind), None
    return Object(TriangleMesh(part.vertices, part.triangles, uv), material, T_piece_model)


def _dressed(rng: np.random.Generator, part: Part, kind: str) -> Material:
    """A surface for a part that has but a colour: mostly another, drawn by what the part is called."""
    colour = part.colour / 255
    if kind in LIVING:
        texture = textures.mottled(rng, np.clip(colour, 0.03, 0.9), float(rng.uniform(0.05, 0.25)))
        return Material(texture, tile_size=0.3, gloss=0.03, roughness=0.4)
    if rng.uniform() < 0.3:
        return Material(textures.plain(rng, np.clip(colour, 0.03, 0.92)), gloss=0.03, roughness=0.4)
    for words, draw in BY_NAME:
        if re.search(words, part.name.lower()):
            return draw(rng)
    draws = BY_KIND.get(kind, ANY)
    return draws[int(rng.integers(len(draws)))](rng)


def _tinted(rng: np.random.Generator, texture: np.ndarray, likelihood: float) -> Material:
    """The model's own picture, at times in another shade."""
    if rng.uniform() < likelihood:
        tint = rng.uniform(0.6, 1.2) * (1 + 0.12 * rng.normal(size=3))
        texture = np.clip(texture * tint.astype(np.float32), 0, 255).astype(np.uint8)
    gloss = float(rng.uniform(0.02, 0.06)) if rng.uniform() < 0.5 else 0.0
    return Material(texture, gloss=gloss, roughness=float(rng.uniform(0.2, 0.6)))
