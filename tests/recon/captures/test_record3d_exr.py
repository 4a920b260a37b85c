import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from made_room import PORTRAIT, distance_from_walls, jpg, room_depth, walk, whats

from recon.captures.archive import open_files
from recon.captures.record3d_exr import Record3DExr, decode_exr
from recon.errors import CaptureError
from recon.geometry.transforms import OPENGL_FROM_OPENCV, to_quaternion_xyzw

DEPTH_CAMERA = PORTRAIT.resized(192, 256)
HALF_STEP = 0.0016  # metres: half a step of half floats at 2 to 4 m, along a ray 1.5 times as long


def exr(**channels: np.ndarray) -> bytes:
    path = exr.folder / "made.exr"
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))
    return path.read_bytes()


@pytest.fixture(autouse=True)
def _folder_for_exr_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    exr.folder = tmp_path_factory.mktemp("exr")


def write(folder: Path, count: int = 4, dtype: type = np.float16, **changes: object) -> Path:
    """An export of the made room: corner-based intrinsics, ARKit poses, one channel named R."""
    (folder / "rgb").mkdir()
    (folder / "depth").mkdir()
    T_world_arkit = walk(count) @ OPENGL_FROM_OPENCV
    content = {
        "w": PORTRAIT.width,
        "h": PORTRAIT.height,
        "dw": 192,
        "dh": 256,
        "perFrameIntrinsicCoeffs": [[PORTRAIT.fx, PORTRAIT.fy, PORTRAIT.cx + 0.5, PORTRAIT.cy + 0.5]] * count,
        "poses": np.hstack([to_quaternion_xyzw(T_world_arkit), T_world_arkit[:, :3, 3]]).tolist(),
        "frameTimestamps": [frame / 60 for frame in range(count)],
    }
    (folder / "metadata.json").write_text(json.dumps(content | changes))
    for frame, T_world_camera in enumerate(walk(count)):
        (folder / f"rgb/{frame}.jpg").write_bytes(jpg(PORTRAIT.width, PORTRAIT.height))
        (folder / f"depth/{frame}.exr").write_bytes(exr(R=room_depth(T_world_camera, DEPTH_CAMERA).astype(dtype)))
    return folder


def open_(folder: Path) -> Record3DExr:
    files = open_files(folder)
    assert Record3DExr.claims(files)
    return Record3DExr(files)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float16, HALF_STEP), (np.float32, 1e-5)])
def test_depth_of_either_width_lands_on_the_walls(tmp_path: Path, dtype: type, tolerance: float) -> None:
    capture = open_(write(tmp_path, dtype=dtype))
    assert whats(capture) == {"depth without confidence": (4, "noted", "depth/0.exr")}
    assert distance_from_walls(capture) < tolerance


def test_depth_size_follows_from_its_files_where_the_metadata_lacks_it(tmp_path: Path) -> None:
    (write(tmp_path, dw=None, dh=None) / "rgb/0.jpg").unlink()
    capture = open_(tmp_path)
    (frame,) = capture.frames([0])
    assert (frame.camera.width, frame.camera.height) == (192, 256)
    assert distance_from_walls(capture) < HALF_STEP


def test_there_is_no_confidence(tmp_path: Path) -> None:
    (frame,) = open_(write(tmp_path)).frames([0])
    assert frame.sensor().confidence is None


def test_numbers_pair_files_with_poses_across_gaps(tmp_path: Path) -> None:
    write(tmp_path, count=12)
    for name in ("rgb/1.jpg", "depth/1.exr", "depth/5.exr", "rgb/7.jpg"):
        (tmp_path / name).unlink()
    capture = open_(tmp_path)
    assert capture.table.index.tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert whats(capture) == {
        "pose without colour and depth": (1, "noted", "frame 1"),
        "depth file missing": (1, "noted", "frame 5"),
        "depth without confidence": (10, "noted", "depth/0.exr"),
        "colour file missing": (1, "noted", "frame 7"),
    }
    assert distance_from_walls(capture, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]) < HALF_STEP
    (frame,) = capture.frames([6])
    assert frame.image() is None
    assert (frame.camera.width, frame.camera.height) == (192, 256)


def test_files_of_other_numbers_than_the_poses_are_no_capture(tmp_path: Path) -> None:
    write(tmp_path, count=1)
    (tmp_path / "depth/0.exr").rename(tmp_path / "depth/7.exr")
    (tmp_path / "rgb/0.jpg").unlink()
    with pytest.raises(CaptureError, match="no frames in the capture"):
        open_(tmp_path)


def test_broken_metadata_is_located(tmp_path: Path) -> None:
    (write(tmp_path) / "metadata.json").write_text('{"w": 720,}')
    with pytest.raises(CaptureError, match=r"metadata\.json is not JSON from line 1, column 1"):
        open_(tmp_path)


def test_metadata_may_hold_nan_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path) / "metadata.json"
    content = json.loads(path.read_text())
    content["poses"][2][4] = float("nan")
    path.write_text(json.dumps(content), encoding="utf-8-sig")
    assert np.isnan(open_(tmp_path).table.T_world_camera[:, 0, 0]).tolist() == [False, False, True, False]


@pytest.mark.parametrize("kept", [0, 4, 100, 400, 3000, -20])
def test_a_file_cut_short_fails_without_a_word_on_standard_output(kept: int, capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).uniform(1, 2, (256, 192)).astype(np.float16)
    with pytest.raises(CaptureError, match=r"3\.exr: not a readable EXR picture"):
        decode_exr(exr(R=noise)[:kept], "3.exr", (720, 960))
    assert capfd.readouterr().out == ""


def test_a_picture_larger_than_colour_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    large = exr(R=np.ones((1000, 192), np.float16))
    real = OpenEXR.InputFile

    class HeaderOnly:
        def __init__(self, stream: object) -> None:
            self.header = real(stream).header

        channel = staticmethod(pytest.fail)

    monkeypatch.setattr(OpenEXR, "InputFile", HeaderOnly)
    with pytest.raises(CaptureError, match=r"3\.exr: 192x1000, more than the pictures' 720x960"):
        decode_exr(large, "3.exr", (720, 960))


def test_a_colour_picture_is_no_depth() -> None:
    grey = np.ones((256, 192), np.float16)
    with pytest.raises(CaptureError, match=r"3\.exr: channels .* so not metric depth"):
        decode_exr(exr(R=grey, G=grey, B=grey), "3.exr", (720, 960))


def test_whole_numbers_are_no_depth() -> None:
    with pytest.raises(CaptureError, match=r"3\.exr: channels .* so not metric depth"):
        decode_exr(exr(R=np.ones((256, 192), np.uint32)), "3.exr", (720, 960))


def test_what_the_sensor_did_not_see_is_zero(tmp_path: Path) -> None:
    depth = np.full((256, 192), 1.5, np.float16)
    depth[0, :4] = [np.nan, np.inf, -1.0, 0.0]
    (write(tmp_path) / "depth/0.exr").write_bytes(exr(R=depth))
    (frame,) = open_(tmp_path).frames([0])
    assert frame.sensor().depth[0, :5].tolist() == [0, 0, 0, 0, 1.5]


def test_depth_turned_against_its_picture_fails_for_its_frame_alone(tmp_path: Path) -> None:
    (write(tmp_path) / "depth/0.exr").write_bytes(exr(R=np.ones((192, 256), np.float16)))
    first, second = open_(tmp_path).frames([0, 1])
    with pytest.raises(CaptureError, match=r"depth/0\.exr: 256x192, but the picture is 720x960"):
        first.sensor()
    assert second.sensor() is not None
