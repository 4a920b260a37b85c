"""Tiny samples of the public data sets in their documented layouts, of known depth."""

import zipfile
from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 24, 32


def picture(path: Path, height: int = HEIGHT, width: int = WIDTH, level: int = 128) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), level, np.uint8))


def millimetres(path: Path, depth: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.rint(depth * 1000).astype(np.uint16))


def slope(height: int = HEIGHT, width: int = WIDTH, start: float = 1.0) -> np.ndarray:
    """Grows from the picture's left to its right by a metre, in whole millimetres."""
    columns = np.round((np.arange(width) + 0.5) / width, 3)
    return np.tile(start + columns, (height, 1)).astype(np.float32)


def write_arkitscenes(root: Path, sky: str = "Left") -> Path:
    (root / "Training" / "41000001").mkdir(parents=True)
    (root / "metadata.csv").write_text(f"video_id,visit_id,fold,sky_direction\n41000001,1,Training,{sky}\n")
    folder = root / "Training" / "41000001"
    for kind, (height, width) in {"highres_depth": (768, 1024), "lowres_depth": (192, 256)}.items():
        millimetres(folder / kind / "41000001_1.000.png", slope(height, width))
    picture(folder / "wide" / "41000001_1.000.png", 768, 1024)
    return root


def write_scannetpp(root: Path, pseudo: str | None = "iphone/frame_000010.png") -> Path:
    scene = root / "data" / "0a5c013435"
    picture(scene / "iphone" / "rgb" / "frame_000010.jpg")
    millimetres(scene / "iphone" / "depth" / "frame_000010.png", slope(6, 8, start=2.0))
    millimetres(scene / "iphone" / "render_depth" / "frame_000010.png", slope())
    picture(scene / "iphone" / "rgb" / "frame_000020.jpg")  # without depth
    if pseudo:
        millimetres(scene / "merge_dslr_iphone" / "render_depth" / pseudo, slope(HEIGHT // 2, WIDTH // 2, start=1.1))
    (root / "splits").mkdir()
    (root / "splits" / "nvs_sem_train.txt").write_text("0a5c013435\n")
    return root


def shift_depth(depth: np.ndarray) -> bytes:
    units = np.rint(depth / 1000 * (256**3 - 1)).astype(np.int64)
    red, green, blue = units % 256, units // 256 % 256, units // 65536
    return cv2.imencode(".png", np.stack([blue, green, red], axis=-1).astype(np.uint8))[1].tobytes()


def write_shift(root: Path, depth: np.ndarray, zipped: bool) -> Path:
    folder = root / "discrete" / "images" / "train" / "front"
    folder.mkdir(parents=True)
    jpeg = cv2.imencode(".jpg", np.full((*depth.shape, 3), 90, np.uint8))[1].tobytes()
    for kind, name, data in (
        ("img", "00000000_img_front.jpg", jpeg),
        ("depth", "00000000_depth_front.png", shift_depth(depth)),
    ):
        names = [f"{sequence}/{name}" for sequence in ("0aee-69fd", "1bff-70aa")]
        if zipped:
            with zipfile.ZipFile(folder / f"{kind}.zip", "w") as archive:
                for member in names:
                    archive.writestr(member, data)
        else:
            for member in names:
                (folder / kind / member).parent.mkdir(parents=True)
                (folder / kind / member).write_bytes(data)
    return root
