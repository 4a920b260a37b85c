"""A truncated signed distance volume that grows where depth is seen."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from recon.depth.depth_map import DepthMap
from recon.errors import MeshError, ResourceError
from recon.fusion.blocks import BLOCK_RESOLUTION, Blocks, Grid
from recon.fusion.mesh import Mesh
from recon.fusion.regions import Piece, cut, join, piece_of
from recon.fusion.touched import touched_blocks
from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from recon.geometry.resampling import resize_image
from recon.geometry.transforms import invert

# Open3D counts elements in int32, four to a voxel while it extracts.
MAX_BLOCKS = (2**31 - 1) // (4 * BLOCK_RESOLUTION**3)
INITIAL_BLOCKS = 8192
BLOCKS_IN_MEMORY = 50_000  # 0.5 GB; with more, those out of reach leave
REACH_MARGIN = 1.25  # times how far a frame may see: the next ones see a little farther on
REGION_BLOCKS = 32_768  # meshed at a time, with some more around them: 0.3 GB and as much again for Open3D's index
# Colour is shrunk until its pixels at the near quarter of the depth are half a voxel: finer ones would alias.
COLOR_PIXELS_PER_VOXEL = 2.0
UNSEEN_COLOR = 160  # of vertices that no image showed, among others that have colour


class Volume:
    """Fuses depth maps into a signed distance per voxel; wraps Open3D's ``VoxelBlockGrid``.

    The grid is shifted (not turned) by ``origin``, because its coordinates are float32.

    Args:
        voxel_size: edge of a voxel, metres.
        truncation: distances are kept to this far on either side of the surface, metres.
        depth_max: deeper pixels are ignored, metres.
        origin: a point of the world near the capture, metres.
        device: of Open3D, as in ``CPU:0`` or ``CUDA:0``.
        capacity: blocks to make room for at first; the volume grows beyond as needed.
        spill: folder on a disk for a temporary file, to which blocks out of reach of the last camera leave; they come
            back when a frame reaches them again. Without one all stay in memory.
        blocks_in_memory: as long as there are no more, none leaves.
    """

    def __init__(
        self,
        voxel_size: float,
        truncation: float,
        depth_max: float,
        origin: Float[np.ndarray, "3"],
        device: str = "CPU:0",
        capacity: int = INITIAL_BLOCKS,
        spill: Path | None = None,
        blocks_in_memory: int = BLOCKS_IN_MEMORY,
    ) -> None:
        if not (voxel_size > 0 and truncation >= voxel_size and depth_max > 0):
            raise ValueError(f"Volume of {voxel_size=}, {truncation=}, {depth_max=}; see their meaning")
        import open3d as o3d

        self.voxel_size = voxel_size
        self.truncation = truncation
        self.depth_max = depth_max
        self.origin = origin
        self._device = o3d.core.Device(device)
        self._capacity = capacity
        self._spill = spill
        self._blocks_in_memory = blocks_in_memory
        # Open3D weighs colour by the voxel's one weight: a frame without an image would darken it. While all frames
        # are alike one grid holds everything; from the first that differs on, coloured frames go to a second one.
        self._shape: Blocks | None = None
        self._color: Blocks | None = None
        self._surface: Any = None  # of the last raycast, until more is integrated

    @property
    def active_blocks(self) -> int:
        """Number of blocks in memory."""
        return 0 if self._shape is None else self._shape.in_memory

    @property
    def blocks_on_disk(self) -> int:
        """Number of blocks that have left memory."""
        return 0 if self._shape is None else self._shape.on_disk

    def integrate(
        self,
        depth_map: DepthMap,
        image: UInt8[np.ndarray, "H W 3"] | None,
        T_world_camera: Float[np.ndarray, "4 4"],
    ) -> None:
        """Adds one frame; the image shows the same view as the depth, at any resolution.

        Raises:
            ResourceError: more blocks than Open3D can address, or no space on the disk for those that leave.
        """
        T_volume_camera = T_world_camera.copy()
        T_volume_camera[:3, 3] -= self.origin
        blocks = touched_blocks(depth_map, T_volume_camera, self._block_size, self.truncation, self.depth_max)
        if not len(blocks):
            return
        self._surface = None
        shape, color = self._grids(image is not None)
        reach = furthest_reach(depth_map.camera, self.depth_max, self.truncation)
        for grid in {shape, color}:
            grid.leave(T_volume_camera[:3, 3], reach, self._blocks_in_memory)
        if self.active_blocks + len(blocks) > MAX_BLOCKS:
            raise ResourceError(
                f"the volume has {self.active_blocks:,} blocks of {BLOCK_RESOLUTION}^3 voxels, and Open3D cannot "
                f"address more than {MAX_BLOCKS:,}; use voxels larger than {self.voxel_size:g} m"
            )
        self._integrate_into(shape, blocks, depth_map, image, T_volume_camera)
        if color is not shape:
            self._integrate_into(color, blocks, depth_map, image, T_volume_camera)

    def extract_mesh(self, min_weight: int = 1) -> Mesh:
        """The surface among voxels seen in at least this many frames, coloured if any frame was.

        Raises:
            MeshError: there is none.
            ResourceError: the disk fails.
        """
        if self._shape is None:
            raise MeshError("no frame had any depth within range, so there is nothing to mesh; raise --max-depth")
        pieces = self._pieces(self._shape, min_weight)
        if not pieces:
            raise MeshError(
                f"no surface in {len(self._shape):,} blocks was seen in {min_weight} frames or more; "
                "give more frames that overlap, or check that the poses fit the depth"
            )
        return join(pieces, self.origin)

    def raycast(self, camera: Camera, T_world_camera: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "h w"]:
        """z-depth of the surface so far as this camera would see it, metres; 0 where it sees none.

        Through the extracted surface: Open3D's own ``ray_cast`` was 6 mm off where this is exact, and prints.
        """
        import open3d as o3d

        if self._surface is None:
            mesh = self.extract_mesh()
            self._surface = o3d.t.geometry.RaycastingScene()
            self._surface.add_triangles(
                (mesh.vertices - self.origin).astype(np.float32), mesh.triangles.astype(np.uint32)
            )
        directions = rays(camera) @ T_world_camera[:3, :3].T.astype(np.float32)
        position = (T_world_camera[:3, 3] - self.origin).astype(np.float32)
        origins = np.broadcast_to(position, directions.shape)
        depth = self._surface.cast_rays(np.concatenate([origins, directions], axis=-1))["t_hit"].numpy()
        return np.where(np.isfinite(depth), depth, np.float32(0))

    @property
    def _block_size(self) -> float:
        return self.voxel_size * BLOCK_RESOLUTION

    def _grids(self, colored: bool) -> tuple[Blocks, Blocks]:
        """Those that a frame with or without colour goes to, for shape and colour; they may be the same."""
        if self._shape is None:
            self._shape = self._new_blocks(colored)
            self._color = self._shape if colored else None
        elif colored and self._color is None:
            self._color = self._new_blocks(colored=True)
        elif not colored and self._color is self._shape:
            self._shape = self._shape.without_colors()
        return self._shape, self._color if colored and self._color is not None else self._shape

    def _new_blocks(self, colored: bool) -> Blocks:
        return Blocks(self.voxel_size, colored, self._capacity, self._device, self._spill)

    def _pieces(self, shape: Blocks, min_weight: int) -> list[Piece]:
        """The surface, region by region; in one if it is small."""
        blocks = shape.coordinates
        pieces = []
        for region in cut(blocks, REGION_BLOCKS):
            whole = region.is_everywhere and not shape.on_disk
            inside = blocks[region.around(blocks)]
            extracted = _extract((shape if whole else shape.copy(inside)).grid, min_weight)
            if extracted is None:
                continue
            vertices = extracted.vertex.positions.cpu().numpy()
            colors = None
            if self._color is shape:
                colors = extracted.vertex.colors.cpu().numpy() * 255
            elif self._color is not None:
                colors = self._interpolate_colors(vertices, self._color if whole else self._color.copy(inside))
            piece = piece_of(
                region,
                self._block_size,
                vertices,
                extracted.triangle.indices.cpu().numpy().astype(np.int32),
                extracted.vertex.normals.cpu().numpy(),
                None if colors is None else np.clip(np.rint(colors), 0, 255).astype(np.uint8),
            )
            if len(piece.triangles):
                pieces.append(piece)
        return pieces

    def _integrate_into(
        self,
        target: Blocks,
        blocks: Int[np.ndarray, "n 3"],
        depth_map: DepthMap,
        image: UInt8[np.ndarray, "H W 3"] | None,
        T_volume_camera: Float[np.ndarray, "4 4"],
    ) -> None:
        import open3d as o3d

        target.fetch(blocks)
        grid = target.grid
        block_coords = o3d.core.Tensor(blocks, device=self._device)
        depth = o3d.t.geometry.Image(np.ascontiguousarray(depth_map.depth)).to(self._device)
        T_camera_volume = o3d.core.Tensor(invert(T_volume_camera))
        limits = (1.0, self.depth_max, self.truncation / self.voxel_size)  # depth in units of 1 m
        K = _corner_intrinsics(depth_map.camera)
        if image is None:
            grid.integrate(block_coords, depth, K, T_camera_volume, *limits)
            return
        image = self._shrink(image, depth_map)
        K_image = _corner_intrinsics(depth_map.camera.resized(image.shape[1], image.shape[0]))
        color = o3d.t.geometry.Image(image.astype(np.float32) / 255).to(self._device)
        grid.integrate(block_coords, depth, color, K, K_image, T_camera_volume, *limits)

    def _shrink(self, image: UInt8[np.ndarray, "H W 3"], depth_map: DepthMap) -> UInt8[np.ndarray, "h w 3"]:
        """The image without pixels finer than the voxels."""
        near = float(np.percentile(depth_map.depth[depth_map.depth > 0], 25))
        focal_px = COLOR_PIXELS_PER_VOXEL * near / self.voxel_size
        scale = focal_px / depth_map.camera.resized(image.shape[1], image.shape[0]).fx
        if scale >= 1:
            return image
        return resize_image(image, max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))

    def _interpolate_colors(self, positions: Float[np.ndarray, "n 3"], among: Blocks) -> Float[np.ndarray, "n 3"]:
        """Colour (0..255) of the second grid at points of the volume: trilinear among the voxels that have any."""
        import open3d as o3d

        grid = among.grid.hashmap()
        weights, colors = (values.cpu().numpy() for values in grid.value_tensors()[1:])
        corner = np.floor(positions / self.voxel_size).astype(np.int32)
        fraction = positions / self.voxel_size - corner
        total = np.zeros((len(positions), 3))
        total_share = np.zeros((len(positions), 1))
        for offset in np.ndindex(2, 2, 2):
            block, within = np.divmod(corner + np.array(offset, np.int32), BLOCK_RESOLUTION)
            rows, found = (t.cpu().numpy() for t in grid.find(o3d.core.Tensor(block, device=self._device)))
            x, y, z = within[found].T
            address = (rows[found], z, y, x)
            share = np.where(offset, fraction, 1 - fraction).prod(axis=1, keepdims=True)[found]
            share = share * (weights[address] > 0)
            total[found] += share * colors[address]
            total_share[found] += share
        unseen = np.full_like(total, UNSEEN_COLOR)
        return np.divide(total, total_share, out=unseen, where=total_share > 0)


def furthest_reach(camera: Camera, depth_max: float, truncation: float) -> float:
    """Metres from a camera within which it and those soon to come see, through the corners of their pictures too."""
    longest = float(np.linalg.norm(rays(camera)[[0, 0, -1, -1], [0, -1, 0, -1]], axis=-1).max())
    return REACH_MARGIN * (depth_max * longest + truncation)


def _extract(grid: Grid, min_weight: int) -> Any:
    """Open3D's mesh of voxels with at least this weight, None if it has no triangles."""
    try:
        extracted = grid.extract_triangle_mesh(min_weight - 0.5)  # it asks for more than the weight it is given
    except RuntimeError as error:  # what Open3D 0.20 does with a grid without colours and without a surface
        if "SetVertexColors" in str(error):
            return None
        raise
    return extracted if len(extracted.triangle.indices) else None


def _corner_intrinsics(camera: Camera) -> Any:
    """K for Open3D's volume, which counts pixels from the corner of the first, not from its centre."""
    import open3d as o3d

    return o3d.core.Tensor(camera.K + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]))
