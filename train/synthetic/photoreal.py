"""Path-traced, denoised pictures of a scene by Mitsuba 3, with the exact depth of every pixel's centre."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from recon.errors import UsageError
from train.synthetic.extent import extent
from train.synthetic.llvm import require_llvm
from train.synthetic.mesh_corners import box_mapped, corner_normals
from train.synthetic.mitsuba_plugins import ball, bsdf, faces_inwards, glow, sensor, sky_dome, sunlight
from train.synthetic.scene import Lamp, Object, Rendered, Scene, Sphere, TriangleMesh, View
from train.synthetic.triangulation import triangulate

VARIANT = "llvm_ad_rgb"
PATH_DEPTH = 3  # rays on a light path: direct light and one bounce; more cost a third more and change little
PATHS_PER_PIXEL = 2
MORE_PATHS = 4  # in pictures where more than ``DARK`` of the pixels found no light
DARK = 0.3
FIREFLY = 30.0  # times the mean radiance; brighter single paths are cut before denoising
SLACK = 0.01  # metres by which a lamp may stick out of what glows for it
RAYS_TO_SKY = 4096  # from each of some places of the walk, to learn whether a room has an open window


class Photoreal:
    """A scene ready for any number of views."""

    def __init__(self, scene: Scene) -> None:
        self._mi, self._denoise = load_mitsuba()
        self._eyes = np.array([view.T_world_camera[:3, 3] for view in scene.views])
        enclosed = {id(shade): lamp for lamp in scene.lamps for shade in _shade(scene.objects, lamp)}
        parts: dict[str, Any] = {"type": "scene", "sky": sky_dome(self._mi, scene.sky)}
        for index, objects in enumerate(_by_surface(scene.objects, enclosed)):
            lamp = enclosed.get(id(objects[0]))
            radius = _radius(objects[0])
            if lamp is not None and radius is not None:
                parts[f"globe{index}"] = ball(objects[0].T_world_shape[:3, 3], radius, lamp.power)
            else:
                parts[f"mesh{index}"] = self._mesh(objects, lamp)
        hidden = {id(lamp) for lamp in enclosed.values()}
        for index, lamp in enumerate(lamp for lamp in scene.lamps if id(lamp) not in hidden):
            parts[f"lamp{index}"] = ball(lamp.position, lamp.radius, lamp.power)
        if scene.sun is not None:
            parts["sun"] = sunlight(scene.sun)
        self._scene = self._mi.load_dict(parts)
        if not self._open():  # then rays towards sky and sun are wasted
            self._scene = self._mi.load_dict({k: v for k, v in parts.items() if k not in ("sky", "sun")})
        guides = {"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"}
        self._integrator = self._mi.load_dict({**guides, "colour": {"type": "path", "max_depth": PATH_DEPTH}})

    def render(self, view: View, seed: int) -> Rendered:
        """The radiance that reaches the camera, and z-depth; the same seed gives the same picture.

        Where few paths find a light, as in rooms lit through a window, more paths are traced.
        """
        eye = self._mi.load_dict(sensor(self._mi, view))
        layers = self._traced(eye, PATHS_PER_PIXEL, seed)
        if (layers[..., :3].max(axis=2) == 0).mean() > DARK:
            added = self._traced(eye, MORE_PATHS, seed + 1)
            layers = (PATHS_PER_PIXEL * layers + MORE_PATHS * added) / (PATHS_PER_PIXEL + MORE_PATHS)
        colour, albedo, normal = (np.ascontiguousarray(part) for part in np.split(layers, 3, axis=2))
        colour = np.minimum(colour, FIREFLY * colour.mean())
        radiance = self._denoise(colour, hdr=True, albedo=np.clip(albedo, 0, 1), normal=normal)
        return Rendered(radiance=np.maximum(np.asarray(radiance, np.float32), 0), depth=self._depth(view))

    def _traced(self, eye: Any, paths: int, seed: int) -> Float[np.ndarray, "H W 9"]:
        """Colour, albedo and normal, noisy."""
        film = self._mi.render(self._scene, sensor=eye, integrator=self._integrator, spp=paths, seed=seed)
        return np.nan_to_num(np.array(film, np.float32)[..., :9])

    def _open(self) -> bool:
        """Whether the sky is seen from anywhere on the walk."""
        directions = np.random.default_rng(0).normal(size=(3, RAYS_TO_SKY))
        for eye in self._eyes[:: max(1, len(self._eyes) // 6)]:
            if not np.isfinite(self._reach(eye, directions)).all():
                return True
        return False

    def _reach(self, origin: Float[np.ndarray, " 3"], directions: Float[np.ndarray, "3 n"]) -> Float[np.ndarray, " n"]:
        """How many times its direction each ray goes before it meets something; infinite if it never does."""
        ray = self._mi.Ray3f(self._mi.Point3f(*origin.tolist()), self._mi.Vector3f(directions.astype(np.float32)))
        return np.array(self._scene.ray_intersect_preliminary(ray).t, np.float32)

    def _depth(self, view: View) -> Float[np.ndarray, "H W"]:
        """One ray through each pixel's centre, as long as its z: where it ends is z-depth, never a mixture."""
        camera = view.camera
        v, u = np.mgrid[: camera.height, : camera.width].reshape(2, -1)
        rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.size)])
        reached = self._reach(view.T_world_camera[:3, 3], view.T_world_camera[:3, :3] @ rays)
        return np.where(np.isfinite(reached), reached, 0).reshape(camera.height, camera.width).astype(np.float32)

    def _mesh(self, objects: Sequence[Object], lamp: Lamp | None) -> Any:
        """One Mitsuba mesh of all objects that share a surface."""
        corners = [_corners(o) for o in objects]
        positions, normals, uv = (np.concatenate(each).astype(np.float32) for each in zip(*corners, strict=True))
        material = objects[0].material
        properties = self._mi.Properties()
        properties["bsdf"] = self._mi.load_dict(bsdf(self._mi, material))
        if material.emission > 0:
            if faces_inwards(positions, self._eyes):
                positions, normals, uv = positions[::-1], -normals[::-1], uv[::-1]
            properties["emitter"] = self._mi.load_dict(glow(self._mi, material, lamp, positions, uv))
        mesh = self._mi.Mesh(
            "objects",
            len(positions),
            len(positions) // 3,
            props=properties,
            has_vertex_normals=True,
            has_vertex_texcoords=True,
        )
        values = self._mi.traverse(mesh)
        values["vertex_positions"] = positions.ravel()
        values["vertex_normals"] = normals.ravel()
        values["vertex_texcoords"] = uv.ravel()
        values["faces"] = np.arange(len(positions), dtype=np.uint32)
        values.update()
        return mesh


