import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from recon.captures.base import LidarSweep, MovingBox
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject
from recon.geometry.transforms import invert, rigid
from recon.prompts.from_lidar import lidar_depth, moving_pixels, sensor_depth

KITTI = Camera.from_focal(1240, 376, 720.0, 720.0, 610.0, 173.0)
WIDE = Camera.from_focal(1600, 900, 1260.0, 1260.0, 810.0, 490.0)
PORTRAIT = Camera.from_focal(1550, 2048, 1700.0, 1700.0, 775.0, 1020.0)
LIDAR = np.array([0.05, -0.1, -0.3])  # above and behind the camera, in its axes
ROAD = 1.65  # metres below the camera
FAR = 200.0
GRIDS = {"KITTI": (KITTI, 64, -24.8, 2.0), "32 beams": (WIDE, 32, -30.7, 10.7), "portrait": (PORTRAIT, 64, -25.0, 15.0)}
SKY_ROWS = 12  # the widest gap that is filled, in rows of the prompt


def rays(beams: int, lowest_deg: float, highest_deg: float, turn: int = 2000) -> np.ndarray:
    elevation = np.radians(np.linspace(lowest_deg, highest_deg, beams))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, turn, endpoint=False)
    x, z = np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth)
    return np.stack([x, np.broadcast_to(-np.sin(elevation), x.shape), z], axis=-1).reshape(-1, 3)


def hits(directions: np.ndarray, normal: np.ndarray, distance: float) -> np.ndarray:
    """Distance along each ray from the LiDAR to the plane normal @ p = distance, inf where it misses."""
    with np.errstate(divide="ignore"):
        along = (distance - normal @ LIDAR) / (directions @ normal)
    return np.where(along > 0, along, np.inf)


def points(directions: np.ndarray, along: np.ndarray) -> np.ndarray:
    kept = along < FAR
    return (LIDAR + along[kept, None] * directions[kept]).astype(np.float32)


def street(beams: int = 64, lowest: float = -24.8, highest: float = 2.0) -> np.ndarray:
    """Road, a wall at the right and a far wall."""
    directions = rays(beams, lowest, highest)
    road = hits(directions, np.array([0.0, 1.0, 0.0]), ROAD)
    side, end = hits(directions, np.array([1.0, 0.0, 0.0]), 6.0), hits(directions, np.array([0.0, 0.0, 1.0]), 40.0)
    return points(directions, np.minimum(np.minimum(road, side), end))


@pytest.mark.parametrize("grid", GRIDS)
@given(turn_deg=st.floats(-30, 30), tilt_deg=st.floats(-20, 20), distance=st.floats(4, 30))
@settings(max_examples=15, deadline=None)
def test_a_plane_completes_to_the_plane(grid: str, turn_deg: float, tilt_deg: float, distance: float) -> None:
    camera, *beams = GRIDS[grid]
    normal = Rotation.from_euler("yx", [turn_deg, tilt_deg], degrees=True).apply([0.0, 0.0, 1.0])
    directions = rays(*beams)
    sensor = sensor_depth(LidarSweep(points(directions, hits(directions, normal, distance)), camera), FAR)
    known = sensor.depth > 0
    assert known.mean() > 0.25
    ray = backproject(np.ones_like(sensor.depth), sensor.camera)[known]
    expected = distance / (ray @ normal)
    error = np.abs(sensor.depth[known] / expected - 1)
    assert np.median(error) < 0.005
    assert np.quantile(error, 0.999) < 0.05
    assert error.max() < 0.1  # where rays graze it


