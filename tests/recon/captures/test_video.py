from pathlib import Path

import av
import numpy as np
import pytest
from made_stray import encode, flat

from recon.captures.video import Video
from recon.errors import CaptureError

LEVELS = [20 + 5 * i for i in range(40)]  # grey levels, by which pictures can be told apart
ROUNDING = 2.0  # grey levels lost between RGB and the codec


def levels(video: Video, places: list[int]) -> list[float]:
    return [float(picture().mean()) for picture in video.pictures(places)]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_each_place_shows_its_own_picture(tmp_path: Path, codec: str) -> None:
    encode(tmp_path / "rgb.mp4", map(flat, LEVELS), codec=codec)
    video = Video(tmp_path / "rgb.mp4", "rgb.mp4")
    assert (len(video), video.width, video.height) == (40, 64, 48)
    for places in (list(range(40)), [0], [39], [3, 4, 17, 38], []):
        np.testing.assert_allclose(levels(video, places), [LEVELS[place] for place in places], atol=ROUNDING)


def test_pictures_keep_after_the_decoder_went_on(tmp_path: Path) -> None:
    encode(tmp_path / "rgb.mp4", map(flat, LEVELS))
    pictures = list(Video(tmp_path / "rgb.mp4", "rgb.mp4").pictures(range(40)))
    np.testing.assert_allclose([picture().mean() for picture in pictures], LEVELS, atol=ROUNDING)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_picture_before_time_zero_is_hidden(tmp_path: Path, codec: str) -> None:
    encode(tmp_path / "rgb.mp4", map(flat, LEVELS), times=range(-1, 39), codec=codec)
    video = Video(tmp_path / "rgb.mp4", "rgb.mp4")
    assert len(video) == 39
    assert video.times[0] == 0
    np.testing.assert_allclose(levels(video, [0, 38]), [LEVELS[1], LEVELS[39]], atol=ROUNDING)


def test_times_are_those_of_presentation(tmp_path: Path) -> None:
    times = [0, 1, 2, 5, 6, 9, 10, 11]  # sixtieths; pictures were left out
    encode(tmp_path / "rgb.mov", map(flat, LEVELS[:8]), times=times)
    np.testing.assert_allclose(Video(tmp_path / "rgb.mov", "rgb.mov").times, np.array(times) / 60, atol=1e-4)


def test_colours_survive(tmp_path: Path) -> None:
    colours = [(230, 30, 30), (30, 200, 40), (20, 40, 220)]
    pictures = [np.full((48, 64, 3), colour, np.uint8) for colour in colours]
    encode(tmp_path / "rgb.mp4", pictures)
    for colour, picture in zip(colours, Video(tmp_path / "rgb.mp4", "").pictures(range(3)), strict=True):
        np.testing.assert_allclose(picture().mean(axis=(0, 1)), colour, atol=4)  # 8-bit YCbCr


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    shown = [30, 90, 150, 210]
    encode(tmp_path / "rgb.mov", map(flat, shown), codec="libx265", pixels="yuv420p10le")
    pictures = [picture() for picture in Video(tmp_path / "rgb.mov", "rgb.mov").pictures(range(4))]
    assert {picture.dtype for picture in pictures} == {np.dtype(np.uint8)}
    np.testing.assert_allclose([picture.mean() for picture in pictures], shown, atol=2 * ROUNDING + 1)  # swscale's


def test_the_rotation_that_the_container_asks_for_is_not_applied(tmp_path: Path) -> None:
    data = bytearray(encode(tmp_path / "rgb.mp4", map(flat, LEVELS[:2])))
    matrix = data.index(b"tkhd") + 4 + 40  # version and flags, times, id, duration, layer, volume
    one = (1 << 16).to_bytes(4, "big")
    assert data[matrix : matrix + 4] == one
    quarter_turn = (0, 1 << 16, 0, -1 << 16, 0, 0)
    data[matrix : matrix + 24] = b"".join(value.to_bytes(4, "big", signed=True) for value in quarter_turn)
    (tmp_path / "rgb.mp4").write_bytes(data)
    video = Video(tmp_path / "rgb.mp4", "rgb.mp4")
    (picture,) = video.pictures([1])
    assert (video.width, video.height) == (64, 48)
    assert picture().shape == (48, 64, 3)