def load_mitsuba() -> tuple[Any, Any]:
    """Mitsuba with its variant set, and the denoising function."""
    require_llvm()
    try:
        import mitsuba as mi
        from mitsuba_oidn import denoise
    except ImportError as error:
        raise UsageError(
            f"photoreal rendering: {error.name} is missing; pip install mitsuba mitsuba-oidn, "
            "or render with the ray caster"
        ) from error
    mi.set_variant(VARIANT)
    return mi, denoise


def _by_surface(objects: Sequence[Object], enclosed: dict[int, Lamp]) -> list[list[Object]]:
    """Objects grouped so that each group is one mesh; one that shines for a lamp stays alone."""
    groups: dict[tuple[int, int], list[Object]] = defaultdict(list)
    for each in objects:
        groups[id(each.material), id(each) if id(each) in enclosed else 0].append(each)
    return list(groups.values())


def _corners(thing: Object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World positions, normals and texture coordinates, three rows for each triangle."""
    mesh: TriangleMesh = triangulate(thing.shape)
    normals = corner_normals(mesh.vertices, mesh.triangles)
    if mesh.uv is None:
        uv = box_mapped(mesh.vertices, mesh.triangles, thing.material.tile_size)
    else:
        uv = mesh.uv[mesh.triangles]
    uv = uv - np.floor(uv[:, :1].mean(axis=1, keepdims=True))  # small numbers keep float32's digits
    linear, place = thing.T_world_shape[:3, :3], thing.T_world_shape[:3, 3]
    positions = mesh.vertices[mesh.triangles].reshape(-1, 3) @ linear.T + place
    turned = normals.reshape(-1, 3) @ np.linalg.inv(linear)  # normals take the inverse transpose
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
    return positions, turned, uv.reshape(-1, 2)


def _radius(thing: Object) -> float | None:
    """Of a sphere in the world; None for other shapes and for spheres stretched to ellipsoids.

    Mitsuba aims at the visible half of its own spheres, which meshes of them do not allow: far less noise.
    """
    linear = thing.T_world_shape[:3, :3]
    scale = float(np.linalg.norm(linear[:, 0]))
    if isinstance(thing.shape, Sphere) and np.allclose(linear.T @ linear, scale**2 * np.eye(3), atol=1e-6):
        return thing.shape.radius * scale
    return None


def _shade(objects: Sequence[Object], lamp: Lamp) -> list[Object]:
    """The largest glowing object with the lamp inside, whose surface must give the lamp's light; or none."""
    around = []
    for thing in objects:
        if thing.material.emission > 0:
            low, high = extent([thing])
            if (lamp.position > low - SLACK).all() and (lamp.position < high + SLACK).all():
                around.append((float((high - low).sum()), thing))
    return [max(around, key=lambda each: each[0])[1]] if around else []
