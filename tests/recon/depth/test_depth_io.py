import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.depth.depth_io import colour_depth, encode_jpeg, read_depth, write_depth
from recon.errors import CaptureError, ReconError, UsageError

shapes = st.tuples(st.integers(1, 5), st.integers(1, 5))
rooms = arrays(np.float32, shapes, elements=st.just(0.0) | st.floats(0.0009765625, 65, width=32))
drives = arrays(np.float32, shapes, elements=st.just(0.0) | st.floats(0.00390625, 255, width=32))


@given(rooms)
def test_png_keeps_rooms_to_half_a_millimetre(tmp_path_factory: pytest.TempPathFactory, depth: np.ndarray) -> None:
    path = write_depth(tmp_path_factory.getbasetemp() / "room", depth, "png")
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(stored, depth * 1000, atol=0.51)
    np.testing.assert_allclose(read_depth(path), depth, atol=0.00051)
    assert not path.with_suffix(".units.json").exists()


@given(drives.filter(lambda depth: depth.max() > 65))
def test_png_beyond_65_m_is_kittis_and_says_so_beside_it(
    tmp_path_factory: pytest.TempPathFactory, depth: np.ndarray
) -> None:
    path = write_depth(tmp_path_factory.getbasetemp() / "drive", depth, "png")
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(stored, depth * 256, atol=0.5)
    assert json.loads(path.with_suffix(".units.json").read_text()) == {"metres_per_unit": 1 / 256}
    np.testing.assert_allclose(read_depth(path), depth, atol=0.5 / 256)


@pytest.mark.parametrize("file_format", ["exr", "npz"])
def test_exr_and_npz_keep_every_bit(tmp_path: Path, file_format: str) -> None:
    depth = np.random.default_rng(0).uniform(0, 300, (7, 9)).astype(np.float32)
    depth[0, 0] = 0
    path = write_depth(tmp_path / "depth", depth, file_format)  # type: ignore[arg-type]
    assert path == tmp_path / f"depth.{file_format}"
    np.testing.assert_array_equal(read_depth(path), depth)


def test_a_picture_written_again_in_millimetres_loses_its_sidecar(tmp_path: Path) -> None:
    write_depth(tmp_path / "depth", np.full((2, 2), 100, np.float32), "png")
    path = write_depth(tmp_path / "depth", np.full((2, 2), 2, np.float32), "png")
    np.testing.assert_array_equal(read_depth(path), 2)


def test_a_json_file_of_the_same_name_is_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text("{}")
    path = write_depth(tmp_path / "scan", np.full((2, 2), 2, np.float32), "png")
    np.testing.assert_array_equal(read_depth(path), 2)
    assert (tmp_path / "scan.json").read_text() == "{}"


def test_depth_beyond_any_png_is_unknown_and_not_wrapped_around(tmp_path: Path) -> None:
    path = write_depth(tmp_path / "depth", np.array([[300, 255, 70]], np.float32), "png")
    np.testing.assert_array_equal(read_depth(path), [[0, 255, 70]])


@pytest.mark.parametrize("file_format", ["png", "exr", "npz"])
def test_what_is_no_distance_is_read_as_unknown(tmp_path: Path, file_format: str) -> None:
    depth = np.array([[np.nan, np.inf, -np.inf, -1, 2]], np.float32)
    path = write_depth(tmp_path / "depth", depth[:, [0, 3, 4]] if file_format == "png" else depth, file_format)  # type: ignore[arg-type]
    expected = [[0, 0, 2]] if file_format == "png" else [[0, 0, 0, 0, 2]]
    np.testing.assert_array_equal(read_depth(path), expected)


def test_every_column_of_a_view_into_an_array_is_written(tmp_path: Path) -> None:
    depth = np.arange(1, 13, dtype=np.float32).reshape(3, 4)[:, ::-1]
    for file_format in ("png", "exr", "npz"):
        np.testing.assert_array_equal(read_depth(write_depth(tmp_path / "depth", depth, file_format)), depth)  # type: ignore[arg-type]


