import io
import struct
from functools import partial

import cv2
import numpy as np
import pytest

from recon.captures.images import (
    decode_confidence_png,
    decode_depth_npy,
    decode_depth_png,
    decode_image,
    picture_size,
)
from recon.errors import CaptureError


def encode(suffix: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


NOISE = np.random.default_rng(0).integers(500, 3000, (48, 64)).astype(np.uint16)


def test_colours_come_as_red_green_blue() -> None:
    blue_first = np.full((16, 16, 3), (10, 20, 200), np.uint8)
    np.testing.assert_array_equal(decode_image(encode(".png", blue_first), "x")[0, 0], (200, 20, 10))


def test_an_orientation_tag_does_not_turn_the_picture() -> None:
    jpg = encode(".jpg", np.zeros((20, 30, 3), np.uint8))
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
    turned = jpg[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + jpg[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (30, 20, 3)  # the tag is heard
    assert decode_image(turned, "x").shape == (20, 30, 3)
    assert picture_size(turned) == (30, 20)


def test_depth_is_metres_and_zero_where_the_sensor_saw_nothing() -> None:
    depth = decode_depth_png(encode(".png", np.array([[1500, 65535, 0]], np.uint16)), "x", 0.001, unknown=65535)
    np.testing.assert_array_equal(depth, np.array([[1.5, 0, 0]], np.float32))
    assert depth.dtype == np.float32


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16)])
def test_depth_of_8_bits_or_3_channels_is_no_depth(pixels: np.ndarray) -> None:
    with pytest.raises(CaptureError, match=r"f.png: (8|16)-bit with (1|3) channel\(s\), so not metric depth"):
        decode_depth_png(encode(".png", pixels), "f.png", 0.001)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9])
def test_a_cut_picture_is_told_in_a_sentence(suffix: str, share: float) -> None:
    data = encode(suffix, NOISE if suffix == ".png" else NOISE.astype(np.uint8))
    with pytest.raises(CaptureError, match="f: not a readable picture"):
        decode_image(data[: int(len(data) * share)], "f")


def test_a_header_that_claims_an_absurd_size_is_not_believed() -> None:
    data = bytearray(encode(".png", NOISE))
    data[16:24] = (1 << 20).to_bytes(4, "big") * 2
    with pytest.raises(CaptureError, match="f: claims 1048576x1048576 pixels"):
        decode_depth_png(bytes(data), "f", 0.001)


@pytest.mark.parametrize("data", [b"BM" + bytes(60), b"II*\0" + bytes(60), b"\x76\x2f\x31\x01" + bytes(60)])
def test_only_png_and_jpeg_reach_a_decoder(data: bytes) -> None:
    with pytest.raises(CaptureError, match="not a readable picture"):
        decode_image(data, "f")


def test_confidence_has_three_levels_in_either_code() -> None:
    plain = np.array([[0, 1, 2]], np.uint8)
    np.testing.assert_array_equal(decode_confidence_png(encode(".png", plain), "x"), plain)
    coded = np.array([[0, 127, 255]], np.uint8)
    np.testing.assert_array_equal(decode_confidence_png(encode(".png", coded), "x"), plain)
    with pytest.raises(CaptureError, match="no confidence map"):
        decode_confidence_png(encode(".png", NOISE), "x")


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_depth_is_metres(order: str) -> None:
    depth = decode_depth_npy(npy(np.array(NOISE, order=order)), "x", 0.001)
    np.testing.assert_allclose(depth, NOISE / 1000, rtol=1e-6)  # float32 rounding


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        npy(NOISE)[:-1],
        npy(NOISE) + b"x",
        npy(NOISE.astype(np.float32)),
        npy(NOISE[None]),
        npy(np.array([[{}]], object)),
        npy(NOISE).replace(b"(48, 64)", b"(48,1e9)"),
        npy(NOISE).replace(b"(48, 64)", b"(4**99,)"),
    ],
)
def test_an_npy_that_is_not_a_whole_uint16_map_is_told_in_a_sentence(data: bytes) -> None:
    with pytest.raises(CaptureError, match=r"f\.npy: "):
        decode_depth_npy(data, "f.npy", 0.001)


def test_depth_larger_than_any_sensors_is_refused_before_it_is_decoded() -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 13_000, 9_750)
    for decode in (partial(decode_depth_png, metres_per_unit=0.001), decode_confidence_png):
        with pytest.raises(CaptureError, match="depth.png: claims 13000x9750 pixels"):
            decode(header, "depth.png")
