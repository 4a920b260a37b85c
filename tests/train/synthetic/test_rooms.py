"""Rooms repeat, keep their pieces apart and inside, are lit, and show what phones fail on."""

import numpy as np
import pytest

from recon.geometry.camera import Camera
from train.synthetic.floorplan import floorplan
from train.synthetic.furniture import Procedural
from train.synthetic.placement import Space
from train.synthetic.rooms import furnish, room
from train.synthetic.scene import Cylinder, Object, Scene, Torus, TriangleMesh
from train.synthetic.triangulation import triangulate_scene
from train.synthetic.walks import NEAREST

CAMERA = Camera.from_focal(320, 240, 230.0, 230.0, 159.5, 119.5)
SEEDS = range(8)


@pytest.fixture(scope="module")
def rooms() -> list[Scene]:
    return [room(np.random.default_rng(seed), Procedural(), CAMERA, views=6) for seed in SEEDS]


def test_the_same_generator_gives_the_same_room(rooms: list[Scene]) -> None:
    again = room(np.random.default_rng(SEEDS[3]), Procedural(), CAMERA, views=6)
    assert len(again.objects) == len(rooms[3].objects)
    for one, other in zip(again.objects, rooms[3].objects, strict=True):
        np.testing.assert_array_equal(one.T_world_shape, other.T_world_shape)
        np.testing.assert_array_equal(one.material.texture, other.material.texture)
    np.testing.assert_array_equal(again.views[-1].T_world_camera, rooms[3].views[-1].T_world_camera)


def test_rooms_differ(rooms: list[Scene]) -> None:
    assert len({len(scene.objects) for scene in rooms}) > len(rooms) / 2


def test_rooms_hold_a_hundred_to_a_thousand_objects_of_finite_size(rooms: list[Scene]) -> None:
    counts = [len(scene.objects) for scene in rooms]
    assert min(counts) > 40
    assert max(counts) < 1200
    assert 150 < np.median(counts) < 800
    for scene in rooms:
        assert all(np.isfinite(thing.T_world_shape).all() for thing in scene.objects)


@pytest.mark.parametrize("seed", range(6))
def test_boxes_around_pieces_are_inside_and_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    space = Space(floorplan(rng))
    furnish(rng, Procedural(), space)
    boxes = space.boxes
    assert len(boxes) >= 3
    apart = (boxes[:, None, 0] >= boxes[None, :, 1]) | (boxes[None, :, 0] >= boxes[:, None, 1])
    assert (apart.any(axis=2) | np.eye(len(boxes), dtype=bool)).all()
    assert all(space.plan.holds(low, high) for low, high in boxes)


def test_floorplans_are_of_many_shapes_and_sizes() -> None:
    plans = [floorplan(np.random.default_rng(seed)) for seed in range(80)]
    assert {len(plan.walls) for plan in plans} == {4, 6}
    assert any(plan.rise > 0 for plan in plans)
    sizes = np.array([plan.high - plan.low for plan in plans])
    assert sizes.min() >= 1.0
    assert sizes.max() <= 9.0
    for plan in plans:
        assert 1.2 <= plan.low_height <= plan.height <= 3.5
        middles = np.array([wall.T_world_wall @ [wall.length / 2, 1.0, 0.05, 1.0] for wall in plan.walls])[:, :3]
        assert (plan.clearance(middles) > 0.04).all()  # z of every wall points into the room


def test_clearance_agrees_with_brute_force() -> None:
    """Against the distance to densely sampled walls, floor and ceiling of an L-shaped room."""
    plan = next(p for p in (floorplan(np.random.default_rng(seed)) for seed in range(50)) if len(p.walls) == 6)
    rng = np.random.default_rng(0)
    points = rng.uniform([*plan.low, 0.1], [*plan.high, plan.height - 0.1], (60, 3))[:, [0, 2, 1]]
    along = np.linspace(0, 1, 2000)[:, None]
    walls = np.concatenate([wall.start + along * (wall.end - wall.start) for wall in plan.walls])
    to_wall = np.linalg.norm(points[:, None, [0, 2]] - walls, axis=2).min(axis=1)
    nearest = np.minimum.reduce([to_wall, points[:, 1], plan.height - points[:, 1]])
    found = plan.clearance(points)
    inside = found > 0
    assert 10 < inside.sum() < 60
    np.testing.assert_allclose(found[inside], nearest[inside], atol=0.005)  # samples are 4 mm apart


def test_views_keep_clear_of_every_surface_and_see_one(rooms: list[Scene]) -> None:
    """The exact distance to all triangles, and rays through the pictures."""
    o3d = pytest.importorskip("open3d")
    for scene in rooms[:4]:
        mesh = triangulate_scene(scene)
        caster = o3d.t.geometry.RaycastingScene()
        caster.add_triangles(mesh.vertices.astype(np.float32), mesh.triangles.astype(np.uint32))
        eyes = np.array([view.T_world_camera[:3, 3] for view in scene.views], np.float32)
        assert caster.compute_distance(eyes).numpy().min() > NEAREST - 0.1  # door frames, rugs and mouldings stand out
        looks = np.array([view.T_world_camera[:3, 2] for view in scene.views], np.float32)
        assert (caster.cast_rays(np.hstack([eyes, looks]))["t_hit"].numpy() > NEAREST - 0.1).all()


def test_every_room_has_light(rooms: list[Scene]) -> None:
    for scene in rooms:
        assert len(scene.lamps) <= 6
        assert scene.lamps or scene.sky.zenith.min() > 0.1
        assert all((lamp.power > 0).all() and lamp.radius > 0 for lamp in scene.lamps)


def test_lamps_sit_inside_something_that_glows(rooms: list[Scene]) -> None:
    for scene in rooms:
        glowing = [thing for thing in scene.objects if thing.material.emission > 0]
        for lamp in scene.lamps:
            near = min(np.linalg.norm(thing.T_world_shape[:3, 3] - lamp.position) for thing in glowing)
            assert near < 2.0


def test_what_phones_fail_on_is_there(rooms: list[Scene]) -> None:
    things = [thing for scene in rooms for thing in scene.objects]
    thin = [thing for thing in things if isinstance(thing.shape, Cylinder) and thing.shape.radius < 0.02]
    assert len(thin) > 20 * len(rooms)
    assert sum(isinstance(thing.shape, Torus) for thing in things) > len(rooms)
    assert sum(thing.material.gloss > 0.8 for thing in things) >= 1  # mirrors
    assert sum(thing.material.emission > 0 for thing in things) > len(rooms)  # lamps, screens, bright panes
    assert sum(_leafy(thing) for thing in things) > len(rooms) / 2


def _leafy(thing: Object) -> bool:
    """A mesh of leaves: green, of many small patches."""
    red, green, blue = thing.material.texture[::16, ::16].mean(axis=(0, 1))
    return isinstance(thing.shape, TriangleMesh) and green > max(red, blue) and len(thing.shape.triangles) >= 4
