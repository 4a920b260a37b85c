"""A report with a block of each kind, around a small mesh."""

import numpy as np

from recon.fusion.mesh import Mesh
from recon.geometry.transforms import rigid
from recon.report.html import Facts, Gallery, Picture, Report, Section, Table, Text
from recon.report.mesh_view import ErrorScale, MeshView
from recon.report.plots import Bars, Curves, Histogram, Timeline

RED, GREEN, BLUE = (230, 20, 20), (20, 200, 20), (20, 20, 230)


def tripod() -> Mesh:
    """Three squares that meet in the origin, seen from (1, 1, 1): red faces +x, green +y (up), blue +z."""
    vertices, triangles, colors = [], [], []
    for axis, color in enumerate((RED, GREEN, BLUE)):
        u, v = np.roll(np.eye(3), axis + 1, axis=1)[0], np.roll(np.eye(3), axis + 2, axis=1)[0]
        start = len(vertices)
        vertices += [0 * u, u, u + v, v]
        triangles += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
        colors += [color] * 4
    return Mesh(np.array(vertices), np.array(triangles, np.int32), None, np.array(colors, np.uint8))


def looking_back() -> np.ndarray:
    """Cameras that stand upright at x 0.1 to 0.9 and look along -z."""
    return np.array([rigid(np.diag([1.0, -1, -1]), np.array([x, 0.5, 0.9])) for x in np.linspace(0.1, 0.9, 9)])


def made_report(name: str = "kitchen", mesh: Mesh | None = None) -> Report:
    """Every string of it is ``name``."""
    values = np.linspace(0, 1, 50)
    blocks = [
        MeshView(mesh or tripod(), name, "y", [looking_back()], ErrorScale(5.0, name)),
        Text(name),
        Text(name, code=True),
        Facts({name: name}),
        Table((name, name), [(name, name)]),
        Gallery([Picture(np.full((40, 60, 3), 90, np.uint8), name)]),
        Bars({name: (1.0, name)}),
        Timeline([name, "used", name]),
        Curves(values, {name: values}, name, name),
        Histogram({name: values}, name, 1.0, {name: 0.5}, name),
    ]
    return Report(name, name, [Section(name, blocks), Section(name, [Text(name)], folded=True)])
