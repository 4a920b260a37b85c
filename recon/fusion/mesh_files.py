"""Meshes as files: PLY, OBJ, glTF binary, STL and OFF."""

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recon.atomic import replacing
from recon.captures.base import Up
from recon.errors import MeshError, UsageError
from recon.fusion.mesh import Mesh

if TYPE_CHECKING:
    import trimesh

EXTENSIONS = (".ply", ".obj", ".glb", ".stl", ".off")
HEAD_BYTES = 64 << 10  # in which a header ends, and text of a shape has begun
FLOAT32_LOSS = 1e-4  # metres; a format of 4-byte floats gets no coordinate that it would move further
T_GLTF_WORLD = {  # glTF is y up
    "z": np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]),
    "-y": np.diag([1.0, -1.0, -1.0, 1.0]),
}


def check_mesh_path(path: Path) -> None:
    """Raises ``UsageError`` if no mesh could be written there; for use before any work starts."""
    if path.suffix.lower() not in EXTENSIONS:
        known = " ".join(EXTENSIONS)
        raise UsageError(f"{path}: meshes are written as {known}, not as {path.suffix or 'a name without extension'}")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give the name of a file")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):  # permissions alone do not tell, of root or of a read-only disk
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{path}: nothing can be written into {folder} ({reason}); choose another folder") from error


def write_mesh(mesh: Mesh, path: Path, up: Up = "unknown") -> None:
    """Writes the mesh under a temporary name beside ``path``, then renames it.

    World axes are kept; only glTF, which fixes its own, is turned if the world is z-up. Coordinates too large
    for 4-byte floats are kept exact: PLY, OBJ and OFF hold them in full, STL turns to its text form, glTF holds
    the mesh around its centre and the centre in a node.
    """
    check_mesh_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    with replacing(path) as temporary:
        if suffix == ".ply":
            _write_ply(mesh, temporary)
        elif suffix == ".off":
            _write_off(mesh, temporary)
        elif suffix == ".glb":
            _write_glb(mesh, temporary, up)
        elif suffix == ".stl":
            _to_trimesh(mesh).export(temporary, file_type="stl" if _fits_float32(mesh) else "stl_ascii")
        else:
            _to_trimesh(mesh).export(temporary, file_type="obj", include_normals=mesh.normals is not None)


def read_mesh(path: Path) -> Mesh:
    """The mesh in a file, as ``read_shape`` reads it.

    Raises:
        MeshError: the file cannot be read or holds no triangles.
    """
    mesh = read_shape(path)
    if not len(mesh.triangles):
        raise MeshError(f"{path}: holds no triangles; give a mesh, not a point cloud")
    return mesh


def read_shape(path: Path) -> Mesh:
    """The mesh, or the points without triangles, or the nothing, that a file holds.

    glTF comes in its own y-up axes, STL with its triangles joined at equal corners. Normals are not read, they
    follow from the triangles (``vertex_normals``); nor are colours of OFF and of points.

    Raises:
        MeshError: the file cannot be read, or its triangles refer to vertices that it lacks.
    """
    import trimesh

    if path.suffix.lower() not in EXTENSIONS:
        raise MeshError(f"{path}: not a file of a shape that is known here; give a {' '.join(EXTENSIONS)} file")
    try:
        loaded = trimesh.load(path, process=False, maintain_order=True)
        if isinstance(loaded, trimesh.Scene):
            parts = loaded.dump() if loaded.geometry else []
            solid = [part for part in parts if isinstance(part, trimesh.Trimesh)]
            loaded = trimesh.util.concatenate(solid or parts) if parts else trimesh.PointCloud(np.zeros((0, 3)))
    except (
        ValueError, OSError, KeyError, IndexError, TypeError, AttributeError, NotImplementedError, MemoryError,
    ) as error:  # fmt: skip
        raise MeshError(f"{path}: cannot be read as a mesh ({error}); give a {' '.join(EXTENSIONS)} file") from error
    vertices = np.array(loaded.vertices, np.float64).reshape(-1, 3)
    _require_as_told(path, len(vertices))
    if not isinstance(loaded, trimesh.Trimesh):
        return Mesh(vertices, np.zeros((0, 3), np.int32))
    triangles = np.asarray(loaded.faces).reshape(-1, 3)
    if len(triangles) and not (triangles.min() >= 0 and triangles.max() < len(vertices)):
        wrong = triangles.min() if triangles.min() < 0 else triangles.max()
        raise MeshError(f"{path}: a triangle has the vertex {wrong}, but there are {len(vertices)}; write it again")
    if path.suffix.lower() == ".stl":
        loaded.merge_vertices()
        vertices = np.array(loaded.vertices, np.float64)
    colored = loaded.visual.kind == "vertex"
    return Mesh(
        vertices=vertices,
        triangles=np.array(loaded.faces, np.int32).reshape(-1, 3),
        colors=np.array(loaded.visual.vertex_colors[:, :3], np.uint8) if colored else None,
    )


