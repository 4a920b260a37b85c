"""Captures in Stray Scanner's layout, as file contents by name, of the room in ``made_room``."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace
from made_room import PICTURE, millimetres, png, room_depth, walk
from scipy.spatial.transform import Rotation

from recon.geometry.camera import Camera
from recon.geometry.projection import backproject
from recon.geometry.transforms import apply, to_quaternion_xyzw

DEPTH = PICTURE.resized(96, 72)
VIDEO = PICTURE.resized(320, 240)
BASE = "timestamp, frame, x, y, z, qx, qy, qz, qw"
HEADERS = {
    7: "x, y, z, qx, qy, qz, qw",
    9: BASE,
    15: BASE + ", fx, fy, cx, cy, distortion_center_x, distortion_center_y",
}


def odometry(T: np.ndarray, columns: int = 9, frames: Sequence[int] | None = None, rate: float = 60.0) -> list[str]:
    """Lines of the table, the header first."""
    lines = [HEADERS[columns]]
    for row, (t, q) in enumerate(zip(T[:, :3, 3], to_quaternion_xyzw(T), strict=True)):
        number = row if frames is None else frames[row]
        pose = ", ".join(f"{value:.9g}" for value in (*t, *q))
        line = pose if columns == 7 else f"{1000 + row / rate:.9f}, {number:06d}, {pose}"
        if columns == 15:
            line += f", {PICTURE.fx}, {PICTURE.fy}, {PICTURE.cx + 0.5}, {PICTURE.cy + 0.5}, , "
        lines.append(line)
    return lines


def stray_files(T: np.ndarray | None = None, columns: int = 9, frames: Sequence[int] | None = None) -> dict[str, bytes]:
    """A capture without video, of exact depth at full confidence."""
    T = walk(8) if T is None else T
    K = f"{PICTURE.fx}, 0.0, {PICTURE.cx + 0.5}\n0.0, {PICTURE.fy}, {PICTURE.cy + 0.5}\n0.0, 0.0, 1.0"
    files = {"odometry.csv": "\n".join([*odometry(T, columns, frames), ""]).encode(), "camera_matrix.csv": K.encode()}
    for row, pose in enumerate(T):
        number = row if frames is None else frames[row]
        files[f"depth/{number:06d}.png"] = millimetres(room_depth(pose, DEPTH))
        files[f"confidence/{number:06d}.png"] = png(np.full((72, 96), 2, np.uint8))
    return files


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def shaky_walk(count: int) -> np.ndarray:
    """Poses whose motion changes from frame to frame, as a hand's does: about a degree, by chance."""
    T = walk(1).repeat(count, axis=0)
    tremor = np.random.default_rng(0).normal(0, 1.0, (count, 3))
    T[:, :3, :3] = (
        T[:, :3, :3] @ Rotation.from_euler("xyz", tremor + np.arange(count)[:, None] / 4, degrees=True).as_matrix()
    )
    T[:, 0, 3] += 0.01 * np.arange(count)
    return T


def room_picture(T_world_camera: np.ndarray, camera: Camera = VIDEO) -> np.ndarray:
    """RGB of walls whose colour is a smooth function of place."""
    depth = room_depth(T_world_camera, camera)
    points = apply(T_world_camera, backproject(depth, camera).astype(np.float64))
    waves = np.sin(points * [7, 11, 9]) + np.sin(points[..., [1, 2, 0]] * [5, 6, 8])
    return (127.5 + 60 * waves).astype(np.uint8)


def encode(
    path: Path,
    pictures: Iterable[np.ndarray],
    times: Sequence[int] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    keyframe_every: int = 12,
    **container_options: str,
) -> bytes:
    """A video whose pictures show at ``times``, in sixtieths of a second; one at -1 is stored and hidden."""
    with av.open(path, "w", options=container_options) as container:
        stream = container.add_stream(
            codec, rate=60, options={"preset": "ultrafast", "crf": "16", "g": str(keyframe_every)}
        )
        if codec == "libx265":
            stream.options = {"preset": "ultrafast", "x265-params": "log-level=error"}
        stream.codec_context.time_base = Fraction(1, 60)
        stream.codec_context.colorspace = 1  # BT.709, as phones write
        stream.pix_fmt = pixels
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format=pixels, dst_colorspace=Colorspace.ITU709)
            frame.pts, frame.time_base = number if times is None else times[number], Fraction(1, 60)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def flat(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)
