"""A mesh coloured by its distance to the truth."""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from recon.evaluation.alignment import Alignment
from recon.evaluation.mesh_metrics import nearest_on_surface
from recon.evaluation.nearest import nearest_points
from recon.evaluation.usable import centred, usable
from recon.fusion.mesh import Mesh
from recon.geometry.transforms import apply, rigid


def colored_by_error(predicted: Mesh, truth: Mesh, alignment: Alignment | None, limit: float) -> Mesh:
    """The prediction with each vertex coloured from blue (on the truth) over green to red (``limit`` metres or more).

    Where it was aligned it is given so, in the truth's world. Colours change between vertices only, so they tell
    little of triangles larger than the errors' extent. What is not finite is left out.
    """
    predicted, truth = usable(predicted, "prediction")[0], usable(truth, "truth")[0]
    if not len(predicted.vertices):
        return dataclasses.replace(predicted, normals=None, colors=np.zeros((0, 3), np.uint8))
    if alignment is not None:
        centre = centred(truth)
        vertices = apply(alignment.T_truth_prediction, predicted.vertices - centre) + centre
        predicted = Mesh(vertices, predicted.triangles)
    if len(truth.triangles):
        distance, _ = nearest_on_surface(predicted.vertices, truth)
    else:
        distance, _ = nearest_points(predicted.vertices, truth.vertices)
    return dataclasses.replace(predicted, colors=_colors(distance / limit))


def viewpoint(shape: Mesh) -> Float[np.ndarray, "1 4 4"]:
    """A camera before a y-up shape, for pictures of what came without cameras; looks along -z."""
    low, high = shape.vertices.min(axis=0), shape.vertices.max(axis=0)
    back = np.array([0.0, 0, np.linalg.norm(high - low)])
    return rigid(np.diag([1.0, -1, -1]), (low + high) / 2 + back)[None]


def _colors(share: Float[np.ndarray, " n"]) -> UInt8[np.ndarray, "n 3"]:
    scale = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1]
    return scale[np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)]
