import numpy as np
from measured_shapes import moved, sheet

from recon.evaluation.culling import seen
from recon.evaluation.views import Views
from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid

CAMERA = Camera.from_focal(101, 51, 100.0, 100.0, 50.0, 25.0)  # |x| < 0.505 z, |y| < 0.255 z
WALL = moved(sheet(20, 20), [-10, -10, 2])
TURNED = np.diag([-1.0, 1, -1])  # looks along -z


def views(*poses: np.ndarray, reach: float = np.inf) -> Views:
    return Views(np.array(poses), (CAMERA,) * len(poses), reach)


def test_a_point_counts_inside_the_picture_before_the_camera_and_before_the_surface() -> None:
    points = {
        (0, 0, 1.0): True, (0.5, 0, 1.0): True, (0.51, 0, 1.0): False, (-0.5, 0, 1.0): True, (-0.51, 0, 1.0): False,
        (0, 0.25, 1.0): True, (0, 0.26, 1.0): False, (0, -0.26, 1.0): False, (0, 0, -1.0): False, (0, 0, 0.0): False,
        (0, 0, 2.0): True, (0, 0, 2.09): True, (0, 0, 2.11): False, (0, 0, 4.0): False,
    }  # fmt: skip
    found = seen(np.array(list(points), np.float64), WALL, views(np.eye(4)), margin=0.1)
    assert found.tolist() == list(points.values())


def test_reach_is_depth_along_the_optical_axis() -> None:
    points = np.array([[0.45, 0.0, 1.0], [0.0, 0.0, 1.005], [0.0, 0.0, 1.02]])  # the first is 1.097 m away
    found = seen(points, WALL, views(np.eye(4), reach=1.0), margin=0.01)
    assert found.tolist() == [True, True, False]


def test_one_camera_of_several_is_enough_and_each_has_its_own_side() -> None:
    points = np.array([[0.0, 0, 1], [0.0, 0, 3], [3.0, 0, 1], [0.0, 0, 5]])
    behind = rigid(TURNED, np.array([0.0, 0, 4]))
    assert seen(points, WALL, views(np.eye(4)), 0.01).tolist() == [True, False, False, False]
    assert seen(points, WALL, views(behind), 0.01).tolist() == [False, True, False, False]
    assert seen(points, WALL, views(np.eye(4), behind), 0.01).tolist() == [True, True, False, False]


def test_points_of_the_surface_itself_are_seen_even_at_a_glance() -> None:
    floor = moved(sheet(1, 8, step=0.5), [-0.5, 0.3, 1])
    slanted = floor.vertices[:, [0, 2, 1]] * [1, 0.2, 1] + [0, 0, 1]  # a floor 0.2 m below the eye, 1 to 9 m away
    mesh = type(floor)(slanted, floor.triangles)
    inside = np.abs(slanted[:, 0]) < 0.5 * slanted[:, 2]
    assert seen(slanted, mesh, views(np.eye(4)), margin=0.01)[inside].all()


def test_all_progress_is_told_and_none_is_needed() -> None:
    told = []
    seen(np.array([[0.0, 0, 1]]), WALL, views(np.eye(4), np.eye(4)), 0.01, lambda *step: told.append(step))
    assert told[-1] == ("cull", 2, 2)
