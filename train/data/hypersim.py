"""HyperSim, rendered rooms with exact depth (Roberts et al., arXiv:2011.02523), as its download script unpacks it."""

import csv
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from recon.captures.images import decode_image
from recon.errors import CaptureError, UsageError
from train.data.base import Unusable, require_folder
from train.sample import Sample

SOURCE = "download it from https://github.com/apple/ml-hypersim (CC BY-SA 3.0)"
SPLITS = "metadata_images_split_scene_v1.csv"  # evermotion_dataset/analysis/ of the repository
CAMERAS = "metadata_camera_parameters.csv"  # contrib/mikeroberts3000/ of the repository
PREVIEW = re.compile(r"frame\.(\d{4})\.(?:tonemap|color)\.jpg")
FOCAL_SHARE = 886.81 / 1024  # focal length over the picture's width, of the scenes without a tilted lens
# A frame is passed over when more of its pixels are without depth, or nearer than anything is photographed from.
MOST_BAD = 0.05
NEAREST = 0.05  # metres


class HyperSim:
    """Pictures of ``ROOT/<scene>/images/scene_<camera>_final_preview`` with depth from ``.._geometry_hdf5``.

    With the tables ``SPLITS`` and ``CAMERAS`` in ``ROOT`` only released pictures of the training split are taken, and
    distances are turned into z-depth by each scene's own lens; without them all are, and the usual lens is assumed.
    """

    name = "hypersim"

    def __init__(self, root: Path) -> None:
        require_folder(root, "HyperSim's ai_VVV_NNN folders", SOURCE)
        _require_h5py()
        chosen = _training_frames(root / SPLITS) if (root / SPLITS).is_file() else None
        self._lenses = _lenses(root / CAMERAS) if (root / CAMERAS).is_file() else {}
        self._root = root
        self._frames = [
            (scene.name, folder.name.removesuffix("_final_preview").removeprefix("scene_"), match[1], path.name)
            for scene in sorted(root.iterdir())
            for folder in sorted((scene / "images").glob("scene_cam_*_final_preview"))
            for path in sorted(folder.iterdir())
            if (match := PREVIEW.fullmatch(path.name))
        ]
        if chosen is not None:
            self._frames = [frame for frame in self._frames if (frame[0], frame[1], int(frame[2])) in chosen]
        if not self._frames:
            raise UsageError(f"{root}: no <scene>/images/scene_cam_*_final_preview/frame.*.tonemap.jpg; {SOURCE}")

    def __len__(self) -> int:
        return len(self._frames)

    def sample(self, index: int) -> Sample:
        """See ``Dataset``."""
        scene, camera, number, picture = self._frames[index]
        images = self._root / scene / "images"
        path = images / f"scene_{camera}_final_preview" / picture
        image = decode_image(path.read_bytes(), str(path))
        distance = _read_h5(images / f"scene_{camera}_geometry_hdf5" / f"frame.{number}.depth_meters.hdf5")
        if distance.shape != image.shape[:2]:
            raise CaptureError(
                f"{path}: {image.shape[1]}x{image.shape[0]}, but its depth is {distance.shape[1]}x{distance.shape[0]}; "
                "download both again"
            )
        with np.errstate(invalid="ignore"):
            known = np.isfinite(distance) & (distance > 0)
            near = known & (distance < NEAREST)
        if 1 - known.mean() > MOST_BAD or near.mean() > MOST_BAD:
            raise Unusable(f"{path}: {1 - known.mean():.0%} of it without depth, {near.mean():.0%} nearer than 5 cm")
        share = along_the_axis(distance.shape[0], distance.shape[1], self._lenses.get(scene))
        depth = np.where(known, distance * share, 0).astype(np.float32)
        return Sample(f"{scene}/{camera}/{number}", image, depth, pseudo=depth)


def along_the_axis(height: int, width: int, lens: Float[np.ndarray, "3 3"] | None) -> Float[np.ndarray, "height width"]:
    """z-depth over distance from the camera, of each pixel.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        lens: HyperSim's ``M_cam_from_uv``, from the picture's plane (u right, v up, each -1 to 1) to a camera that
            looks along -z; None for the usual lens.
    """
    u = (2 * np.arange(width) + 1) / width - 1
    v = 1 - (2 * np.arange(height) + 1) / height
    if lens is None:
        lens = np.diag([0.5 / FOCAL_SHARE, 0.5 / FOCAL_SHARE * height / width, -1.0])
    plane = np.stack([*np.meshgrid(u, v), np.ones((height, width))], axis=-1)
    rays = plane @ lens.T
    return -rays[..., 2] / np.linalg.norm(rays, axis=-1)


def _training_frames(path: Path) -> set[tuple[str, str, int]]:
    """Scene, camera and number of the pictures that are released for training."""
    try:
        return {
            (row["scene_name"], row["camera_name"], int(row["frame_id"]))
            for row in _rows(path)
            if row["included_in_public_release"] == "True" and row["split_partition_name"] == "train"
        }
    except (KeyError, ValueError, TypeError) as error:
        raise CaptureError(f"{path}: not the table of splits ({error}); download it again") from error


def _lenses(path: Path) -> dict[str, Float[np.ndarray, "3 3"]]:
    """``M_cam_from_uv`` of each scene."""
    try:
        found = {
            row["scene_name"]: np.array([[float(row[f"M_cam_from_uv_{i}{j}"]) for j in range(3)] for i in range(3)])
            for row in _rows(path)
        }
    except (KeyError, ValueError, TypeError) as error:
        raise CaptureError(f"{path}: not the table of cameras ({error}); download it again") from error
    return {scene: lens for scene, lens in found.items() if np.isfinite(lens).all()}


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CaptureError(f"{path}: cannot be read ({error}); download it again") from error


def _require_h5py() -> None:
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise UsageError("HyperSim: its depth is in HDF5 files, which need h5py; pip install h5py") from error


def _read_h5(path: Path) -> Float[np.ndarray, "h w"]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            stored = file["dataset"]
            if stored.ndim != 2 or stored.size > 1 << 24:
                raise ValueError(f"an array of shape {stored.shape}")
            return np.asarray(stored, np.float32)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise CaptureError(f"{path}: not a readable depth map ({error}); {SOURCE}") from error
