"""A furnished, lit scene as data: what every renderer draws and every generator returns.

The world has y up, in metres, as ARKit's. Colours of textures are sRGB bytes; light is linear RGB.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from recon.geometry.camera import Camera


@dataclass(frozen=True, eq=False)
class Material:
    """A surface seen from both sides."""

    texture: UInt8[np.ndarray, "h w 3"]  # sRGB albedo; repeats without a seam
    tile_size: float = 1.0  # metres that one repeat covers; meshes with their own uv ignore it
    gloss: float = 0.0  # share of the light that is mirrored, 0 matte to 1 a mirror
    roughness: float = 0.5  # of the mirrored part, 0 sharp to 1 dull
    emission: float = 0.0  # radiance emitted, in multiples of the albedo: lamps and screens


@dataclass(frozen=True, eq=False)
class Box:
    size: Float[np.ndarray, " 3"]  # whole sides along x, y, z; centred on the origin


@dataclass(frozen=True, eq=False)
class Cylinder:
    """Closed, along y, centred on the origin."""

    radius: float
    height: float


@dataclass(frozen=True, eq=False)
class Sphere:
    radius: float


@dataclass(frozen=True, eq=False)
class Torus:
    """Around y, centred on the origin."""

    major: float  # from the axis to the middle of the tube
    minor: float  # of the tube


@dataclass(frozen=True, eq=False)
class Quad:
    """A rectangle in the plane z = 0, centred on the origin, seen from both sides."""

    width: float  # along x
    height: float  # along y


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    vertices: Float[np.ndarray, "n 3"]  # metres
    triangles: Int[np.ndarray, "m 3"]
    uv: Float[np.ndarray, "n 2"] | None = None  # (0, 0) is the texture's bottom left; None: mapped as boxes are


Shape = Box | Cylinder | Sphere | Torus | Quad | TriangleMesh


@dataclass(frozen=True, eq=False)
class Object:
    """One shape of one material in its place.

    Shapes without uv are textured by the plane that their normal, in the shape's own frame, faces most
    (x: (z, y), y: (x, z), z: (x, y)); coordinates divided by the material's ``tile_size``.
    """

    shape: Shape
    material: Material
    T_world_shape: Float[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False)
class Lamp:
    """A glowing ball without a body of its own: give it an emitting object where it can be seen."""

    position: Float[np.ndarray, " 3"]
    radius: float  # metres; shadows soften with it
    power: Float[np.ndarray, " 3"]  # linear RGB; irradiance on a facing surface is ``power / distance**2``


@dataclass(frozen=True, eq=False)
class Sun:
    direction: Float[np.ndarray, " 3"]  # unit vector from the scene towards the sun
    irradiance: Float[np.ndarray, " 3"]  # linear RGB on a facing surface
    angle: float = 0.0047  # radians, half of its disc


@dataclass(frozen=True, eq=False)
class Sky:
    """Radiance that rays find where they meet nothing, blended by their height; also what lights the shade."""

    zenith: Float[np.ndarray, " 3"]
    horizon: Float[np.ndarray, " 3"]


@dataclass(frozen=True, eq=False)
class View:
    camera: Camera
    T_world_camera: Float[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False)
class Scene:
    name: str
    objects: tuple[Object, ...]
    lamps: tuple[Lamp, ...]
    sky: Sky
    sun: Sun | None
    views: tuple[View, ...]  # a walk through it, neighbours overlap


@dataclass(frozen=True, eq=False)
class Rendered:
    """One view of a scene."""

    radiance: Float[np.ndarray, "H W 3"]  # linear RGB, before the camera's exposure
    depth: Float[np.ndarray, "H W"]  # float32 z-depth at each pixel's centre, metres; 0 where nothing is met
