import numpy as np
import pytest
from exact_depth import CAMERA, around, plane_depth, sphere_depth
from scipy.spatial import cKDTree

from recon.depth.depth_map import DepthMap
from recon.errors import MeshError, ResourceError
from recon.fusion import volume as volume_module
from recon.fusion.mesh import Mesh
from recon.fusion.touched import touched_blocks
from recon.fusion.volume import Volume
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject
from recon.geometry.transforms import apply

VOXEL = 0.02
CENTRE = np.array([0.3, -0.2, 0.5])
RADIUS = 0.4
SLANTED = np.array([0.6, 0.3, -1.0]) / np.linalg.norm([0.6, 0.3, -1.0])  # 34 degrees off the optical axis


def make_volume(origin=(0.0, 0.0, 0.0), voxel_size=VOXEL, **more) -> Volume:
    return Volume(voxel_size, 4 * voxel_size, 5.0, np.array(origin, np.float64), capacity=more.get("capacity", 600))


def fuse_sphere(shift=(0.0, 0.0, 0.0), order=slice(None), **more) -> Mesh:
    volume = make_volume(np.add(shift, more.pop("origin", 0.0)), **more)
    for T_world_camera in around(CENTRE, 1.3)[order]:
        depth = sphere_depth(CENTRE, RADIUS, T_world_camera)
        T_shifted = T_world_camera.copy()
        T_shifted[:3, 3] += shift
        volume.integrate(depth, None, T_shifted)
    return volume.extract_mesh()


def sorted_rows(points: np.ndarray) -> np.ndarray:
    """In an order that rounding errors far below a voxel cannot change."""
    return points[np.lexsort(np.round(points, 5).T)]


def assert_same_surface(a: np.ndarray, b: np.ndarray, tolerance: float) -> None:
    assert len(a) == len(b)
    assert cKDTree(a).query(b)[0].max() < tolerance
    assert cKDTree(b).query(a)[0].max() < tolerance


def test_exact_depth_of_a_sphere_gives_the_sphere() -> None:
    mesh = fuse_sphere()
    error = np.linalg.norm(mesh.vertices - CENTRE, axis=1) - RADIUS
    # Depth of the nearest pixel, a pixel being 1 cm wide, on a curved surface: a quarter of a voxel on average.
    assert np.abs(error).mean() < VOXEL / 4
    assert np.median(error) < VOXEL / 10
    assert mesh.vertices.dtype == np.float64
    assert mesh.triangles.dtype == np.int32


def test_triangles_and_normals_face_the_camera_side() -> None:
    mesh = fuse_sphere()
    outward = mesh.vertices - CENTRE
    assert ((mesh.normals * outward).sum(axis=1) > 0).mean() > 0.99
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    assert ((np.cross(b - a, c - a) * (a - CENTRE)).sum(axis=1) >= 0).mean() > 0.99


def test_a_slanted_plane_lands_where_it_is() -> None:
    """Half a pixel, were Open3D's convention not met, would move it by several millimetres."""
    volume = make_volume(voxel_size=0.01, capacity=4000)
    volume.integrate(plane_depth(SLANTED, -1.5), None, np.eye(4))
    offset = volume.extract_mesh().vertices @ SLANTED + 1.5
    assert abs(np.median(offset)) < 0.0003
    assert abs(offset.mean()) < 0.0003


def test_raycast_gives_back_the_depth_that_went_in() -> None:
    volume = make_volume(voxel_size=0.01, capacity=4000)
    depth_map = plane_depth(SLANTED, -1.5)
    volume.integrate(depth_map, None, np.eye(4))
    seen = volume.raycast(CAMERA, np.eye(4))
    inner = seen[8:-8, 8:-8]
    assert (inner > 0).all()
    assert abs(np.median(inner - depth_map.depth[8:-8, 8:-8])) < 0.0003


def test_raycast_sees_what_was_integrated_since_the_last_one() -> None:
    volume = make_volume()
    near = DepthMap(np.full((CAMERA.height, CAMERA.width), 1.0, np.float32), CAMERA)
    far = DepthMap(np.full((CAMERA.height, CAMERA.width), 2.0, np.float32), CAMERA)
    volume.integrate(far, None, np.eye(4))
    assert abs(np.median(volume.raycast(CAMERA, np.eye(4))) - 2) < 0.001
    volume.integrate(near, None, np.eye(4))
    assert abs(np.median(volume.raycast(CAMERA, np.eye(4))) - 1) < 0.001


def test_a_grazing_plane_has_no_holes() -> None:
    """Every fourth pixel, as Open3D takes them to find blocks, would leave some out."""
    normal = np.array([np.sin(np.radians(70)), 0, -np.cos(np.radians(70))])
    depth_map = plane_depth(normal, -0.5)
    volume = make_volume(voxel_size=0.01, capacity=4000)
    volume.integrate(depth_map, None, np.eye(4))
    # At 70 degrees neighbouring pixels differ by 2.7 / 110 of the depth, 3.4 cm here: less than the truncation.
    within = (depth_map.depth > 0) & (depth_map.depth < 1.4)
    within[:, :4] = within[:, -4:] = within[:4] = within[-4:] = False
    assert within.sum() > 2000
    assert (volume.raycast(CAMERA, np.eye(4))[within] > 0).all()