def test_a_recording_that_was_cut_off_is_told_in_a_sentence(tmp_path: Path) -> None:
    data = encode(tmp_path / "rgb.mp4", map(flat, LEVELS))
    for content in (data[: data.index(b"moov")], b"", bytes(2000), b"#EXTM3U\n#EXTINF:5,\n/etc/hosts\n"):
        (tmp_path / "rgb.mp4").write_bytes(content)
        with pytest.raises(CaptureError, match=r"rgb.mp4: cannot be opened as a video .*; export the capture again"):
            Video(tmp_path / "rgb.mp4", "rgb.mp4")


@pytest.mark.parametrize("intact", [0.0, 0.5])  # half a picture is filled up by the decoder
def test_a_damaged_picture_is_left_out_and_shifts_no_other(tmp_path: Path, intact: float) -> None:
    noise = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(12)]
    data = bytearray(encode(tmp_path / "rgb.mp4", noise, keyframe_every=1))
    whole = [picture() for picture in Video(tmp_path / "rgb.mp4", "").pictures(range(12))]
    with av.open(tmp_path / "rgb.mp4") as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][5]
    start, end = packet.pos + int(intact * packet.size), packet.pos + packet.size
    data[start:end] = bytes(end - start)
    (tmp_path / "rgb.mp4").write_bytes(data)
    for place, picture in enumerate(Video(tmp_path / "rgb.mp4", "rgb.mp4").pictures(range(12))):
        if place == 5:
            with pytest.raises(CaptureError, match="rgb.mp4: frame 5 of 12 cannot be decoded"):
                picture()
        else:
            np.testing.assert_array_equal(picture(), whole[place])


def test_text_in_another_encoding_does_not_matter(tmp_path: Path) -> None:
    data = encode(tmp_path / "rgb.mp4", map(flat, LEVELS[:2]))
    assert b"Lavf" in data
    (tmp_path / "rgb.mp4").write_bytes(data.replace(b"Lavf", b"\xf5\xf6\xf7\xf8"))
    assert len(Video(tmp_path / "rgb.mp4", "rgb.mp4")) == 2


def test_a_codec_without_decoder_is_told_in_a_sentence(tmp_path: Path) -> None:
    data = encode(tmp_path / "rgb.mp4", map(flat, LEVELS[:2]))
    (tmp_path / "rgb.mp4").write_bytes(data.replace(b"avc1", b"zzz1"))
    with pytest.raises(CaptureError, match=r"rgb.mp4: its codec has no decoder here"):
        Video(tmp_path / "rgb.mp4", "rgb.mp4")


def test_a_file_without_pictures_is_told_in_a_sentence(tmp_path: Path) -> None:
    with av.open(tmp_path / "rgb.mp4", "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(CaptureError, match="holds no video"):
        Video(tmp_path / "rgb.mp4", "rgb.mp4")


def test_of_a_file_that_ends_early_the_pictures_before_the_end_remain(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(30)]
    data = encode(tmp_path / "rgb.mp4", noise, movflags="+faststart")
    whole = [picture() for picture in Video(tmp_path / "rgb.mp4", "").pictures(range(30))]
    (tmp_path / "rgb.mp4").write_bytes(data[: len(data) // 2])
    video = Video(tmp_path / "rgb.mp4", "rgb.mp4")
    assert 8 < len(video) < 20
    *pictures, last = video.pictures(range(len(video)))
    for picture, expected in zip(pictures, whole, strict=False):
        np.testing.assert_array_equal(picture(), expected)
    with pytest.raises(CaptureError, match=rf"rgb.mp4: frame {len(video) - 1} of {len(video)} cannot be decoded"):
        last()
