"""Light that reaches every vertex of the scene: sun, glowing surfaces and what the room sends back."""

import numpy as np

from room_maker.room import WINDOW, X
from room_maker.scene import Scene

TO_SUN = np.array([0.80, 0.56, 0.21])  # direction from the room, metres a ray
SUN_RADIUS = 0.02  # radians; wider than the real sun, to suit the spacing of the vertices
SUN_IRRADIANCE = np.array([7.0, 6.2, 5.0])  # on a surface that faces it, in the room's own units
LIFT = 0.003  # metres from the surface at which shadow rays begin
NEAREST_EMITTER = 0.05  # metres; keeps the light of a touching lamp finite
SMOOTHINGS = 8  # averages over neighbouring vertices of the gathered light
BATCH = 4096  # vertices at a time


def bake(scene: Scene, bounces: int, rays: int, rng: np.random.Generator) -> np.ndarray:
    """Irradiance (n, 3) of the vertices after ``bounces`` diffuse reflections."""
    glow = np.array([material.glow for material in scene.materials])
    direct = _sunlight(scene, rng) + _lamplight(scene, glow, rng)
    reflect = np.where(glow[:, None] > 0, 0, scene.mean_colour) / np.pi
    total = direct
    for _ in range(bounces):
        total = direct + _gather(scene, total, reflect, rays, rng)
    return total.astype(np.float32)


def _sunlight(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    tracer = scene.tracer_without("outside")
    light = np.zeros((len(scene.vertices), 3))
    sun = TO_SUN / np.linalg.norm(TO_SUN)
    for _ in range(16):
        towards = sun + SUN_RADIUS * rng.uniform(-1, 1, 3)
        cosine = scene.normals @ towards
        facing = np.flatnonzero((cosine > 0) & _through_window(scene.vertices, towards))
        seen = facing[~_occluded(tracer, scene, facing, np.broadcast_to(towards * 50, (len(facing), 3)))]
        light[seen] += cosine[seen, None] * SUN_IRRADIANCE / 16
    return light


def _through_window(points: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Whether rays from points in the room leave it by the window (walls have no thickness to trust)."""
    near, far, sill, lintel = WINDOW
    crossing = points + ((X - points[:, :1]) / towards[0]) * towards
    return (crossing[:, 2] > near) & (crossing[:, 2] < far) & (crossing[:, 1] > sill) & (crossing[:, 1] < lintel)


def _lamplight(scene: Scene, glow: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Area lights sampled by points: E = sum of L cos cos' A / r^2."""
    corners = scene.vertices[scene.triangles]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(crossed, axis=1) / 2
    light = np.zeros((len(scene.vertices), 3))
    for index in np.flatnonzero(glow):
        own = np.flatnonzero(scene.material_of == index)
        share = area[own].sum()
        samples = 96 if share > 1 else 40
        position = (np.arange(samples) + rng.random(samples)) / samples  # stratified along the running area
        chosen = own[np.searchsorted(np.cumsum(area[own]) / share, position).clip(0, len(own) - 1)]
        weights = rng.dirichlet(np.ones(3), samples)
        points = (weights[:, :, None] * corners[chosen]).sum(axis=1)
        facing = crossed[chosen] / (2 * area[chosen, None])
        radiance = glow[index] * scene.mean_colour[index]
        for point, normal in zip(points, facing, strict=True):
            light += _from_point(scene, point, normal)[:, None] * radiance * (share / samples)
    return light


def _from_point(scene: Scene, point: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """cos cos' / r^2 at every vertex that sees the point of a light."""
    towards = point - scene.vertices
    square = np.maximum((towards**2).sum(axis=1), NEAREST_EMITTER**2)
    form = (towards * scene.normals).sum(axis=1) * -(towards @ normal) / square**2
    facing = ((towards * scene.normals).sum(axis=1) > 0) & (towards @ normal < 0)
    lit = np.flatnonzero(facing & (form > 1e-4))
    seen = lit[~_occluded(scene.tracer, scene, lit, 0.995 * towards[lit])]
    return np.bincount(seen, form[seen], minlength=len(form))


def _occluded(tracer, scene: Scene, vertices: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Whether something stands between vertices and the points ``reach`` metres from them."""
    import open3d as o3d

    origins = scene.vertices[vertices] + LIFT * scene.normals[vertices]
    rays = o3d.core.Tensor(np.concatenate([origins, reach], axis=1).astype(np.float32))
    return tracer.test_occlusions(rays, tnear=0.0, tfar=1.0).numpy()


def _gather(
    scene: Scene, irradiance: np.ndarray, reflect: np.ndarray, rays: int, rng: np.random.Generator
) -> np.ndarray:
    """What the surfaces around send back: the mean over cosine-distributed rays, times pi, then smoothed."""
    gathered = np.zeros_like(irradiance)
    spiral = np.pi * (1 + 5**0.5) * np.arange(rays)
    for begin in range(0, len(scene.vertices), BATCH):
        chosen = slice(begin, begin + BATCH)
        normals = scene.normals[chosen]
        helper = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
        x = np.cross(helper, normals)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        angle = spiral + rng.uniform(0, 2 * np.pi, (len(normals), 1))  # turned anew: noise smooths out, bands would not
        height = (np.arange(rays) + rng.random((len(normals), 1))) / rays
        across = np.sqrt(height)
        local = np.stack([across * np.cos(angle), across * np.sin(angle), np.sqrt(1 - height)], axis=2)
        directions = local @ np.stack([x, np.cross(normals, x), normals], axis=1)
        hits = scene.cast(np.repeat(scene.vertices[chosen] + LIFT * normals, rays, axis=0), directions.reshape(-1, 3))
        corner = scene.triangles[hits.triangle, 0]
        sent = irradiance[corner] * reflect[scene.material_of[hits.triangle]]
        sent[~np.isfinite(hits.distance)] = 0
        gathered[chosen] = np.pi * sent.reshape(-1, rays, 3).mean(axis=1)
    for _ in range(SMOOTHINGS):
        gathered = scene.neighbour_mean @ gathered
    return gathered