@pytest.mark.parametrize("grid", GRIDS)
def test_the_road_before_the_car_has_no_holes_and_lies_flat(grid: str) -> None:
    camera, *beams = GRIDS[grid]
    directions = rays(*beams)
    sensor = sensor_depth(
        LidarSweep(points(directions, hits(directions, np.array([0.0, 1.0, 0.0]), ROAD)), camera), FAR
    )
    rows = np.arange(sensor.camera.height)
    expected = ROAD * sensor.camera.fy / np.maximum(rows - sensor.camera.cy, 1e-3)
    lowest = ROAD / np.tan(np.radians(-beams[1] - 3))  # where beams end
    near = (expected > lowest) & (expected < 20)
    middle = sensor.depth[near][:, sensor.camera.width // 3 : 2 * sensor.camera.width // 3]
    assert (middle > 0).all()
    error = np.abs(middle / expected[near, None] - 1)
    assert np.median(error) < 0.03
    assert error.max() < 0.15


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("width", [0.3, 1.0, 3.0])
def test_a_far_wall_never_shines_through_a_near_post(grid: str, width: float) -> None:
    camera, *beams = GRIDS[grid]
    directions = rays(*beams)
    wall = hits(directions, np.array([0.0, 0.0, 1.0]), 40.0)
    post = hits(directions, np.array([0.0, 0.0, 1.0]), 8.0)
    beside = np.abs(LIDAR[0] + post * directions[:, 0] - 1.0) > width / 2  # the LiDAR sees past it, the camera does not
    sensor = sensor_depth(LidarSweep(points(directions, np.where(beside, wall, post)), camera), FAR)
    camera = sensor.camera
    columns = camera.fx * (1.0 + np.array([-0.5, 0.5]) * width) / 8.0 + camera.cx
    across = slice(int(np.ceil(columns[0])) + 2, int(columns[1]) - 1)  # but a point's distance at the edges
    below_top = np.flatnonzero((sensor.depth[:, across] > 0).all(1))[3:-3]
    assert len(below_top) > 30
    np.testing.assert_allclose(sensor.depth[below_top, across], 8, rtol=1e-5)


@pytest.mark.parametrize("grid", GRIDS)
def test_nothing_is_known_above_the_highest_beam(grid: str) -> None:
    camera, *beams = GRIDS[grid]
    sensor = sensor_depth(LidarSweep(street(*beams), camera), FAR)
    measured = sensor.confidence == 2
    top = np.where(measured.any(0), measured.argmax(0), len(measured)).astype(np.float32)
    around = cv2.erode(top[None], np.ones((1, 2 * SKY_ROWS + 1)))[0]  # the least of the columns within reach
    assert not (sensor.depth > 0)[np.arange(len(measured))[:, None] < around].any()
    assert (sensor.depth > 0)[int(np.median(top)) + 1 :].mean() > 0.5


@pytest.mark.parametrize(("half_gap_deg", "closes"), [(0.2, True), (0.4, True), (1.3, False), (4, False)])
def test_a_narrow_gap_closes_and_a_wide_one_stays_unknown(half_gap_deg: float, closes: bool) -> None:
    directions = rays(64, -24.8, 2.0)
    along = hits(directions, np.array([0.0, 0.0, 1.0]), 20.0)
    bearing = np.degrees(np.arctan2(directions[:, 0], directions[:, 2]))
    along[np.abs(bearing - 8) < half_gap_deg] = np.inf
    depth = sensor_depth(LidarSweep(points(directions, along), KITTI), FAR).depth
    camera = KITTI.resized(depth.shape[1], depth.shape[0])
    middle = round(camera.cx + camera.fx * np.tan(np.radians(8)))
    assert ((depth[100:180, middle - 3 : middle + 4] > 0) == closes).all()


def test_the_nearest_of_a_pixel_is_measured_and_depth_is_along_the_axis() -> None:
    camera = Camera.from_focal(20, 10, 10.0, 10.0, 10.0, 5.0)
    cloud = np.array([[3, 0, 10], [1.5, 0.01, 5], [0, 0, 7], [0, 0, -7], [0, 0, 0.2]], np.float32)
    sensor = lidar_depth(cloud, camera, FAR)
    np.testing.assert_array_equal(np.argwhere(sensor.confidence == 2), [[5, 10], [5, 13]])
    assert sensor.depth[5, [10, 13]].tolist() == [7, 5]


def test_confidence_tells_measured_from_completed_from_unknown() -> None:
    sensor = sensor_depth(LidarSweep(street(), KITTI), FAR)
    assert sensor.confidence is not None
    np.testing.assert_array_equal(sensor.confidence > 0, sensor.depth > 0)
    assert 0.1 < (sensor.confidence == 2).mean() < 0.3
    assert 0.2 < (sensor.confidence == 1).mean() < 0.6


def test_beyond_the_greatest_depth_is_unknown() -> None:
    whole, cut = (sensor_depth(LidarSweep(street(), KITTI), limit) for limit in (FAR, 25.0))
    np.testing.assert_array_equal(cut.depth, np.where(whole.depth <= 25, whole.depth, 0))
    assert (whole.depth > 25).any()


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_the_order_of_points_changes_nothing(seed: int) -> None:
    cloud = street()
    shuffled = np.random.default_rng(seed).permutation(cloud)
    first, second = (sensor_depth(LidarSweep(each, KITTI), FAR) for each in (cloud, shuffled))
    np.testing.assert_array_equal(first.depth, second.depth)
    np.testing.assert_array_equal(first.confidence, second.confidence)


@pytest.mark.parametrize("scale", [0.5, 2.0, 4.0])
def test_a_larger_world_is_proportionally_deeper(scale: float) -> None:
    directions = rays(64, -24.8, 2.0)
    wall = points(directions, hits(directions, np.array([0.6, 0.0, 0.8]), 10.0))
    one, other = (sensor_depth(LidarSweep(cloud, KITTI), 1e4).depth for cloud in (wall, wall * np.float32(scale)))
    np.testing.assert_array_equal(one > 0, other > 0)
    np.testing.assert_allclose(other, one * scale, rtol=1e-3)


def test_points_twice_are_points_once() -> None:
    once, twice = (sensor_depth(LidarSweep(cloud, KITTI), FAR) for cloud in (street(), np.tile(street(), (2, 1))))
    np.testing.assert_array_equal(once.depth, twice.depth)


@pytest.mark.parametrize("camera", [KITTI, WIDE, PORTRAIT])
def test_the_grid_has_192_rows_and_the_aspect_of_the_picture(camera: Camera) -> None:
    sensor = sensor_depth(LidarSweep(street(), camera), FAR)
    assert sensor.depth.shape == (192, round(192 * camera.width / camera.height))
    assert sensor.depth.dtype == np.float32
    assert sensor.confidence is not None
    assert sensor.confidence.dtype == np.uint8
    np.testing.assert_array_equal(sensor.camera.K, camera.resized(sensor.depth.shape[1], 192).K)


@pytest.mark.parametrize(
    "cloud", [np.zeros((0, 3)), np.zeros((5, 3)), np.array([[1.0, 2.0, -3.0]] * 9), np.array([[900.0, 0.0, 1.0]])]
)
def test_a_camera_that_sees_no_point_has_an_empty_map(cloud: np.ndarray) -> None:
    sensor = sensor_depth(LidarSweep(cloud.astype(np.float32), KITTI), FAR)
    assert not sensor.depth.any()
    assert sensor.confidence is not None
    assert not sensor.confidence.any()


def test_a_lone_point_is_one_pixel() -> None:
    sensor = sensor_depth(LidarSweep(np.array([[0, 0, 9]], np.float32), KITTI), FAR)
    assert np.count_nonzero(sensor.depth) == 1
    assert sensor.depth.max() == 9


def in_a_box(box: MovingBox, camera: Camera) -> np.ndarray:
    """Pixels whose ray meets the box before the camera, by the slabs between its opposite sides."""
    T_box_camera = invert(box.T_camera_box)
    ray = backproject(np.ones((camera.height, camera.width)), camera) @ T_box_camera[:3, :3].T
    with np.errstate(divide="ignore"):
        sides = (np.array([[-0.5], [0.5]]) * box.size - T_box_camera[:3, 3])[:, None, None] / ray
    enters, leaves = sides.min(0).max(-1), sides.max(0).min(-1)
    return leaves >= np.maximum(enters, 0.5)


@given(
    st.tuples(st.floats(-8, 8), st.floats(-2, 3), st.floats(-6, 30)),
    st.tuples(st.floats(0.3, 6), st.floats(0.3, 3), st.floats(0.3, 12)),
    st.floats(-180, 180),
)
@settings(max_examples=60, deadline=None)
def test_moving_pixels_are_those_whose_rays_meet_a_box(centre: tuple, size: tuple, turn_deg: float) -> None:
    camera = KITTI.resized(320, 97)
    box = MovingBox(
        rigid(Rotation.from_euler("y", turn_deg, degrees=True).as_matrix(), np.array(centre)), np.array(size)
    )
    found = moving_pixels(LidarSweep(np.zeros((0, 3), np.float32), KITTI, (box,)), camera)
    margin = 4  # what covers a pixel may lie beside the picture
    around = camera.cropped(-margin, -margin, camera.width + 2 * margin, camera.height + 2 * margin)
    exact = in_a_box(box, around).astype(np.uint8)
    inner = np.s_[margin:-margin, margin:-margin]
    assert not (found & (cv2.dilate(exact, np.ones((5, 5)))[inner] == 0)).any()  # sharp corners end between pixels
    assert not (~found & (cv2.erode(exact, np.ones((3, 3)))[inner] > 0)).any()


def test_moving_pixels_of_several_boxes_are_all_told() -> None:
    boxes = tuple(MovingBox(rigid(np.eye(3), np.array([x, 0.0, 10.0])), np.full(3, 1.0)) for x in (-3.0, 3.0))
    found = moving_pixels(LidarSweep(np.zeros((0, 3), np.float32), KITTI, boxes), KITTI)
    columns = np.flatnonzero(found.any(0))
    # The near faces, 9.5 m away: 610 + 720 x (-3.5 ... -2.5) / 9.5 and its mirror image.
    np.testing.assert_allclose([columns.min(), columns.max()], [344.7, 875.3], atol=1)
    assert not found[:, 440:780].any()


def test_without_boxes_nothing_moves() -> None:
    assert not moving_pixels(LidarSweep(street(), KITTI), KITTI).any()


def test_a_lidars_points_stay_where_they_were_measured() -> None:
    sensor = sensor_depth(LidarSweep(street(), KITTI), FAR)
    measured = sensor.confidence == 2
    found = backproject(sensor.depth, sensor.camera)[measured]
    off = np.minimum.reduce([np.abs(found[:, 1] - ROAD), np.abs(found[:, 0] - 6), np.abs(found[:, 2] - 40)])
    assert np.quantile(off / found[:, 2], 0.99) < 0.5 / sensor.camera.fy * 1.1  # half a pixel
