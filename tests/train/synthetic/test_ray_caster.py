"""Depth against formulas and Open3D; light against laws of radiometry."""

import dataclasses

import numpy as np
import pytest
import torch

from recon.geometry.projection import rays as pixel_rays
from train.synthetic import triangulation
from train.synthetic.ray_caster import RayCaster
from train.synthetic.scene import Box, Lamp, Material, Quad, Rendered, Scene, Sky, Sphere, Sun, View

from small_scene import SKY, at, looking, plain, scene, small_room  # isort: skip

DARK = Sky(np.zeros(3), np.zeros(3))
OFFICE = small_room()


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    return RayCaster(OFFICE).render(OFFICE.views[0], 5)


def by_open3d(made: Scene, view: View) -> np.ndarray:
    import open3d as o3d

    mesh = triangulation.triangulate_scene(made)
    caster = o3d.t.geometry.RaycastingScene()
    caster.add_triangles(mesh.vertices.astype(np.float32), mesh.triangles.astype(np.uint32))
    towards = pixel_rays(view.camera) @ view.T_world_camera[:3, :3].T
    origin = np.broadcast_to(view.T_world_camera[:3, 3], towards.shape)
    cast = np.concatenate([origin, towards], axis=-1).astype(np.float32)
    return caster.cast_rays(o3d.core.Tensor(cast))["t_hit"].numpy()


def test_depth_is_that_of_the_triangulated_scene(monkeypatch: pytest.MonkeyPatch, rendered: Rendered) -> None:
    monkeypatch.setattr(triangulation, "MOST_SIDES", 1000)
    monkeypatch.setattr(triangulation, "SAGITTA", 1e-6)
    off = np.abs(rendered.depth - by_open3d(OFFICE, OFFICE.views[0]))
    assert (off > 1e-4).mean() < 0.005  # at silhouettes
    assert np.median(off) < 1e-6


def test_a_sphere_has_the_depth_of_the_formula() -> None:
    view = looking(0, 0, -3, 40, 32)
    depth = RayCaster(scene(at(Sphere(1.0), 0, 0, 0))).render(view, 0).depth
    towards = pixel_rays(view.camera)
    squared = (towards**2).sum(-1)
    inside = 9 - squared * 8  # discriminant of |t * towards - (0, 0, 3)| = 1
    expected = np.where(inside > 0, (3 - np.sqrt(np.maximum(inside, 0))) / squared, 0)
    np.testing.assert_allclose(depth, expected, atol=2e-5)
    assert depth.dtype == np.float32


def test_a_plane_has_one_depth_whatever_the_angle_of_the_ray() -> None:
    depth = RayCaster(scene(at(Quad(50.0, 50.0), 0, 0, 4))).render(looking(0, 0, 0), 0).depth
    np.testing.assert_allclose(depth, 4.0, rtol=1e-6)


def test_what_is_not_met_has_no_depth_and_shows_the_sky() -> None:
    out = RayCaster(scene(at(Sphere(0.1), 0, 0, -5))).render(looking(0, 0, 0), 0)
    assert (out.depth == 0).all()
    assert (out.radiance >= np.minimum(SKY.zenith, SKY.horizon) - 1e-6).all()
    assert out.radiance[0, 0, 0] < out.radiance[-1, 0, 0]  # towards the zenith, which has less red


@pytest.mark.parametrize("size", [(64, 48), (41, 29), (8, 8)])
def test_any_size_is_rendered_and_light_is_finite_and_not_negative(size: tuple[int, int]) -> None:
    out = RayCaster(OFFICE).render(looking(0, 1.2, -1.8, *size), 0)
    assert out.radiance.shape == (size[1], size[0], 3)
    assert np.isfinite(out.radiance).all()
    assert (out.radiance >= 0).all()
    assert (out.depth > 0).all()


def test_the_same_seed_gives_the_same_picture_and_another_another(rendered: Rendered) -> None:
    caster = RayCaster(OFFICE)
    again, other = (caster.render(OFFICE.views[0], seed) for seed in (5, 6))
    np.testing.assert_array_equal(again.radiance, rendered.radiance)
    np.testing.assert_array_equal(other.depth, rendered.depth)
    assert (other.radiance != rendered.radiance).any()


