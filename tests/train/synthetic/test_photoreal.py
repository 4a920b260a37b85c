"""The photorealistic renderer against what optics says of simple scenes."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from recon.errors import UsageError
from recon.geometry.camera import Camera
from train.synthetic.llvm import require_llvm
from train.synthetic.photoreal import Photoreal
from train.synthetic.scene import Box, Lamp, Material, Object, Quad, Scene, Sky, Sphere, Sun, View

CAMERA = Camera.from_focal(48, 36, 36.0, 36.0, 20.5, 13.5)  # looks past the middle of the picture
NIGHT = Sky(np.zeros(3), np.zeros(3))
GREY = 188  # sRGB of albedo 0.5
ALBEDO = 0.5029  # of GREY, by IEC 61966-2-1


def _ready() -> bool:
    try:
        require_llvm()
    except UsageError:
        return False
    return all(importlib.util.find_spec(name) for name in ("mitsuba", "mitsuba_oidn"))


pytestmark = pytest.mark.skipif(not _ready(), reason="needs mitsuba, mitsuba-oidn and LLVM 16 or newer")


def matte(level: int = GREY, emission: float = 0.0) -> Material:
    return Material(np.full((4, 4, 3), level, np.uint8), emission=emission)


def at(x: float, y: float, z: float) -> np.ndarray:
    return np.array([[1.0, 0, 0, x], [0, 1, 0, y], [0, 0, 1, z], [0, 0, 0, 1]])


def looking(*objects: Object, lamps: tuple = (), sky: Sky = NIGHT, sun: Sun | None = None) -> Scene:
    """A scene seen from the origin along -z."""
    view = View(CAMERA, np.diag([1.0, -1.0, -1.0, 1.0]))
    return Scene("test", objects, lamps, sky, sun, (view,))


def wall(level: int = GREY) -> Object:
    return Object(Quad(20.0, 20.0), matte(level), at(0, 0, -2))


def pixel(x: float, y: float, z: float) -> tuple[int, int]:
    """Row and column at which the camera sees a point of the world."""
    return round(CAMERA.fy * y / z + CAMERA.cy), round(CAMERA.fx * -x / z + CAMERA.cx)


def test_depth_is_z_to_a_wall_and_zero_where_nothing_is_met() -> None:
    scene = looking(Object(Quad(0.6, 0.6), matte(), at(0, 0, -2)), sky=Sky(np.ones(3), np.ones(3)))
    depth = Photoreal(scene).render(scene.views[0], 0).depth
    v, u = np.mgrid[:36, :48]
    inside = (np.abs(u - 20.5) * 2 / 36 < 0.3) & (np.abs(v - 13.5) * 2 / 36 < 0.3)
    np.testing.assert_allclose(depth[inside], 2.0, atol=1e-5)  # float32 rays
    np.testing.assert_array_equal(depth[~inside], 0)


def test_colour_and_depth_see_the_same_pixels() -> None:
    ball = Object(Sphere(0.15), matte(255, emission=1.0), at(0.3, 0.2, -1.5))
    scene = looking(ball, wall(0))
    rendered = Photoreal(scene).render(scene.views[0], 0)
    lit, near = rendered.radiance.mean(axis=2) > 0.3, rendered.depth < 1.8
    np.testing.assert_allclose(np.argwhere(lit).mean(axis=0), np.argwhere(near).mean(axis=0), atol=0.3)


@pytest.mark.parametrize("shade", [False, True])
def test_a_lamp_gives_power_over_squared_distance(shade: bool) -> None:
    lamp = Lamp(np.array([0.5, 0.0, -1.0]), 0.05, np.array([3.0, 2.0, 1.0]))
    glowing = (Object(Sphere(0.05), matte(255, emission=7.0), at(0.5, 0, -1)),) if shade else ()
    scene = looking(wall(), *glowing, lamps=(lamp,))
    radiance = Photoreal(scene).render(scene.views[0], 1).radiance
    row, column = pixel(0.5, 0.0, -2.0)
    seen = radiance[row - 1 : row + 2, column + 1 : column + 5].mean(axis=(0, 1))
    np.testing.assert_allclose(seen, ALBEDO / np.pi * lamp.power, rtol=0.12)  # the denoiser's smoothing


def test_the_sun_lights_by_its_irradiance_and_casts_shadows() -> None:
    sun = Sun(np.array([0.0, 0.6, 0.8]), np.array([2.0, 1.0, 0.5]))
    box = Object(Box(np.array([0.4, 0.4, 0.1])), matte(), at(0, 0.4, -1.5))
    scene = looking(wall(), box, sun=sun, sky=Sky(np.full(3, 1e-4), np.full(3, 1e-4)))
    radiance = Photoreal(scene).render(scene.views[0], 0).radiance
    np.testing.assert_allclose(radiance[3, 40], ALBEDO / np.pi * 0.8 * sun.irradiance, rtol=0.05)
    assert radiance[pixel(0.0, 0.025, -2.0)].max() < 0.05  # along the sun's way the box is 0.375 higher


def test_the_sky_is_seen_by_its_height() -> None:
    scene = looking(
        Object(Quad(0.1, 0.1), matte(), at(0, -3, -9)), sky=Sky(np.array([0.0, 0, 1]), np.array([1.0, 0, 0]))
    )
    radiance = Photoreal(scene).render(scene.views[0], 0).radiance
    height = np.sin(np.arctan(12.5 / 36))
    np.testing.assert_allclose(radiance[1, 20], [1 - height, 0, height], atol=0.05)
    np.testing.assert_allclose(radiance[25, 20], [1, 0, 0], atol=0.05)


def test_one_seed_one_picture() -> None:
    scene = looking(wall(), lamps=(Lamp(np.array([0.5, 0.0, -1.0]), 0.05, np.ones(3)),))
    renderer = Photoreal(scene)
    first, again, other = (renderer.render(scene.views[0], seed).radiance for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_oblong_pixels_are_refused() -> None:
    scene = looking(wall())
    oblong = replace(scene.views[0], camera=Camera.from_focal(48, 36, 36.0, 40.0, 20.5, 13.5))
    with pytest.raises(UsageError, match="square pixels"):
        Photoreal(scene).render(oblong, 0)
