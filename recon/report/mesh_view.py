"""A mesh small enough for a web page, and the block of a report that lets one turn it."""

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from recon.captures.base import Up
from recon.fusion.mesh import Mesh

MAX_TRIANGLES = 250_000  # some 3 MB in the page
MAX_POINTS = 250_000  # of a cloud
SAMPLED_TRIANGLES = 100_000  # whose median area sets the first size of the cells
MAX_POSES = 1500  # of all paths
MAX_FRUSTA = 24
FRUSTUM_SHARE = 0.015  # its length, of the shown box's diagonal
SHOWN_PERCENTILES = (1.0, 99.0)  # of the vertices along each axis decide what the first view must show
STEPS = 65535  # of 16 bits, along the longest side
UPWARD = {"y": (0.0, 1.0, 0.0), "-y": (0.0, -1.0, 0.0), "z": (0.0, 0.0, 1.0)}
BUTTONS = (("reset", "Reset view"), ("above", "From above"), ("full", "Full screen"))
SWITCHES = (("colors", "Colours", True), ("back", "Back faces", False), ("path", "Cameras", True))


@dataclass(frozen=True)
class ErrorScale:
    """What the colours of a mesh mean: blue is 0 and red is ``limit`` or more."""

    limit: float
    unit: str


@dataclass(frozen=True, eq=False)
class MeshView:
    """A mesh, or a cloud of points, that turns with the mouse.

    Faces seen from behind are left out at first, so that one looks into a room through its walls.
    """

    mesh: Mesh
    caption: str
    up: Up = "unknown"  # taken from the cameras where they are given, as if held upright
    paths: Sequence[Float[np.ndarray, "n 4 4"]] = ()  # T_world_camera of each camera, in the order of recording
    scale: ErrorScale | None = None

    def html(self) -> str:
        if not len(self.mesh.vertices):
            return f'<p class="note">{escape(self.caption)}: no surface to show.</p>'
        data = json.dumps(_packed(self.mesh, self.up, self.paths)).replace("<", "\\u003c")
        buttons = "".join(f'<button type="button" data-do="{do}">{label}</button>' for do, label in BUTTONS)
        switches = "".join(
            f'<label><input type="checkbox" data-show="{show}"{" checked" if on else ""}> {label}</label>'
            for show, label, on in SWITCHES
            if (show != "path" or self.paths) and (show != "colors" or self.mesh.colors is not None)
        )
        hint = "Drag to turn, right drag or two fingers to move, wheel (after a click) or pinch to zoom."
        label = escape(self.caption)
        return (
            f'<figure class="viewer"><div class="stage"><canvas tabindex="0" role="img" aria-label="{label}"></canvas>'
            '<p class="message">The mesh shows here once scripts may run.</p></div>'
            f'<div class="controls">{buttons}{switches}{_legend(self.scale)}</div>'
            f"<figcaption>{label} {hint}</figcaption>"
            f'<script type="application/json">{data}</script></figure>'
        )


