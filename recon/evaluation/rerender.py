"""A mesh as a set of cameras would have reconstructed it, had their depth been exact."""

import numpy as np

from recon.depth.depth_map import DepthMap
from recon.errors import MeshError
from recon.evaluation.protocols import Fusion
from recon.evaluation.views import Views
from recon.fusion.mesh import Mesh
from recon.fusion.volume import Volume
from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from recon.stream import Progress

LONG_SIDE_PX = 640  # of the rendered depth: 640x480 in Atlas and NeuralRecon


def rerendered(
    mesh: Mesh, views: Views, fusion: Fusion, progress: Progress = lambda stage, done, total: None
) -> Mesh | None:
    """The mesh rendered as depth at each pose and fused again; None if no camera sees any of it.

    What lies behind other surfaces, and double walls, disappear; both sides of a triangle are seen.
    """
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(mesh.vertices.astype(np.float32), mesh.triangles.astype(np.uint32))
    origin = views.T_world_camera[0, :3, 3].copy()
    volume = Volume(fusion.voxel_size, fusion.truncation, fusion.depth_max, origin)
    for number, (T_world_camera, camera) in enumerate(zip(views.T_world_camera, views.cameras, strict=True)):
        progress("render", number, len(views.cameras))
        small = _at_rendered_size(camera)
        directions = rays(small) @ T_world_camera[:3, :3].T.astype(np.float32)
        eye = np.broadcast_to(T_world_camera[:3, 3].astype(np.float32), directions.shape)
        depth = scene.cast_rays(np.concatenate([eye, directions], axis=-1))["t_hit"].numpy()
        depth = np.where(depth <= fusion.depth_max, depth, np.float32(0))
        volume.integrate(DepthMap(depth, small), None, T_world_camera)
    progress("render", len(views.cameras), len(views.cameras))
    try:
        return volume.extract_mesh()
    except MeshError:
        return None


def _at_rendered_size(camera: Camera) -> Camera:
    scale = LONG_SIDE_PX / max(camera.width, camera.height)
    return camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