def test_a_batch_shows_each_of_its_views() -> None:
    caster = RayCaster(OFFICE)
    _, depth = caster.render_batch(OFFICE.views[:2], torch.Generator().manual_seed(0))
    assert depth.shape == (2, 1, 48, 64)
    for row, view in enumerate(OFFICE.views[:2]):
        np.testing.assert_array_equal(depth[row, 0].numpy(), caster.render(view, 1).depth)
    with pytest.raises(ValueError, match="a batch must have one"):
        caster.render_batch([looking(0, 1, 0), looking(0, 1, 0, 32, 24)], torch.Generator())


def test_a_lamp_lights_a_matte_wall_by_the_law_of_squares() -> None:
    wall = at(Quad(40.0, 40.0), 0, 0, 2, Material(np.full((1, 1, 3), 255, np.uint8)))
    for distance in (0.5, 1.0, 1.9):
        lamp = Lamp(np.array([0.0, 0.0, 2 - distance]), 1e-4, np.full(3, 5.0))
        out = RayCaster(scene(wall, lamps=(lamp,), sky=DARK)).render(looking(0, 0, 0, 65, 65), 0)
        assert out.radiance[32, 32, 0] == pytest.approx(5.0 / distance**2 / np.pi, rel=0.02)


def test_the_sun_lights_what_faces_it_and_not_what_a_box_hides() -> None:
    ground = at(Box(np.array([40.0, 0.1, 40.0])), 0, -0.05, 0, Material(np.full((1, 1, 3), 255, np.uint8)))
    roof = at(Box(np.array([4.0, 0.1, 40.0])), 3, 4.0, 0)
    sun = Sun(np.array([0.0, 0.8, -0.6]), np.full(3, 10.0))
    view = looking(0, 1.0, 0, 64, 48)
    out = RayCaster(scene(ground, roof, sun=sun, sky=DARK)).render(view, 0)
    assert out.radiance[40, 40, 0] == pytest.approx(10.0 * 0.8 / np.pi, rel=0.02)  # looking along z, x is to the left
    assert out.radiance[40, 2, 0] < 0.2


def test_under_an_even_sky_a_convex_white_thing_is_as_bright_as_the_sky() -> None:
    even = Sky(np.ones(3), np.ones(3))
    # Lit from above only, as the sky below the horizon is as bright as the horizon.
    ball = at(Sphere(1.0), 0, 0, 3, Material(np.full((1, 1, 3), 255, np.uint8)))
    out = RayCaster(scene(ball, sky=even)).render(looking(0, 0, 0), 0)
    assert (np.abs(out.radiance - 1) > 0.2).mean() < 0.05  # at the rim, where no neighbour looks the same way
    assert out.radiance.mean() == pytest.approx(1.0, abs=0.03)


def test_a_mirror_shows_what_it_faces() -> None:
    mirror = at(Quad(10.0, 10.0), 0, 0, 2, plain(60, gloss=1.0, roughness=0.0))
    screen = at(Quad(10.0, 10.0), 0, 0, -1, plain(60, emission=60.0))
    out = RayCaster(scene(mirror, screen, sky=DARK)).render(looking(0, 0, 0, 16, 16), 0)
    assert out.radiance[8, 8].mean() == pytest.approx(
        60 * 0.0452, rel=0.05
    )  # 60 of 255 is 0.0452 of white in linear light


def test_texture_is_finer_near_by_and_a_single_colour_far_away() -> None:
    stripes = Material(np.repeat(np.array([[[0]], [[255]]], np.uint8), 3, axis=2).repeat(8, axis=0), tile_size=0.1)
    wall = at(Quad(4000.0, 4000.0), 0, 0, 0, dataclasses.replace(stripes, emission=1.0))
    caster = RayCaster(scene(wall, sky=DARK))
    near, far = (caster.render(looking(0, 0, -z, 32, 24), 0).radiance for z in (0.2, 100.0))
    assert near.std() > 0.3
    assert far.std() < 0.02
    assert far.mean() == pytest.approx(near.mean(), rel=0.2)