def test_half_floats_and_a_channel_of_another_name_are_read(tmp_path: Path) -> None:
    write_exr(tmp_path / "half.exr", {"R": np.full((2, 3), 1.5, np.float16)})
    np.testing.assert_array_equal(read_depth(tmp_path / "half.exr"), 1.5)
    write_exr(tmp_path / "both.exr", {"A": np.ones((2, 3), np.float32), "Z": np.full((2, 3), 4, np.float32)})
    np.testing.assert_array_equal(read_depth(tmp_path / "both.exr"), 4)


def write_exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def damaged_files(folder: Path) -> dict[str, bytes]:
    depth = np.random.default_rng(0).uniform(1, 5, (40, 50)).astype(np.float32)
    whole = {kind: write_depth(folder / "whole", depth, kind).read_bytes() for kind in ("png", "exr", "npz")}  # type: ignore[arg-type]
    np.savez(folder / "names.npz", distance=depth)
    np.savez(folder / "words.npz", depth=np.array([["a"]]))
    np.savez(folder / "objects.npz", depth=np.array([[None]]))
    np.savez(folder / "cube.npz", depth=np.zeros((2, 2, 2)))
    write_exr(folder / "picture.exr", dict.fromkeys("RGB", depth))
    exr = bytearray(whole["exr"])
    window = exr.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    exr[window + 8 : window + 16] = struct.pack("<ii", 99_999, 99_999)
    made = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("whole")}
    return (
        made
        | {f"empty.{kind}": b"" for kind in whole}
        | {f"cut.{kind}": data[: len(data) // 2] for kind, data in whole.items()}
        | {f"noise.{kind}": bytes(range(256)) * 9 for kind in whole}
        | {
            "huge.png": png_that_claims(99_999, 99_999),
            "huge.exr": bytes(exr),
            "grey.png": cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes(),
            "colour.png": cv2.imencode(".png", np.zeros((4, 4, 3), np.uint16))[1].tobytes(),
        }
    )


def test_damaged_and_hostile_files_are_one_sentence_each(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "source").mkdir()
    files = damaged_files(tmp_path / "source")
    assert len(files) == 18
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ReconError) as caught:
            read_depth(path)
        assert str(caught.value).startswith(str(path)), name
        assert "\n" not in str(caught.value), name
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "sidecar",
    ["", "[]", "{}", '{"metres_per_unit": "x"}', '{"metres_per_unit": NaN}', '{"metres_per_unit": -1}', "[" * 9999],
)
def test_a_sidecar_without_a_unit_is_one_sentence(tmp_path: Path, sidecar: str) -> None:
    path = write_depth(tmp_path / "depth", np.ones((2, 2), np.float32), "png")
    path.with_suffix(".units.json").write_text(sidecar)
    with pytest.raises(CaptureError, match=r"depth\.units\.json: .*metres_per_unit"):
        read_depth(path)


def test_other_files_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_depth(tmp_path / "none.png")
    (tmp_path / "depth.tif").write_bytes(b"x")
    with pytest.raises(UsageError, match="read from .png"):
        read_depth(tmp_path / "depth.tif")


def test_near_is_red_far_is_blue_and_unknown_black() -> None:
    ((near, middle, far, unknown),) = colour_depth(np.array([[1, 2, 3, 0]], np.float32), 1.0, 3.0)
    assert near[0] > near[2]
    assert middle[1] > max(middle[0], middle[2]) - 60
    assert far[2] > far[0]
    np.testing.assert_array_equal(unknown, 0)


def test_one_depth_everywhere_has_a_colour() -> None:
    assert colour_depth(np.full((2, 2), 1, np.float32), 1.0, 1.0).any()


def test_previews_keep_red_red() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 200
    decoded = cv2.imdecode(np.frombuffer(encode_jpeg(image), np.uint8), cv2.IMREAD_COLOR)
    assert decoded[8, 8, 2] > 180
    assert decoded[8, 8, 0] < 20