def bounded(mesh: Mesh, triangles: int) -> Mesh:
    """The mesh with at most so many triangles: vertices of one cell of a grid become one, at their mean.

    Fusing vertices of a grid (Rossignac and Borrel 1993) keeps vertices, and so the colours that they carry, evenly
    spread, where quadric decimation empties flat walls of both; and on 1.6 million triangles it took a tenth of
    the time. A mesh that has no more is returned as it is. Normals are dropped.
    """
    corners = mesh.vertices[mesh.triangles[:: 1 + len(mesh.triangles) // SAMPLED_TRIANGLES]]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    usual = float(np.median(areas)) if len(areas) else 0.0  # which a few huge triangles do not change
    extent = float(np.ptp(mesh.vertices, axis=0).max())
    cell, result = max((2 * usual * len(mesh.triangles) / triangles) ** 0.5, extent / STEPS, 1e-9), mesh
    while len(result.triangles) > triangles:
        result = _fused(mesh, cell)
        cell *= 1.02 * max(1.0, len(result.triangles) / triangles) ** 0.5
    return result


def _fused(mesh: Mesh, cell: float) -> Mesh:
    at = ((mesh.vertices - mesh.vertices.min(axis=0)) / cell).astype(np.int64)
    nx, ny, _ = at.max(axis=0) + 1
    _, new_index, count = np.unique(at @ np.array([1, nx, nx * ny]), return_inverse=True, return_counts=True)
    triangles = new_index[mesh.triangles]
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]
    colors = None if mesh.colors is None else np.rint(_means(mesh.colors, new_index, count)).astype(np.uint8)
    return Mesh(_means(mesh.vertices, new_index, count), triangles.astype(np.int32), None, colors)


def _means(
    values: Float[np.ndarray, "n 3"] | UInt8[np.ndarray, "n 3"],
    group: Int[np.ndarray, " n"],
    count: Int[np.ndarray, " g"],
) -> Float[np.ndarray, "g 3"]:
    return np.stack([np.bincount(group, values[:, axis], len(count)) / count for axis in range(3)], axis=1)


def _packed(mesh: Mesh, up: Up, paths: Sequence[Float[np.ndarray, "n 4 4"]]) -> dict[str, object]:
    """What ``viewer.js`` draws, in axes of its own: y up, the first view along -z."""
    if len(mesh.triangles):
        mesh = bounded(mesh, MAX_TRIANGLES)
    else:
        kept = slice(None, None, -(-len(mesh.vertices) // MAX_POINTS))
        mesh = Mesh(mesh.vertices[kept], mesh.triangles, None, None if mesh.colors is None else mesh.colors[kept])
    R = _turned(up, paths)
    centre = np.median(mesh.vertices, axis=0)
    points = (mesh.vertices - centre) @ R.T
    low, high = points.min(axis=0), points.max(axis=0)
    step = max(float((high - low).max()), 1e-6) / STEPS
    steps = np.rint((points - low) / step).astype("<u2")
    shown_low, shown_high = np.percentile(points, SHOWN_PERCENTILES, axis=0)
    length = FRUSTUM_SHARE * float(np.linalg.norm(shown_high - shown_low))
    lines = [(line - centre) @ R.T for line in _camera_lines(paths, length)]
    order = np.lexsort(mesh.triangles.T[::-1])
    return {
        "low": low.tolist(),
        "step": step,
        "shown": [shown_low.tolist(), shown_high.tolist()],
        "positions": _base64(steps),
        "colors": None if mesh.colors is None else _base64(mesh.colors),
        "indices": _base64(mesh.triangles[order].astype("<u4")),
        "lines": _base64(np.concatenate(lines).astype("<f4") if lines else np.zeros((0, 3), "<f4")),
    }


def _base64(values: np.ndarray) -> str:
    """The bytes, compressed, as text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 9)).decode()


def _turned(up: Up, paths: Sequence[Float[np.ndarray, "n 4 4"]]) -> Float[np.ndarray, "3 3"]:
    """Rotation from the world's axes to y up and -z ahead, where the cameras look along on the whole."""
    poses = np.concatenate([*paths, np.zeros((0, 4, 4))])
    upward = np.array(UPWARD.get(up, -poses[:, :3, 1].sum(axis=0)), np.float64)
    if np.linalg.norm(upward) < 1e-6:  # neither told nor to be seen
        upward = np.array(UPWARD["y"])
    upward /= np.linalg.norm(upward)
    ahead = poses[:, :3, 2].sum(axis=0)
    ahead -= (ahead @ upward) * upward
    if np.linalg.norm(ahead) <= 0.05 * len(poses):  # they look all around, or straight down
        across = np.eye(3)[np.argmin(np.abs(upward))]
        ahead = np.cross(upward, across)
    ahead /= np.linalg.norm(ahead)
    return np.stack([np.cross(ahead, upward), upward, -ahead])


def _camera_lines(paths: Sequence[Float[np.ndarray, "n 4 4"]], length: float) -> list[Float[np.ndarray, "m 3"]]:
    """Ends of lines, two rows each: the way of each camera, and where some of its poses look."""
    total = sum(len(path) for path in paths)
    rim = np.array([[-0.8, -0.6, 1.0], [0.8, -0.6, 1.0], [0.8, 0.6, 1.0], [-0.8, 0.6, 1.0]]) * length
    lines = []
    for path in paths:
        thinned = path[:: -(-total // MAX_POSES)]
        centres = thinned[:, :3, 3]
        lines.append(np.stack([centres[:-1], centres[1:]], axis=1).reshape(-1, 3))
        for pose in path[:: -(-total // MAX_FRUSTA)]:
            corners, centre = rim @ pose[:3, :3].T + pose[:3, 3], pose[:3, 3]
            following = np.roll(corners, -1, axis=0)
            lines.append(np.stack([np.broadcast_to(centre, corners.shape), corners], axis=1).reshape(-1, 3))
            lines.append(np.stack([corners, following], axis=1).reshape(-1, 3))
    return lines


def _legend(scale: ErrorScale | None) -> str:
    return "" if scale is None else turbo_legend("0", f"{scale.limit:g} {scale.unit} or more")


def turbo_legend(low: str, high: str, reverse: bool = False) -> str:
    """A bar of OpenCV's colours between two words."""
    turbo = cv2.applyColorMap(np.linspace(0, 255, 16).astype(np.uint8)[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1]
    colors = turbo[::-1] if reverse else turbo
    cells = "".join(
        f'<rect x="{place}" width="1.05" height="1" fill="rgb({r},{g},{b})"/>'
        for place, (r, g, b) in enumerate(colors.tolist())
    )
    bar = f'<svg viewBox="0 0 {len(colors)} 1" preserveAspectRatio="none" aria-hidden="true">{cells}</svg>'
    return f'<span class="legend">{escape(low)}{bar}{escape(high)}</span>'