def test_a_mirrored_capture_gives_a_mirrored_mesh() -> None:
    mirror = np.diag([-1.0, 1, 1, 1])
    mirrored_camera = Camera.from_focal(
        CAMERA.width, CAMERA.height, CAMERA.fx, CAMERA.fy, CAMERA.width - 1 - CAMERA.cx, CAMERA.cy
    )
    mirrored = make_volume()
    for T_world_camera in around(CENTRE, 1.3):
        depth = sphere_depth(CENTRE, RADIUS, T_world_camera).depth[:, ::-1]
        mirrored.integrate(
            DepthMap(np.ascontiguousarray(depth), mirrored_camera), None, mirror @ T_world_camera @ mirror
        )
    expected = fuse_sphere().vertices * [-1, 1, 1]
    mesh = mirrored.extract_mesh()
    # Blocks are not mirrored about the origin, so that at rims a few voxels more or fewer are in them.
    distance = cKDTree(expected).query(mesh.vertices)[0]
    assert np.percentile(distance, 99) < VOXEL / 100
    assert distance.max() < 2 * VOXEL
    assert ((mesh.normals * (mesh.vertices - CENTRE * [-1, 1, 1])).sum(axis=1) > 0).mean() > 0.99


@pytest.mark.parametrize("shift", [(1.25, -3.5, 2.0), (432_123.25, 120.5, 5_412_345.75)])
def test_a_shifted_world_gives_the_shifted_mesh(shift: tuple[float, float, float]) -> None:
    expected = fuse_sphere().vertices + shift
    assert_same_surface(fuse_sphere(shift).vertices, expected, 1e-5)  # float64 of 5e6 m resolves a nanometre


def test_the_order_of_frames_changes_nothing_but_rounding() -> None:
    assert_same_surface(fuse_sphere(order=slice(None, None, -1)).vertices, fuse_sphere().vertices, 1e-4)


def test_the_same_frames_give_the_same_mesh() -> None:
    np.testing.assert_array_equal(sorted_rows(fuse_sphere().vertices), sorted_rows(fuse_sphere().vertices))


def test_a_tiny_capacity_grows_and_loses_no_block() -> None:
    tiny, large = fuse_sphere(capacity=1), fuse_sphere(capacity=5000)
    np.testing.assert_array_equal(sorted_rows(tiny.vertices), sorted_rows(large.vertices))


def flat(depth: float = 1.0) -> DepthMap:
    return DepthMap(np.full((CAMERA.height, CAMERA.width), depth, np.float32), CAMERA)


def test_colour_comes_from_the_pixel_that_shows_the_point() -> None:
    """A wall at 1 m, red left of the optical axis and blue right of it, in a picture of another resolution."""
    width, height = 1000, 760
    boundary = round(CAMERA.resized(width, height).cx)
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :boundary, 0] = image[:, boundary:, 2] = 200
    volume = make_volume()
    volume.integrate(flat(), image, np.eye(4))
    mesh = volume.extract_mesh()
    left, right = mesh.vertices[:, 0] < -VOXEL, mesh.vertices[:, 0] > VOXEL
    assert np.abs(mesh.colors[left] - [200.0, 0, 0]).max() <= 1
    assert np.abs(mesh.colors[right] - [0.0, 0, 200]).max() <= 1


def test_without_images_the_mesh_has_no_colours() -> None:
    assert fuse_sphere().colors is None


@pytest.mark.parametrize("colored", [(True, False, True), (False, True, False), (False, False, True)])
def test_frames_without_an_image_do_not_darken_the_others(colored: tuple[bool, ...]) -> None:
    image = np.full((96, 128, 3), 150, np.uint8)
    volume = make_volume()
    for has_image in colored:
        volume.integrate(flat(), image if has_image else None, np.eye(4))
    mesh = volume.extract_mesh(min_weight=3)  # all three frames count for the shape
    assert np.abs(mesh.colors.astype(int) - 150).max() <= 1


def test_a_place_that_no_image_shows_is_grey_among_colours() -> None:
    volume = make_volume()
    volume.integrate(flat(), np.full((96, 128, 3), 20, np.uint8), np.eye(4))
    aside = np.eye(4)
    aside[0, 3] = 10.0
    volume.integrate(flat(), None, aside)
    mesh = volume.extract_mesh()
    assert (mesh.colors[mesh.vertices[:, 0] > 5] == volume_module.UNSEEN_COLOR).all()
    assert np.abs(mesh.colors[mesh.vertices[:, 0] < 5].astype(int) - 20).max() <= 1


def test_min_weight_counts_frames() -> None:
    volume = make_volume()
    for _ in range(3):
        volume.integrate(flat(), None, np.eye(4))
    assert len(volume.extract_mesh(min_weight=3).triangles)
    with pytest.raises(MeshError, match="seen in 4 frames"):
        volume.extract_mesh(min_weight=4)


def test_depth_beyond_the_limit_is_not_there() -> None:
    volume = make_volume()
    volume.integrate(flat(6.0), None, np.eye(4))
    assert volume.active_blocks == 0
    with pytest.raises(MeshError, match="no frame had any depth within range"):
        volume.extract_mesh()


def test_more_blocks_than_open3d_can_address_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume_module, "MAX_BLOCKS", 10)
    with pytest.raises(ResourceError, match="use voxels larger than 0.02 m"):
        make_volume().integrate(flat(), None, np.eye(4))


def test_touched_blocks_hold_every_point_of_the_surface() -> None:
    T_volume_camera = around(CENTRE, 1.3)[3]
    depth_map = sphere_depth(CENTRE, RADIUS, T_volume_camera)
    blocks = touched_blocks(depth_map, T_volume_camera, 0.16, 0.08, 5.0)
    points = apply(T_volume_camera, backproject(depth_map.depth, CAMERA)[depth_map.depth > 0].astype(np.float64))
    holding = {tuple(block) for block in np.floor(points / 0.16).astype(int)}
    assert holding <= {tuple(block) for block in blocks}
    assert len(np.unique(blocks, axis=0)) == len(blocks)
    assert (blocks < 0).any()  # so that negative coordinates are covered
