from pathlib import Path

import numpy as np
import pytest
from made_sets import HEIGHT, WIDTH, picture

from recon.errors import CaptureError, UsageError
from train.data.base import Dataset, Unusable
from train.data.hypersim import CAMERAS, FOCAL_SHARE, SPLITS, HyperSim, along_the_axis

h5py = pytest.importorskip("h5py", reason="h5py is not installed: HyperSim's depth is in HDF5 files")

TILTED = np.array([[0.6, 0.0, 0.0], [0.0, 0.4, -0.2], [0.0, 0.1, -1.0]])  # M_cam_from_uv of a lens that is shifted


def rays(height: int, width: int, lens: np.ndarray) -> np.ndarray:
    """Directions of the pixels' centres, one by one."""
    found = np.empty((height, width, 3))
    for row in range(height):
        for column in range(width):
            u, v = 2 * (column + 0.5) / width - 1, 1 - 2 * (row + 0.5) / height
            found[row, column] = lens @ (u, v, 1)
    return found


def write(root: Path, distance: np.ndarray, scene: str = "ai_001_001", frame: int = 7) -> Path:
    images = root / scene / "images"
    picture(images / "scene_cam_00_final_preview" / f"frame.{frame:04d}.tonemap.jpg")
    folder = images / "scene_cam_00_geometry_hdf5"
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / f"frame.{frame:04d}.depth_meters.hdf5", "w") as file:
        file["dataset"] = distance.astype(np.float16)
    return root


def write_cameras(root: Path, scene: str = "ai_001_001") -> None:
    keys = [f"M_cam_from_uv_{i}{j}" for i in range(3) for j in range(3)]
    values = [str(value) for value in TILTED.ravel()]
    (root / CAMERAS).write_text(",".join(["scene_name", *keys]) + "\n" + ",".join([scene, *values]) + "\n")


def test_a_wall_that_faces_the_camera_has_one_depth(tmp_path: Path) -> None:
    focal = FOCAL_SHARE * WIDTH
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y = columns - (WIDTH - 1) / 2, rows - (HEIGHT - 1) / 2
    dataset = HyperSim(write(tmp_path, 3 * np.sqrt(x**2 + y**2 + focal**2) / focal))
    assert isinstance(dataset, Dataset)
    sample = dataset.sample(0)
    np.testing.assert_allclose(sample.depth, 3, atol=0.003)  # stored in half precision
    assert sample.pseudo is sample.depth
    assert sample.name == "ai_001_001/cam_00/0007"


def test_a_tilted_lens_is_taken_from_the_table(tmp_path: Path) -> None:
    directions = rays(HEIGHT, WIDTH, TILTED)
    distance = 2.5 * np.linalg.norm(directions / -directions[..., 2:], axis=-1)
    write_cameras(write(tmp_path, distance))
    np.testing.assert_allclose(HyperSim(tmp_path).sample(0).depth, 2.5, atol=0.003)
    (tmp_path / CAMERAS).unlink()
    assert np.ptp(HyperSim(tmp_path).sample(0).depth) > 0.1


def test_depth_is_never_longer_than_the_distance() -> None:
    share = along_the_axis(48, 64, None)
    assert share.max() <= 1
    np.testing.assert_allclose(share, share[::-1, ::-1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.03])
def test_frames_with_too_much_unknown_or_too_near_are_passed_over(tmp_path: Path, bad: float) -> None:
    distance = np.full((HEIGHT, WIDTH), 2.0)
    distance[0] = bad  # a 24th
    assert (HyperSim(write(tmp_path, distance)).sample(0).depth[1:] > 0).all()
    distance[1] = bad
    with pytest.raises(Unusable, match="8%"):
        HyperSim(write(tmp_path, distance)).sample(0)


def test_only_released_training_frames_are_taken_where_the_table_is_there(tmp_path: Path) -> None:
    for frame in range(4):
        write(tmp_path, np.full((HEIGHT, WIDTH), 2.0), frame=frame)
    rows = ["0,True,train", "1,True,val", "2,False,train", "3,True,train"]
    head = "scene_name,camera_name,frame_id,included_in_public_release,split_partition_name\n"
    (tmp_path / SPLITS).write_text(head + "\n".join(f"ai_001_001,cam_00,{row}" for row in rows))
    dataset = HyperSim(tmp_path)
    assert [dataset.sample(index).name[-4:] for index in range(len(dataset))] == ["0000", "0003"]


def test_what_is_missing_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder; .*github.com/apple/ml-hypersim .CC BY-SA"):
        HyperSim(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="final_preview/frame"):
        HyperSim(tmp_path)
    write(tmp_path, np.full((HEIGHT, WIDTH), 2.0))
    (tmp_path / "ai_001_001/images/scene_cam_00_geometry_hdf5/frame.0007.depth_meters.hdf5").write_bytes(b"torn")
    with pytest.raises(CaptureError, match="frame.0007.depth_meters.hdf5: not a readable depth map"):
        HyperSim(tmp_path).sample(0)


@pytest.mark.parametrize("table", [SPLITS, CAMERAS])
def test_a_table_that_is_another_is_told(tmp_path: Path, table: str) -> None:
    write(tmp_path, np.full((HEIGHT, WIDTH), 2.0))
    (tmp_path / table).write_text("a,b\n1,2\n")
    with pytest.raises(CaptureError, match=f"{table}: not the table"):
        HyperSim(tmp_path)
