"""A capture as the Stray Scanner app writes it, from frames of our own making.

The newest layout: ``odometry.csv`` with fifteen columns, poses as camera to world in OpenCV axes,
per-frame intrinsics that count from the corner of the first pixel (ours count from its centre), and a
video whose frame k belongs to row k.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace
from jaxtyping import Float, UInt8

from recon.errors import UsageError
from recon.geometry.camera import Camera
from recon.geometry.transforms import to_quaternion_xyzw

FPS_SETTINGS = (60, 30, 15, 5, 1)  # the app's choices, frames per second
FIRST_TIMESTAMP = 1000.0  # seconds; the app counts from the phone's start, never from zero
APP_IMAGE_SIZE = (1920, 1440)  # pixels; what the stored intrinsics mean where there is no video
DEPTH_LIMIT = 65.535  # metres; the largest that uint16 millimetres can hold
BT709 = 1  # FFmpeg's code for the colour space of phone video, written into the file
ODOMETRY_HEADER = (
    "timestamp, frame, x, y, z, qx, qy, qz, qw, fx, fy, cx, cy, distortion_center_x, distortion_center_y\n"
)
IMU_HEADER = "timestamp, a_x, a_y, a_z, alpha_x, alpha_y, alpha_z\n"


@dataclass(frozen=True, eq=False)
class WrittenFrame:
    """One row of a capture. Either all frames of a capture have an image or none has."""

    T_world_camera: Float[np.ndarray, "4 4"]  # y up, as ARKit's world
    camera: Camera  # of the image
    image: UInt8[np.ndarray, "H W 3"] | None = None  # RGB, both sides even
    depth: Float[np.ndarray, "h w"] | None = None  # metres, stored as whole millimetres; the app's are 192x256
    confidence: UInt8[np.ndarray, "h w"] | None = None  # 0 low, 1 medium, 2 high


def write_stray_scanner(path: Path, frames: Iterable[WrittenFrame], fps: int = 60, crf: int = 18) -> None:
    """Writes one capture, frame by frame; nothing stands at ``path`` before it is whole.

    Args:
        path: a zip with one top folder when it ends in ``.zip``, else a folder. Must not exist.
        frames: consumed once, one at a time, so a generator of any length will do.
        fps: the app's setting; rows are ``1 / fps`` seconds apart.
        crf: quality of the H.264 video, 0 (lossless) to 51; 18 hides the loss, 28 halves the size twice.

    Raises:
        UsageError: something stands at ``path`` already.
        ValueError: no frames, or a frame that the format cannot hold.
    """
    if fps not in FPS_SETTINGS:
        raise ValueError(f"fps is {fps}; the app knows {FPS_SETTINGS}")
    if path.exists():
        raise UsageError(f"{path}: exists already; remove it or choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
        folder = Path(temporary) / path.stem
        _write_folder(folder, frames, fps, crf)
        if path.suffix.lower() == ".zip":
            archive = Path(temporary) / path.name
            _zip(folder, archive)
            archive.replace(path)
        else:
            folder.replace(path)


def _write_folder(folder: Path, frames: Iterable[WrittenFrame], fps: int, crf: int) -> None:
    (folder / "depth").mkdir(parents=True)
    (folder / "confidence").mkdir()
    (folder / "imu.csv").write_text(IMU_HEADER)
    video: _Video | None = None
    camera: Camera | None = None
    with ExitStack() as stack:
        odometry = stack.enter_context((folder / "odometry.csv").open("w", newline="\n"))
        odometry.write(ODOMETRY_HEADER)
        for row, frame in enumerate(frames):
            if row == 0 and frame.image is not None:
                video = stack.enter_context(closing(_Video(folder / "rgb.mp4", frame.camera, fps, crf)))
            if (frame.image is None) != (video is None):
                raise ValueError(f"frame {row}: either all frames have an image or none has")
            if video is None or frame.image is None:
                camera = frame.camera.resized(*APP_IMAGE_SIZE)
            else:
                camera = frame.camera
                video.write(frame.image, row)
            odometry.write(_odometry_row(row, row / fps + FIRST_TIMESTAMP, frame.T_world_camera, camera))
            _write_depth(folder, row, frame)
    if camera is None:
        raise ValueError("a capture needs at least one frame")
    (folder / "camera_matrix.csv").write_text(_camera_matrix(camera))


class _Video:
    """H.264 in mp4, one frame after another."""

    def __init__(self, path: Path, camera: Camera, fps: int, crf: int) -> None:
        if camera.width % 2 or camera.height % 2:
            raise ValueError(f"images of {camera.width}x{camera.height} pixels; H.264 needs even sides")
        self._shape = (camera.height, camera.width, 3)
        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("libx264", rate=fps, options={"crf": str(crf)})
        self._stream.width, self._stream.height = camera.width, camera.height
        self._stream.pix_fmt = "yuv420p"
        self._frame_duration = Fraction(1, fps)
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709

    def write(self, image: UInt8[np.ndarray, "H W 3"], row: int) -> None:
        if image.shape != self._shape:
            raise ValueError(f"frame {row}: image of shape {image.shape}, but the camera says {self._shape}")
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts = row
        frame.time_base = self._frame_duration
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _odometry_row(row: int, timestamp: float, T_world_camera: Float[np.ndarray, "4 4"], camera: Camera) -> str:
    quaternion = to_quaternion_xyzw(T_world_camera)
    intrinsics = (camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5)
    pose = ", ".join(repr(float(value)) for value in (*T_world_camera[:3, 3], *quaternion, *intrinsics))
    return f"{timestamp!r}, {row:06d}, {pose}, , \n"


def _camera_matrix(camera: Camera) -> str:
    K = camera.K.copy()
    K[:2, 2] += 0.5
    return "\n".join(", ".join(repr(float(value)) for value in line) for line in K)


def _write_depth(folder: Path, row: int, frame: WrittenFrame) -> None:
    if frame.depth is not None:
        if not (np.isfinite(frame.depth).all() and frame.depth.min() >= 0 and frame.depth.max() <= DEPTH_LIMIT):
            raise ValueError(f"frame {row}: depth must be finite and within 0 and {DEPTH_LIMIT} m")
        depth_mm = np.rint(frame.depth.astype(np.float64) * 1000).astype(np.uint16)
        _write_png(folder / "depth" / f"{row:06d}.png", depth_mm)
    if frame.confidence is not None:
        _write_png(folder / "confidence" / f"{row:06d}.png", frame.confidence)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    if not cv2.imwrite(str(path), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OSError(f"{path}: could not be written")


def _zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(folder.rglob("*")):
            packed = zipfile.ZIP_DEFLATED if path.suffix == ".csv" else zipfile.ZIP_STORED  # the others are compressed
            if path.is_file():
                zipped.write(path, path.relative_to(folder.parent), packed)
    shutil.rmtree(folder)
