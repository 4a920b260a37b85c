"""Normals and texture coordinates of corners against shapes whose normals are known."""

import numpy as np

from train.synthetic.mesh_corners import box_mapped, corner_normals
from train.synthetic.scene import Box, Cylinder, Sphere
from train.synthetic.triangulation import triangulate


def test_a_box_keeps_its_edges() -> None:
    mesh = triangulate(Box(np.array([1.0, 2.0, 3.0])))
    normals = corner_normals(mesh.vertices, mesh.triangles)
    np.testing.assert_allclose(np.abs(normals).max(axis=2), 1.0)
    outwards = (normals * mesh.vertices[mesh.triangles]).sum(axis=2)
    assert (outwards > 0).all()


def test_a_sphere_is_round() -> None:
    mesh = triangulate(Sphere(0.3))
    normals = corner_normals(mesh.vertices, mesh.triangles)
    np.testing.assert_allclose(normals, mesh.vertices[mesh.triangles] / 0.3, atol=0.05)  # a flat side bends by 0.1


def test_a_cylinder_is_round_with_flat_ends() -> None:
    mesh = triangulate(Cylinder(0.5, 1.0))
    normals = corner_normals(mesh.vertices, mesh.triangles)
    ends = np.abs(normals[..., 1]) > 0.5
    np.testing.assert_allclose(np.abs(normals[ends][:, 1]), 1.0)
    radial = mesh.vertices[mesh.triangles] * [2.0, 0.0, 2.0]
    np.testing.assert_allclose(normals[~ends], radial[~ends], atol=0.02)


def test_corners_are_smooth_whether_or_not_they_are_shared() -> None:
    mesh = triangulate(Sphere(0.3))
    apart = mesh.vertices[mesh.triangles].reshape(-1, 3)
    alone = np.arange(len(apart)).reshape(-1, 3)
    shared = corner_normals(mesh.vertices, mesh.triangles)
    np.testing.assert_allclose(corner_normals(apart, alone), shared, atol=1e-9)


def test_degenerate_triangles_have_no_nan() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    assert np.isfinite(corner_normals(vertices, np.array([[0, 1, 2], [1, 1, 1]]))).all()


def test_box_mapping_takes_the_plane_the_face_looks_along() -> None:
    mesh = triangulate(Box(np.array([2.0, 4.0, 6.0])))
    uv = box_mapped(mesh.vertices, mesh.triangles, 2.0)
    corners = mesh.vertices[mesh.triangles] / 2
    axis = np.abs(corner_normals(mesh.vertices, mesh.triangles)[:, 0]).argmax(axis=1)
    for facing, plane in enumerate(((2, 1), (0, 2), (0, 1))):
        np.testing.assert_array_equal(uv[axis == facing], corners[axis == facing][..., plane])
