"""A video decoded forwards, as pixels are stored, each frame known by its place and its presentation time."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float, UInt8

from recon.captures.images import MAX_PIXELS
from recon.errors import CaptureError

# FFmpeg would otherwise follow a playlist in a file called .mp4 to other files and hosts.
CONTAINERS = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm", "protocol_whitelist": "file"}

Picture = Callable[[], UInt8[np.ndarray, "h w 3"]]


class Video:
    """What a video file shows: frames hidden by its edit list, as Stray Scanner's first, do not count.

    ``times`` holds the presentation time of each frame in seconds, read from the container without
    decoding. A rotation that the container asks for is not applied.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        try:
            with _opened(path) as container:
                if not container.streams.video:
                    raise CaptureError(f"{name}: holds no video; export the capture again")
                stream = container.streams.video[0]
                if stream.codec_context is None:
                    raise CaptureError(f"{name}: its codec has no decoder here; export the video as HEVC or H.264")
                self.width, self.height = stream.width, stream.height
                shown = {packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard}
                time_base = stream.time_base
        except (av.FFmpegError, OSError) as error:
            raise CaptureError(_unreadable(name, error)) from error
        if not 0 < self.width * self.height <= MAX_PIXELS or time_base is None:
            raise CaptureError(f"{name}: claims {self.width}x{self.height} pixels; export the capture again")
        self._place = {pts: place for place, pts in enumerate(sorted(pts for pts in shown if pts is not None))}
        self.times: Float[np.ndarray, " n"] = np.array([float(pts * time_base) for pts in self._place])

    def __len__(self) -> int:
        return len(self.times)

    def pictures(self, places: Sequence[int]) -> Iterator[Picture]:
        """For each of the increasing places, a call that converts that frame to RGB.

        The call raises ``CaptureError`` where the frame cannot be decoded. Each iteration decodes from
        the start, because seeking in HEVC is not reliable.
        """
        if not places:
            return
        decoded = self._decoded(places[-1])
        place, frame = -1, None
        for wanted in places:
            while place < wanted:
                place, frame = next(decoded, (len(self), None))
            yield partial(_rgb, frame) if place == wanted and frame is not None else partial(self._missing, wanted)

    def _decoded(self, last: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Frames that come out of the decoder, with their places, up to ``last``; a broken packet is passed over."""
        with _opened(self._path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets)
                    frames = packet.decode()
                except StopIteration:
                    return
                except av.FFmpegError:
                    continue
                for frame in frames:
                    place = None if frame.pts is None else self._place.get(frame.pts)
                    sized = (frame.width, frame.height) == (self.width, self.height)
                    if place is not None and sized and not frame.is_corrupt:
                        yield place, frame
                    if place == last:
                        return

    def _missing(self, place: int) -> UInt8[np.ndarray, "h w 3"]:
        raise CaptureError(f"{self._name}: frame {place} of {len(self)} cannot be decoded")


def _opened(path: Path) -> av.container.InputContainer:
    return av.open(path, container_options=CONTAINERS, metadata_errors="replace")


def _rgb(frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    return frame.to_ndarray(format="rgb24")


def _unreadable(name: str, error: av.FFmpegError | OSError) -> str:
    return (
        f"{name}: cannot be opened as a video ({error.strerror}), as when its recording was cut off; "
        "export the capture again"
    )
