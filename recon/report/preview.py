"""A picture of a mesh from three sides, drawn without screen or graphics card."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from recon.captures.base import Up
from recon.fusion.mesh import Mesh, vertex_normals
from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from recon.geometry.transforms import rigid

PANEL = (640, 560)  # width and height in pixels of one view
SUPERSAMPLING = 2
FIELD_OF_VIEW = np.radians(32)  # across the panel's width: little perspective, as of a model on a table
EYE_FIELD_OF_VIEW = np.radians(68)  # across a phone's landscape picture
MARGIN = 1.06
FRAMED_PERCENTILES = (1.0, 99.0)  # of the vertices along each axis decide what a view must show
LAYERS = 8  # of back faces that a ray may pass before it gives up
PULLED_BACK = 0.5  # of the distance to what the camera sees
CANDIDATES = 12  # camera poses tried for the view from inside
BACKGROUND = (np.array([250.0, 251, 252]), np.array([222.0, 226, 231]))  # RGB at the top and at the bottom
UPWARD: dict[str, Float[np.ndarray, "3"]] = {
    "y": np.array([0.0, 1, 0]),
    "-y": np.array([0.0, -1, 0]),
    "z": np.array([0.0, 0, 1]),
}
GREY = np.array([196.0, 200, 206])  # RGB of a mesh without colours


@dataclass(frozen=True, eq=False)
class _View:
    camera: Camera
    T_world_camera: Float[np.ndarray, "4 4"]


class _Surface:
    """The mesh around its own centre, ready for rays and with what is needed to shade a hit."""

    def __init__(self, mesh: Mesh) -> None:
        import open3d as o3d

        self.centre = np.median(mesh.vertices, axis=0)
        self.vertices = (mesh.vertices - self.centre).astype(np.float32)
        self.triangles = mesh.triangles
        self.normals = vertex_normals(mesh) if mesh.normals is None else mesh.normals
        self.colors = None if mesh.colors is None else mesh.colors.astype(np.float32)
        self.scene = o3d.t.geometry.RaycastingScene()
        self.scene.add_triangles(self.vertices, mesh.triangles.astype(np.uint32))


def render_preview(
    mesh: Mesh, T_world_cameras: Float[np.ndarray, "n 4 4"], up: Up = "unknown"
) -> UInt8[np.ndarray, "h w 3"]:
    """The mesh from above at an angle, from a place of the camera pulled back, and from the top, side by side.

    Faces seen from behind are left out, so that one looks into a room through its walls and ceiling.

    Args:
        mesh: with at least one triangle.
        T_world_cameras: of the capture; the views are chosen from them.
        up: the world's upward axis; unknown is taken from the cameras, as if held upright.
    """
    surface = _Surface(mesh)
    T_surface_cameras = T_world_cameras.copy()
    T_surface_cameras[:, :3, 3] -= surface.centre
    upward = UPWARD.get(up, _unit(-T_world_cameras[:, :3, 1].sum(0)))
    ahead = _horizontal_ahead(T_surface_cameras, upward)
    aside = np.cross(ahead, upward)
    views = (
        _framing_view(surface, -0.62 * upward + 0.68 * ahead + 0.38 * aside, upward),
        _inside_view(surface, T_surface_cameras, upward),
        _framing_view(surface, -upward, ahead),
    )
    return np.concatenate([_render(surface, view) for view in views], axis=1)


def _horizontal_ahead(T: Float[np.ndarray, "n 4 4"], upward: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """The horizontal direction that the cameras look along on the whole."""
    ahead = T[:, :3, 2].sum(axis=0)
    horizontal = ahead - (ahead @ upward) * upward
    if np.linalg.norm(horizontal) < 0.05 * len(T):  # they look all around, or straight down
        axis = np.eye(3)[np.argmin(np.abs(upward))]
        horizontal = axis - (axis @ upward) * upward
    return _unit(horizontal)


def _framing_view(surface: _Surface, ahead: Float[np.ndarray, "3"], upward: Float[np.ndarray, "3"]) -> _View:
    """A view along ``ahead`` from just so far that the mesh fills the panel."""
    width, height = (SUPERSAMPLING * side for side in PANEL)
    focal_px = width / 2 / np.tan(FIELD_OF_VIEW / 2)
    camera = Camera.from_focal(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)
    R = _look(ahead, upward)
    low, high = np.percentile(surface.vertices, FRAMED_PERCENTILES, axis=0)
    inside = ((surface.vertices >= low) & (surface.vertices <= high)).all(axis=1)
    points = (surface.vertices[inside] if inside.mean() > 0.5 else surface.vertices) @ R  # a handful has no rim
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    points = points - middle
    slope = np.array([width, height]) / 2 / focal_px
    distance = float((MARGIN * np.abs(points[:, :2]) / slope - points[:, 2:]).max())
    return _View(camera, rigid(R, R @ (middle - np.array([0, 0, distance]))))


def _inside_view(surface: _Surface, T: Float[np.ndarray, "n 4 4"], upward: Float[np.ndarray, "3"]) -> _View:
    """From behind the camera pose that sees most of the surface and most of its depth, turned upright."""
    width, height = (SUPERSAMPLING * side for side in PANEL)
    focal_px = width / 2 / np.tan(EYE_FIELD_OF_VIEW / 2)
    camera = Camera.from_focal(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)
    small = camera.resized(width // 20, height // 20)
    best, best_worth = None, -1.0
    for pose in T[np.linspace(0, len(T) - 1, min(CANDIDATES, len(T))).astype(int)]:
        R = _look(pose[:3, 2], upward)
        depth, _ = _first_front_faces(surface, _View(small, rigid(R, pose[:3, 3])))
        if not np.isfinite(depth).any():
            continue
        back = PULLED_BACK * float(np.median(depth[np.isfinite(depth)]))
        pulled_back = rigid(R, pose[:3, 3] - back * R[:, 2])
        depth, _ = _first_front_faces(surface, _View(small, pulled_back))
        seen = np.isfinite(depth)
        near, far = np.percentile(depth[seen], [10, 90]) if seen.any() else (1.0, 1.0)
        worth = float(seen.mean() * np.log(far / near))  # a bare wall fills the view and shows nothing
        if worth > best_worth:
            best, best_worth = _View(camera, pulled_back), worth
    return best or _framing_view(surface, T[0, :3, 2], upward)


def _look(ahead: Float[np.ndarray, "3"], upward: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Rotation of a camera (x right, y down, z forward) that looks along ``ahead`` and stands upright."""
    forward = _unit(ahead)
    right = np.cross(forward, upward)
    if np.linalg.norm(right) < 1e-3:  # straight up or down: any side will do
        right = np.cross(forward, np.eye(3)[np.argmin(np.abs(forward))])
    right = _unit(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _first_front_faces(surface: _Surface, view: _View) -> tuple[Float[np.ndarray, "h w"], dict[str, np.ndarray]]:
    """z-depth of the first triangle that faces the viewer along each ray (inf for none), and where it was hit."""
    directions = rays(view.camera).reshape(-1, 3) @ view.T_world_camera[:3, :3].T.astype(np.float32)
    origin = view.T_world_camera[:3, 3].astype(np.float32)
    depth = np.full(len(directions), np.inf, np.float32)
    triangle = np.zeros(len(directions), np.int64)
    uv = np.zeros((len(directions), 2), np.float32)
    start = np.zeros(len(directions), np.float32)
    active = np.arange(len(directions))
    for _ in range(LAYERS):
        ahead = directions[active]
        hit = surface.scene.cast_rays(np.concatenate([origin + start[active, None] * ahead, ahead], axis=1))
        distance = hit["t_hit"].numpy()
        struck = np.isfinite(distance)
        facing = struck & ((hit["primitive_normals"].numpy() * ahead).sum(axis=1) < 0)
        rows = active[facing]
        depth[rows] = start[rows] + distance[facing]
        triangle[rows] = hit["primitive_ids"].numpy()[facing]
        uv[rows] = hit["primitive_uvs"].numpy()[facing]
        passed = struck & ~facing
        start[active[passed]] += distance[passed] * np.float32(1 + 1e-5) + np.float32(1e-5)
        active = active[passed]
        if not len(active):
            break
    shape = (view.camera.height, view.camera.width)
    return depth.reshape(shape), {"triangle": triangle, "uv": uv, "directions": directions}


def _render(surface: _Surface, view: _View) -> UInt8[np.ndarray, "h w 3"]:
    depth, hit = _first_front_faces(surface, view)
    seen = np.isfinite(depth)
    rows = np.flatnonzero(seen)
    corners = surface.triangles[hit["triangle"][rows]]
    u, v = hit["uv"][rows].T
    share = np.stack([1 - u - v, u, v], axis=1)[..., None]
    normal = _unit((surface.normals[corners] * share).sum(axis=1))
    color = GREY if surface.colors is None else (surface.colors[corners] * share).sum(axis=1)
    light = _light(normal, hit["directions"][rows], view, colored=surface.colors is not None)
    light *= _crevices(depth, view.camera)[seen]
    height, width = depth.shape
    top, bottom = BACKGROUND
    picture = np.broadcast_to(
        top + (bottom - top) * np.linspace(0, 1, height)[:, None, None], (height, width, 3)
    ).astype(np.float32)
    picture[seen] = np.clip(color * light[:, None], 0, 255)
    picture = cv2.resize(picture, PANEL, interpolation=cv2.INTER_AREA)
    return np.rint(picture).astype(np.uint8)


def _light(
    normal: Float[np.ndarray, "n 3"], directions: Float[np.ndarray, "n 3"], view: _View, colored: bool
) -> Float[np.ndarray, " n"]:
    """Brightness from a lamp over the viewer's shoulder and one at the eye; weak on colour, which has its own light."""
    lamp = view.T_world_camera[:3, :3] @ _unit(np.array([-0.45, -0.75, -0.6]))
    diffuse = np.clip(normal @ lamp, 0, 1)
    facing = np.clip(-(normal * _unit(directions)).sum(axis=1), 0, 1)
    return 0.82 + 0.14 * diffuse + 0.14 * facing if colored else 0.34 + 0.5 * diffuse + 0.28 * facing


def _crevices(depth: Float[np.ndarray, "h w"], camera: Camera) -> Float[np.ndarray, "h w"]:
    """Darkens what lies behind its surroundings in the picture (eye-dome lighting, Boucheny 2009)."""
    logarithm = np.log2(np.where(np.isfinite(depth), depth, np.nan)).astype(np.float32)
    shade = np.zeros_like(logarithm)
    for radius in (2, 5, 12):
        for dx, dy in ((1, 0), (0, 1), (0.7, 0.7), (0.7, -0.7)):
            shift = (round(radius * dx), round(radius * dy))
            this_side, that_side = (_shifted(logarithm, sign * shift[0], sign * shift[1]) for sign in (1, -1))
            # A slope has one neighbour as much nearer as the other is farther: only what is left over is a hollow.
            hollow = 2 * logarithm - this_side - that_side
            shade += np.clip(np.nan_to_num(hollow), 0, 0.05)
    return np.exp(-1.8 * shade)


def _shifted(values: Float[np.ndarray, "h w"], dx: int, dy: int) -> Float[np.ndarray, "h w"]:
    """The value that lies (dx, dy) pixels away, NaN beyond the border."""
    height, width = values.shape
    motion = np.array([[1.0, 0, -dx], [0, 1, -dy]])
    return cv2.warpAffine(
        values, motion, (width, height), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan
    )


def _unit(vectors: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
