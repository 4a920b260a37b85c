"""A grid of blocks of voxels, of which far ones may rest on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from recon.fusion.block_file import BlockFile
from recon.fusion.touched import block_keys, blocks_of_keys

# Voxels along a block's edge. Smaller blocks hug the surface: at voxels of 1 cm blocks of 8 took 0.6 of the time and
# 0.5 of the memory of Open3D's usual 16, measured on a room of 5 x 4 m.
BLOCK_RESOLUTION = 8
BYTES_PER_VOXEL = 20  # float32: distance, weight, three colours; integers would be shorter, but their mean drifts
GROWTH = 2.0  # of the capacity whenever it is used up; for a moment both old and new are in memory
CHUNK = 4096  # blocks copied at a time, 40 MB
STILL_MORE = 1.1  # times what stayed when blocks last left, before the next may leave

Grid = Any  # a VoxelBlockGrid: Open3D is imported inside functions, since it takes seconds


class Blocks:
    """Every block is in ``grid``, Open3D's ``VoxelBlockGrid``, or else in a file.

    Args:
        voxel_size: edge of a voxel, metres.
        colored: whether voxels have a colour besides distance and weight.
        capacity: blocks to make room for at first; the grid grows beyond as needed.
        device: Open3D's.
        folder: for the file; without one, all blocks stay in the grid.
    """

    def __init__(self, voxel_size: float, colored: bool, capacity: int, device: Any, folder: Path | None) -> None:
        import open3d as o3d

        self._settings = (voxel_size, capacity, device, folder)
        self._channels = (1, 1, 3) if colored else (1, 1)
        self._file: BlockFile | None = None
        self._leave_above = 0  # blocks
        self.grid: Grid = o3d.t.geometry.VoxelBlockGrid(
            attr_names=("tsdf", "weight", "color")[: len(self._channels)],
            attr_dtypes=(o3d.core.float32,) * len(self._channels),
            attr_channels=tuple((count,) for count in self._channels),
            voxel_size=voxel_size,
            block_resolution=BLOCK_RESOLUTION,
            block_count=capacity,
            device=device,
        )

    def __len__(self) -> int:
        return self.in_memory + self.on_disk

    @property
    def in_memory(self) -> int:
        """Number of blocks in the grid."""
        return int(self.grid.hashmap().size())

    @property
    def on_disk(self) -> int:
        """Number of blocks in the file."""
        return 0 if self._file is None else len(self._file)

    @property
    def coordinates(self) -> Int[np.ndarray, "n 3"]:
        """Of all blocks, int32."""
        stored = [] if self._file is None else [blocks_of_keys(self._file.keys)]
        return np.concatenate([self._in_grid()[0], *stored])

    def leave(self, position: Float[np.ndarray, "3"], reach: float, most: int) -> None:
        """Moves blocks farther than ``reach`` (metres) from a place to the file, once more than ``most`` are in memory.

        Raises:
            ResourceError: the disk is full.
        """
        voxel_size, _, _, folder = self._settings
        if folder is None or self.in_memory <= max(most, self._leave_above):
            return
        block_size = voxel_size * BLOCK_RESOLUTION
        blocks, rows = self._in_grid()
        far = np.linalg.norm((blocks + 0.5) * block_size - position, axis=1) > reach
        order = np.argsort(block_keys(blocks[far].T))  # neighbours come back together
        blocks, rows = blocks[far][order], rows[far][order]
        if len(blocks) and self._file is None:
            self._file = BlockFile(folder, sum(self._channels) * BLOCK_RESOLUTION**3)
        for part in _chunks(len(blocks)):
            self._store(blocks[part], rows[part])
        self._leave_above = int(STILL_MORE * self.in_memory)

    def fetch(self, blocks: Int[np.ndarray, "n 3"]) -> None:
        """Makes room for these blocks and moves those of them that are in the file back into the grid.

        Raises:
            ResourceError: the disk fails.
        """
        import open3d as o3d

        hashmap = self.grid.hashmap()
        if hashmap.size() + len(blocks) <= hashmap.capacity() and self._file is None:
            return
        _, found = hashmap.find(o3d.core.Tensor(blocks, device=hashmap.device))
        keys = block_keys(blocks[~found.cpu().numpy()].T)
        if hashmap.size() + len(keys) > hashmap.capacity():
            # Open3D by itself adds just what it lacks, and so copies the grid each time.
            hashmap.reserve(max(hashmap.size() + len(keys), int(GROWTH * hashmap.capacity())))
        if self._file is None:
            return
        stored = self._file.has(keys)
        for part in _chunks(int(stored.sum())):
            self._insert(*self._file.take(keys[stored][part]))
        for part in _chunks(int((~stored).sum())):  # new: Open3D would give them what blocks that left have held
            fresh = keys[~stored][part]
            self._insert(fresh, np.zeros((len(fresh), sum(self._channels) * BLOCK_RESOLUTION**3), np.float32))

    def copy(self, blocks: Int[np.ndarray, "n 3"]) -> "Blocks":
        """A copy, all in memory, of these blocks without those that do not exist."""
        voxel_size, _, device, _ = self._settings
        copied = Blocks(voxel_size, len(self._channels) == 3, max(1, len(blocks)), device, None)
        for part in _chunks(len(blocks)):
            for keys, records in self._read(blocks[part]):
                copied._insert(keys, records)
        return copied

    def without_colors(self) -> "Blocks":
        """A copy of all blocks that holds distance and weight only, those in the file in a file of its own."""
        import open3d as o3d

        voxel_size, capacity, device, folder = self._settings
        plain = Blocks(voxel_size, False, max(capacity, self.in_memory), device, folder)
        hashmap = self.grid.hashmap()
        active = hashmap.active_buf_indices().to(o3d.core.int64)
        distance, weight, _ = (values[active] for values in hashmap.value_tensors())
        plain.grid.hashmap().insert(hashmap.key_tensor()[active], [distance, weight])
        if self._file is not None and folder is not None:
            plain._file = BlockFile(folder, 2 * BLOCK_RESOLUTION**3)
            for part in _chunks(len(self._file)):
                keys, records = self._file.read(self._file.keys[part])
                plain._file.put(keys, records[:, : 2 * BLOCK_RESOLUTION**3])
        return plain

    def _in_grid(self) -> tuple[Int[np.ndarray, "n 3"], Int[np.ndarray, " n"]]:
        """Coordinates of the blocks in memory, and their rows in the tensors of values."""
        hashmap = self.grid.hashmap()
        rows = hashmap.active_buf_indices().cpu().numpy().astype(np.int64)
        return hashmap.key_tensor().cpu().numpy()[rows], rows

    def _store(self, blocks: Int[np.ndarray, "n 3"], rows: Int[np.ndarray, " n"]) -> None:
        """Moves these blocks to the file."""
        import open3d as o3d

        assert self._file is not None
        self._file.put(block_keys(blocks.T), self._records(rows))
        hashmap = self.grid.hashmap()
        hashmap.erase(o3d.core.Tensor(blocks, device=hashmap.device))

    def _read(
        self, blocks: Int[np.ndarray, "n 3"]
    ) -> Iterator[tuple[Int[np.ndarray, " k"], Float[np.ndarray, "k values"]]]:
        """Keys and records of those of these blocks that exist, from memory and from the file."""
        import open3d as o3d

        hashmap = self.grid.hashmap()
        rows, found = (t.cpu().numpy() for t in hashmap.find(o3d.core.Tensor(blocks, device=hashmap.device)))
        keys = block_keys(blocks.T)
        if found.any():
            yield keys[found], self._records(rows[found].astype(np.int64))
        if self._file is not None and (stored := keys[~found & self._file.has(keys)]).size:
            yield self._file.read(stored)

    def _records(self, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n values"]:
        """Of blocks in memory: distances, then weights, then colours."""
        # Through NumPy, which shares Open3D's memory on the CPU: picking rows of its tensors took 20 times as long.
        values = (values.cpu().numpy()[rows] for values in self.grid.hashmap().value_tensors())
        return np.concatenate([value.reshape(len(rows), -1) for value in values], axis=1)

    def _insert(self, keys: Int[np.ndarray, " n"], records: Float[np.ndarray, "n values"]) -> None:
        """Adds blocks that are not in the grid."""
        import open3d as o3d

        hashmap = self.grid.hashmap()
        ends = np.cumsum([0, *self._channels]) * BLOCK_RESOLUTION**3
        values = [
            np.ascontiguousarray(records[:, start:stop]).reshape(-1, *(BLOCK_RESOLUTION,) * 3, channels)
            for start, stop, channels in zip(ends[:-1], ends[1:], self._channels, strict=True)
        ]
        hashmap.insert(
            o3d.core.Tensor(blocks_of_keys(keys), device=hashmap.device),
            [o3d.core.Tensor(value, device=hashmap.device) for value in values],
        )


def _chunks(count: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
