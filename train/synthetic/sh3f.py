"""Furniture libraries of Sweet Home 3D (.sh3f): a catalogue of true sizes and OBJ models in one zip."""

import io
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from recon.errors import UsageError

CATALOGUE = "PluginFurnitureCatalog.properties"
LARGEST_FILE = 64_000_000  # bytes of one file inside; the largest model known has 30 MB
LARGEST_PICTURE = 4096  # pixels a side
TEXTURE_SIDE = 512  # pixels that are kept of a texture's longer side
LARGEST_SIZE = 30.0  # metres; a truck with its trailer has 21


@dataclass(frozen=True)
class Entry:
    """One model of a catalogue, in metres, with y up and its front towards +z."""

    library: Path
    model: str  # its file's path inside the library
    name: str
    category: str
    creator: str
    width: float
    height: float
    depth: float
    elevation: float  # of its lowest point above the floor
    rotation: tuple[float, ...]  # of the file's axes, row by row


@dataclass(frozen=True, eq=False)
class Part:
    """The triangles of one material."""

    vertices: Float[np.ndarray, "n 3"]  # metres; the model stands on y = 0, centred in x and z
    triangles: Int[np.ndarray, "m 3"]
    uv: Float[np.ndarray, "n 2"] | None
    name: str  # of the material
    colour: UInt8[np.ndarray, " 3"]
    texture: UInt8[np.ndarray, "h w 3"] | None


def catalogue(library: Path) -> list[Entry]:
    """The models that a library lists; entries without a usable size are left out."""
    with _opened(library) as archive:
        text = _read(archive, CATALOGUE).decode("latin-1")
    fields: dict[int, dict[str, str]] = defaultdict(dict)
    for key, index, value in re.findall(r"^(\w+)#(\d{1,6})=(.*)$", text, flags=re.MULTILINE):
        fields[int(index)][key] = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), value.strip())
    entries = (_entry(library, each) for _, each in sorted(fields.items()))
    return [entry for entry in entries if entry is not None]


def parts(entry: Entry) -> list[Part]:
    """The model's triangles, scaled to its size."""
    import trimesh

    with _opened(entry.library) as archive:
        resolver = _model_folder(archive, entry.model)
        source = io.BytesIO(_read(archive, entry.model))
        try:
            loaded = trimesh.load(source, file_type="obj", resolver=resolver, force="scene", process=False)
        except (ValueError, IndexError, KeyError) as error:
            raise UsageError(f"{entry.library}: {entry.model} is no readable OBJ model ({error})") from error
    meshes = [mesh for mesh in loaded.dump() if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces)]
    if not meshes:
        raise UsageError(f"{entry.library}: {entry.model} holds no triangles")
    fit = _fit(entry, [np.asarray(mesh.vertices) for mesh in meshes])
    return [_part(mesh, vertices) for mesh, vertices in zip(meshes, fit, strict=True)]


def _entry(library: Path, fields: dict[str, str]) -> Entry | None:
    try:
        width, height, depth = (float(fields[key]) / 100 for key in ("width", "height", "depth"))
        elevation = float(fields.get("elevation", "0")) / 100
        rotation = tuple(float(v) for v in fields.get("modelRotation", "1 0 0 0 1 0 0 0 1").split())
        name, category, model = fields["name"], fields["category"], fields["model"].lstrip("/")
    except (KeyError, ValueError):
        return None
    usable = all(0 < v < LARGEST_SIZE for v in (width, height, depth)) and 0 <= elevation < LARGEST_SIZE
    if not usable or len(rotation) != 9 or not model.endswith(".obj") or not np.isfinite(rotation).all():
        return None
    creator = fields.get("creator", "")
    return Entry(library, model, name, category, creator, width, height, depth, elevation, rotation)


def _opened(library: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(library)
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{library}: no readable furniture library ({error}); give .sh3f files") from error


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        size = archive.getinfo(name).file_size
        if size > LARGEST_FILE:
            raise UsageError(f"{archive.filename}: {name} has {size} bytes; at most {LARGEST_FILE} are read")
        return archive.read(name)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{archive.filename}: {name} cannot be read ({error})") from error


def _model_folder(archive: zipfile.ZipFile, model: str) -> Any:
    """What trimesh asks for a model's materials and pictures: files of the model's own folder only."""
    from trimesh.resolvers import Resolver

    folder = PurePosixPath(model).parent

    class ModelFolder(Resolver):  # type: ignore[misc]  # trimesh has no types and takes nothing but its own class
        def __init__(self) -> None:
            pass

        def get(self, name: str) -> bytes:
            return _read(archive, str(folder / PurePosixPath(name.strip().replace("\\", "/")).name))

        def keys(self) -> list[str]:
            return archive.namelist()

        def write(self, name: str, data: bytes) -> None:
            raise PermissionError(f"{archive.filename} is only read")

        def namespaced(self, namespace: str) -> "ModelFolder":
            return self

    return ModelFolder()


def _fit(entry: Entry, vertices: list[np.ndarray]) -> list[np.ndarray]:
    """Turned, moved and stretched into the box of the entry's size."""
    turned = [each @ np.reshape(entry.rotation, (3, 3)).T for each in vertices]
    low = np.min([each.min(axis=0) for each in turned], axis=0)
    extent = np.max([each.max(axis=0) for each in turned], axis=0) - low
    size = np.array([entry.width, entry.height, entry.depth])
    scale = size / np.where(extent > 0, extent, 1.0)
    base = low + extent * [0.5, 0, 0.5]
    return [((each - base) * scale).astype(np.float32) for each in turned]


def _part(mesh: Any, vertices: Float[np.ndarray, "n 3"]) -> Part:
    material = getattr(mesh.visual, "material", None)
    uv = getattr(mesh.visual, "uv", None)
    image = getattr(material, "image", None)
    texture = _texture(image) if image is not None and uv is not None and len(uv) == len(vertices) else None
    diffuse = np.asarray(getattr(material, "diffuse", (153, 153, 153)), float)[:3]
    return Part(
        vertices=vertices,
        triangles=np.asarray(mesh.faces, np.int32),
        uv=None if texture is None else np.nan_to_num(np.asarray(uv, np.float32)),
        name=str(getattr(material, "name", "") or ""),
        colour=np.clip(diffuse, 0, 255).astype(np.uint8),
        texture=texture,
    )


def _texture(image: Any) -> UInt8[np.ndarray, "h w 3"] | None:
    """The picture, with its mean colour where it is transparent; None if it is too large."""
    if max(image.size) > LARGEST_PICTURE:
        return None
    image.thumbnail((TEXTURE_SIDE, TEXTURE_SIDE))
    pixels = np.array(image.convert("RGBA"))
    seen = pixels[..., 3] >= 128
    colours = pixels[..., :3].copy()
    if seen.any() and not seen.all():
        colours[~seen] = colours[seen].mean(axis=0)
    return colours
