"""The picture that the camera takes of the lit scene, with the depth of every pixel centre."""

import cv2
import numpy as np

from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from room_maker.scene import Hits, Scene

EXPOSURE = 1.6
LIFT = 0.002  # metres from the surface at which mirror rays begin
MIRRORED_AT_MOST = 3.0  # radiance; lamps would burn white spots into varnish
NOISE = 0.7  # grey levels of the sensor, standard deviation
SUBPIXELS = ((-0.25, -0.375), (0.375, -0.25), (0.25, 0.375), (-0.375, 0.25))  # a rotated grid


def render_depth(scene: Scene, T_world_camera: np.ndarray, camera: Camera) -> np.ndarray:
    """Exact z-depth at pixel centres, float32 metres, 0 where nothing is."""
    hits = scene.cast(*_world_rays(T_world_camera, rays(camera).reshape(-1, 3)))
    depth = np.where(np.isfinite(hits.distance), hits.distance, 0)  # rays have z = 1: their parameter is z-depth
    return depth.reshape(camera.height, camera.width).astype(np.float32)


def render_image(
    scene: Scene, irradiance: np.ndarray, T_world_camera: np.ndarray, camera: Camera, rng: np.random.Generator
) -> np.ndarray:
    """RGB uint8: one ray a pixel, four more where the picture has an edge of geometry."""
    shape = (camera.height, camera.width)
    directions_camera = rays(camera).reshape(-1, 3)
    origins, directions = _world_rays(T_world_camera, directions_camera)
    hits = scene.cast(origins, directions)
    picture = _developed(_radiance(scene, irradiance, origins, directions, hits, camera.fx))
    edges = np.flatnonzero(_edges(scene, hits, shape))
    total = np.zeros((len(edges), 3), np.float32)
    for dx, dy in SUBPIXELS:
        moved = directions_camera[edges] + np.float32([dx / camera.fx, dy / camera.fy, 0])
        ray = _world_rays(T_world_camera, moved)
        total += _developed(_radiance(scene, irradiance, *ray, scene.cast(*ray), camera.fx))
    picture[edges] = total / len(SUBPIXELS)
    picture = 255 * picture.reshape(*shape, 3) * _vignette(shape)
    grain = cv2.GaussianBlur(rng.standard_normal((*shape, 3), np.float32), (0, 0), 0.6)
    return np.clip(picture + NOISE / grain.std() * grain + 0.5, 0, 255).astype(np.uint8)


def _world_rays(T_world_camera: np.ndarray, directions_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    directions = directions_camera @ T_world_camera[:3, :3].T.astype(np.float32)
    return np.broadcast_to(T_world_camera[:3, 3].astype(np.float32), directions.shape), directions


def _radiance(
    scene: Scene, irradiance: np.ndarray, origins: np.ndarray, directions: np.ndarray, hits: Hits, focal_px: float
) -> np.ndarray:
    """Light that comes back along the rays, with one mirror reflection on glossy surfaces."""
    radiance = _diffuse(scene, irradiance, hits, focal_px)
    gloss = np.array([material.gloss for material in scene.materials])[scene.material_of[hits.triangle]]
    shiny = np.flatnonzero((gloss > 0) & np.isfinite(hits.distance))
    chosen = Hits(hits.distance[shiny], hits.triangle[shiny], hits.weights[shiny])
    view = directions[shiny] / np.linalg.norm(directions[shiny], axis=1, keepdims=True)
    normals = scene.interpolate(scene.normals, chosen)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    cosine = -(normals * view).sum(axis=1, keepdims=True)
    mirrored = view + 2 * cosine * normals
    points = origins[shiny] + directions[shiny] * chosen.distance[:, None] + LIFT * normals
    # Schlick's approximation of Fresnel's law for glass, R0 = 0.04.
    share = gloss[shiny, None] * (0.04 + 0.96 * (1 - np.clip(cosine, 0, 1)) ** 5)
    reflected = np.minimum(_diffuse(scene, irradiance, scene.cast(points, mirrored), focal_px), MIRRORED_AT_MOST)
    radiance[shiny] = (1 - share) * radiance[shiny] + share * reflected
    return radiance


def _diffuse(scene: Scene, irradiance: np.ndarray, hits: Hits, focal_px: float) -> np.ndarray:
    distance = np.where(np.isfinite(hits.distance), hits.distance, 1.0)
    colour = scene.colour(hits, distance / focal_px)
    glow = np.array([material.glow for material in scene.materials], np.float32)[scene.material_of[hits.triangle]]
    lit = np.where(glow[:, None] > 0, glow[:, None], scene.interpolate(irradiance, hits) / np.pi)
    return (colour * lit * np.isfinite(hits.distance)[:, None]).astype(np.float32)


def _edges(scene: Scene, hits: Hits, shape: tuple[int, int]) -> np.ndarray:
    """Pixels beside another surface, a crease or a step of depth."""
    surface = scene.surface_of[hits.triangle].reshape(shape)
    normals = scene.interpolate(scene.normals, hits).reshape(*shape, 3)
    inverse = (1 / hits.distance).reshape(shape)
    edge = np.zeros(shape, bool)
    for axis in (0, 1):
        first, second = (slice(None, -1), slice(1, None))
        a = (first, slice(None)) if axis == 0 else (slice(None), first)
        b = (second, slice(None)) if axis == 0 else (slice(None), second)
        step = (surface[a] != surface[b]) | ((normals[a] * normals[b]).sum(axis=-1) < 0.9)
        step |= np.abs(inverse[a] - inverse[b]) > 0.05 * inverse[a]
        edge[a] |= step
        edge[b] |= step
    return edge.ravel()


def _developed(radiance: np.ndarray) -> np.ndarray:
    """Display values 0..1: a filmic curve (Narkowicz's fit to ACES), then the screen's gamma."""
    x = EXPOSURE * radiance
    curve = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return np.clip(curve, 0, 1) ** (1 / 2.2)


def _vignette(shape: tuple[int, int]) -> np.ndarray:
    v, u = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return (1 - 0.09 * (u**2 + v**2) / 2)[..., None].astype(np.float32)
