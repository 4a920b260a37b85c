"""Boxes around objects touch the triangles of every shape, however turned and stretched."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.geometry.transforms import apply
from train.synthetic.extent import extent
from train.synthetic.scene import Box, Cylinder, Material, Object, Quad, Shape, Sphere, Torus
from train.synthetic.surfaces import cushion
from train.synthetic.triangulation import SAGITTA, triangulate

GREY = Material(np.full((128, 128, 3), 128, np.uint8))
SHAPES = [
    Box(np.array([0.3, 1.0, 2.0])),
    Cylinder(0.3, 0.8),
    Sphere(0.5),
    Torus(0.5, 0.1),
    Quad(0.4, 1.2),
    cushion(np.array([0.5, 0.2, 0.9])),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
@pytest.mark.parametrize("seed", range(4))
def test_the_box_is_tight_around_the_triangles(shape: Shape, seed: int) -> None:
    rng = np.random.default_rng(seed)
    T = np.eye(4)
    T[:3, :3] = Rotation.random(random_state=seed).as_matrix() @ np.diag(rng.uniform(0.5, 2, 3))
    T[:3, 3] = rng.normal(size=3)
    low, high = extent([Object(shape, GREY, T)])
    vertices = apply(T, triangulate(shape).vertices.astype(float))
    # Triangles lie inside round shapes: by a sagitta around the axis, and by half a facet's turn along it.
    slack = 2 * SAGITTA + 0.02
    assert (vertices.min(axis=0) >= low - 1e-9).all()
    assert (vertices.max(axis=0) <= high + 1e-9).all()
    np.testing.assert_allclose(vertices.min(axis=0), low, atol=slack)
    np.testing.assert_allclose(vertices.max(axis=0), high, atol=slack)
