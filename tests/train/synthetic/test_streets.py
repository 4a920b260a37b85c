"""Streets repeat, reach far, keep the way of the camera free and hold what streets hold."""

import numpy as np
import pytest

from recon.geometry.camera import Camera
from train.synthetic.extent import extent
from train.synthetic.furniture import Procedural
from train.synthetic.lighting import sky_and_sun
from train.synthetic.scene import Scene
from train.synthetic.streets import street
from train.synthetic.triangulation import triangulate_scene

CAMERA = Camera.from_focal(320, 240, 230.0, 230.0, 159.5, 119.5)


@pytest.fixture(scope="module")
def streets() -> list[Scene]:
    return [street(np.random.default_rng(seed), Procedural(), CAMERA, views=10) for seed in range(4)]


def test_the_same_generator_gives_the_same_street(streets: list[Scene]) -> None:
    again = street(np.random.default_rng(0), Procedural(), CAMERA, views=10)
    assert len(again.objects) == len(streets[0].objects)
    for one, other in zip(again.objects, streets[0].objects, strict=True):
        np.testing.assert_array_equal(one.T_world_shape, other.T_world_shape)
    np.testing.assert_array_equal(again.views[-1].T_world_camera, streets[0].views[-1].T_world_camera)


def test_streets_reach_beyond_eighty_metres(streets: list[Scene]) -> None:
    for scene in streets:
        low, high = extent(scene.objects)
        assert low[2] < -80
        assert high[2] > 80
        assert 100 < len(scene.objects) < 1500


def test_cameras_ride_or_walk_above_the_road_and_away_from_things(streets: list[Scene]) -> None:
    o3d = pytest.importorskip("open3d")
    for scene in streets[:2]:
        mesh = triangulate_scene(scene)
        caster = o3d.t.geometry.RaycastingScene()
        caster.add_triangles(mesh.vertices.astype(np.float32), mesh.triangles.astype(np.uint32))
        eyes = np.array([view.T_world_camera[:3, 3] for view in scene.views], np.float32)
        assert caster.compute_distance(eyes).numpy().min() > 0.25
        down = np.hstack([eyes, np.tile(np.array([0, -1, 0], np.float32), (len(eyes), 1))])
        height = caster.cast_rays(down)["t_hit"].numpy()
        assert (height < 2.6).all()


def test_neighbouring_views_are_close(streets: list[Scene]) -> None:
    for scene in streets:
        places = np.array([view.T_world_camera[:3, 3] for view in scene.views])
        assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 1.8


def test_some_streets_are_seen_from_vehicles(streets: list[Scene]) -> None:
    """A vehicle goes straight along its lane; a passer-by does not."""
    straight = [
        np.ptp([view.T_world_camera[0, 3] for view in scene.views]) < 0.5
        and np.ptp([view.T_world_camera[2, 3] for view in scene.views]) > 3
        for scene in streets
    ]
    assert 0 < sum(straight) < len(streets)


def test_days_are_clear_or_overcast_and_nights_dark() -> None:
    days = [sky_and_sun(np.random.default_rng(seed), day=True) for seed in range(60)]
    clear = [sun for _, sun in days if sun is not None]
    assert 20 < len(clear) < 55
    for sun in clear:
        assert np.linalg.norm(sun.direction) == pytest.approx(1)
        assert sun.direction[1] > 0
    night, nobody = sky_and_sun(np.random.default_rng(0), day=False)
    assert nobody is None
    assert night.zenith.max() < 0.1 * min(sky.zenith.min() for sky, _ in days)