def _fits_float32(mesh: Mesh) -> bool:
    spacing = np.spacing(np.abs(mesh.vertices).max(initial=0.0).astype(np.float32))
    return bool(spacing / 2 <= FLOAT32_LOSS)


def _write_ply(mesh: Mesh, path: Path) -> None:
    """Binary PLY; written here because trimesh keeps only 4-byte coordinates and Open3D only 8-byte everything."""
    coordinate = ("float", "<f4") if _fits_float32(mesh) else ("double", "<f8")
    columns = [(name, *coordinate, mesh.vertices[:, i]) for i, name in enumerate("xyz")]
    if mesh.normals is not None:
        columns += [(name, "float", "<f4", mesh.normals[:, i]) for i, name in enumerate(("nx", "ny", "nz"))]
    if mesh.colors is not None:
        columns += [(name, "uchar", "u1", mesh.colors[:, i]) for i, name in enumerate(("red", "green", "blue"))]
    vertices = np.empty(len(mesh.vertices), [(name, code) for name, _, code, _ in columns])
    for name, _, _, values in columns:
        vertices[name] = values
    triangles = np.empty(len(mesh.triangles), [("count", "u1"), ("corners", "<i4", 3)])
    triangles["count"], triangles["corners"] = 3, mesh.triangles
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *(f"property {kind} {name}" for name, kind, _, _ in columns),
        f"element face {len(triangles)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    with path.open("wb") as file:
        file.write("\n".join(header).encode("ascii"))
        file.write(vertices.tobytes())
        file.write(triangles.tobytes())


def _require_as_told(path: Path, vertices: int) -> None:
    """``MeshError`` where a file was read although it is cut short, or is none of a shape at all."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    told = re.search(rb"^element vertex (\d+)\s*$", head, re.MULTILINE) if path.suffix.lower() == ".ply" else None
    if told and int(told[1]) != vertices:
        raise MeshError(f"{path}: {vertices:,} of the {int(told[1]):,} vertices that it tells of; write it again")
    lines = [line for line in head.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    nothing = {".obj": not lines, ".stl": head.lstrip().startswith(b"solid") or head[80:84] == bytes(4)}
    if not vertices and not nothing.get(path.suffix.lower(), True):
        raise MeshError(f"{path}: no vertices in {path.stat().st_size:,} bytes, so no shape; write it again")


def _write_off(mesh: Mesh, path: Path) -> None:
    """OFF with colours; written here because trimesh leaves colours out and Open3D keeps six digits."""
    with path.open("w", encoding="ascii") as file:
        file.write(f"{'OFF' if mesh.colors is None else 'COFF'}\n{len(mesh.vertices)} {len(mesh.triangles)} 0\n")
        if mesh.colors is None:
            np.savetxt(file, mesh.vertices, fmt="%.6f")
        else:
            np.savetxt(file, np.hstack([mesh.vertices, mesh.colors]), fmt="%.6f %.6f %.6f %d %d %d 255")
        np.savetxt(file, mesh.triangles, fmt="3 %d %d %d")


def _write_glb(mesh: Mesh, path: Path, up: Up) -> None:
    import trimesh

    T_gltf_world = T_GLTF_WORLD.get(up, np.eye(4))
    vertices = mesh.vertices @ T_gltf_world[:3, :3].T
    normals = None if mesh.normals is None else mesh.normals @ T_gltf_world[:3, :3].T.astype(np.float32)
    placement = np.eye(4)
    if not _fits_float32(mesh):
        placement[:3, 3] = vertices.mean(axis=0).round()
    around_centre = Mesh(vertices - placement[:3, 3], mesh.triangles, normals, mesh.colors)
    scene = trimesh.Scene()
    scene.add_geometry(_to_trimesh(around_centre), node_name="mesh", geom_name="mesh", transform=placement)
    path.write_bytes(scene.export(file_type="glb", include_normals=normals is not None))


def _to_trimesh(mesh: Mesh) -> "trimesh.Trimesh":
    import trimesh

    return trimesh.Trimesh(
        vertices=mesh.vertices,
        faces=mesh.triangles,
        vertex_normals=mesh.normals,
        vertex_colors=mesh.colors,
        process=False,
    )
