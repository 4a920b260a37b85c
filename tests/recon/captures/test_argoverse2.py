import sys
from pathlib import Path

import numpy as np
import pytest
from made_drive import MadeStreet, street, write_image
from made_room import whats
from made_vehicle import SWEEP_DELAY, T_EGO_CAMERA, ego_poses, expected_points, sweep_from_ego, wxyz
from scipy.spatial.transform import Rotation

from recon.captures.base import LidarSweep
from recon.captures.drive import Drive
from recon.captures.readers import open_capture
from recon.errors import CaptureError, UsageError
from recon.geometry.transforms import apply, invert, rigid

pyarrow = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")

START = 315_966_265_259_836_000  # nanoseconds
PLACES = ("qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
TURN = rigid(Rotation.from_euler("y", -50, degrees=True).as_matrix(), np.array([0.1, 0.0, 0.2]))
UP_LIDAR, DOWN_LIDAR = np.array([1.35, 0.0, 1.64]), np.array([1.35, 0.0, 1.53])


def stamp(time: float) -> int:
    return START + round(1e9 * time)


def write_table(path: Path, columns: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    feather.write_feather(pyarrow.table(columns), str(path), compression="zstd")


def places(T: list[np.ndarray]) -> dict[str, np.ndarray]:
    rows = np.array([[*wxyz(one), *one[:3, 3]] for one in T])
    return dict(zip(PLACES, rows.T, strict=True))


def write(made: MadeStreet, root: Path) -> Path:
    """Poses 200 times a second and at every sweep; pictures of two ring cameras between them."""
    moments = made.timestamp + SWEEP_DELAY
    times = np.unique([*np.arange(-0.05, made.timestamp[-1] + 0.1, 0.005).round(4), *moments])
    poses = places(list(ego_poses(times)))
    write_table(
        root / "city_SE3_egovehicle.feather", {"timestamp_ns": [stamp(time) for time in times.tolist()]} | poses
    )
    sensors = {"ring_front_center": T_EGO_CAMERA, "ring_side_left": T_EGO_CAMERA @ TURN}
    for name, place in (("up_lidar", UP_LIDAR), ("down_lidar", DOWN_LIDAR)):
        sensors[name] = rigid(np.diag([1.0, -1, -1]), place)
    write_table(
        root / "calibration" / "egovehicle_SE3_sensor.feather",
        {"sensor_name": list(sensors)} | places(list(sensors.values())),
    )
    camera = made.camera
    intrinsics = {"fx_px": camera.fx, "fy_px": camera.fy, "cx_px": camera.cx, "cy_px": camera.cy, "k1": -0.24}
    columns = {key: np.full(2, value) for key, value in intrinsics.items()}
    size = {"height_px": np.full(2, camera.height, np.uint16), "width_px": np.full(2, camera.width, np.uint16)}
    names = {"sensor_name": ["ring_front_center", "ring_side_left"]}
    write_table(root / "calibration" / "intrinsics.feather", names | columns | size)
    boxes = {"timestamp_ns": [], "track_uuid": [], "length_m": [], "width_m": [], "height_m": []}
    T_boxes = []
    for number, (time, moment) in enumerate(zip(made.timestamp.tolist(), moments.tolist(), strict=True)):
        cloud = sweep_from_ego(made, number, moment).astype(np.float16)
        columns = dict(zip("xyz", cloud.T, strict=True))
        write_table(
            root / "sensors" / "lidar" / f"{stamp(moment)}.feather", columns | {"offset_ns": np.arange(len(cloud))}
        )
        for name in ("ring_front_center", "ring_side_left"):
            path = root / "sensors" / "cameras" / name / f"{stamp(time)}.png"
            write_image(path, made.images[number])
            path.rename(path.with_suffix(".jpg"))
        if made.T_world_mover is not None:
            boxes["timestamp_ns"].append(stamp(moment))
            boxes["track_uuid"].append("oncoming")
            for key, value in zip(("length_m", "width_m", "height_m"), made.mover_size.tolist(), strict=True):
                boxes[key].append(value)
            T_world_mover = made.T_world_mover[number].copy()
            T_world_mover[0, 3] -= 8.0 * SWEEP_DELAY  # oncoming at 8 m/s
            T_boxes.append(invert(ego_poses(np.array([moment]))[0]) @ T_world_mover)
    if T_boxes:
        write_table(root / "annotations.feather", boxes | places(T_boxes))
    return root


def sweep_of(drive: Drive, row: int) -> LidarSweep:
    (frame,) = drive.frames([row])
    sweep = frame.sensor()
    assert isinstance(sweep, LidarSweep)
    return sweep


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(5, moving=True)


def test_a_log_comes_back_as_it_was_written(made: MadeStreet, tmp_path: Path) -> None:
    with open_capture(write(made, tmp_path)) as drive:
        assert isinstance(drive, Drive)
        assert (drive.format, drive.up, drive.cameras, drive.problems) == (
            "Argoverse 2",
            "z",
            ("front", "side_left"),
            (),
        )
        assert drive.table.index.tolist() == [number for number in range(5) for _ in range(2)]
        np.testing.assert_allclose(drive.table.T_world_camera[::2], made.T_world_camera, atol=1e-6)
        np.testing.assert_allclose(drive.table.T_world_camera[1::2], made.T_world_camera @ TURN, atol=1e-6)
        np.testing.assert_allclose(drive.lidar.T_body_lidar, rigid(np.eye(3), (UP_LIDAR + DOWN_LIDAR) / 2))
        (frame,) = drive.frames([4])
        np.testing.assert_array_equal(frame.image(), made.images[2])  # stored without distortion
        np.testing.assert_array_equal(frame.camera.K, made.camera.K)


@pytest.mark.parametrize("row", [0, 5, 9])
def test_points_are_as_exact_as_their_float16(made: MadeStreet, tmp_path: Path, row: int) -> None:
    with open_capture(write(made, tmp_path)) as drive:
        assert isinstance(drive, Drive)
        expected = expected_points(made, row // 2)
        if row % 2:
            expected = apply(invert(TURN), expected)
        found = sweep_of(drive, row).points
        assert found.dtype == np.float32
        assert len(found) == len(expected)
        step = np.abs(sweep_from_ego(made, row // 2, made.timestamp[row // 2] + SWEEP_DELAY)).max(axis=1) * 2.0**-11
        assert (np.linalg.norm(found - expected, axis=1) < 2 * step + 1e-4).all()
        assert np.median(found - expected, axis=0) == pytest.approx(0, abs=2e-3)


def test_boxes_stand_in_the_axes_of_the_vehicle_at_their_sweep(made: MadeStreet, tmp_path: Path) -> None:
    with open_capture(write(made, tmp_path)) as drive:
        assert isinstance(drive, Drive)
        (box,) = sweep_of(drive, 4).moving
        np.testing.assert_allclose(box.T_camera_box, invert(made.T_world_camera[2]) @ made.T_world_mover[2], atol=1e-5)


def test_stereo_cameras_are_told_and_left_out(made: MadeStreet, tmp_path: Path) -> None:
    write_image(write(made, tmp_path) / "sensors" / "cameras" / "stereo_front_left" / f"{START}.png", made.images[0])
    with open_capture(tmp_path) as drive:
        assert drive.cameras == ("front", "side_left")
        assert whats(drive)["picture of a stereo camera, which is grey"][:2] == (1, "dropped")


def test_a_log_without_boxes_has_none(made: MadeStreet, tmp_path: Path) -> None:
    (write(made, tmp_path) / "annotations.feather").unlink()
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        assert sweep_of(drive, 4).moving == ()


@pytest.mark.parametrize(
    ("absent", "told"),
    [
        ("sensors/cameras", "no pictures in sensors/cameras"),
        ("sensors/lidar", "no sweeps in sensors/lidar"),
        ("calibration/intrinsics.feather", "no calibration/intrinsics.feather"),
        ("calibration/egovehicle_SE3_sensor.feather", "no calibration/egovehicle_SE3_sensor.feather"),
    ],
)
def test_what_is_missing_is_named(made: MadeStreet, tmp_path: Path, absent: str, told: str) -> None:
    path = write(made, tmp_path) / absent
    for file in path.rglob("*.*") if path.is_dir() else (path,):
        file.unlink()
    with pytest.raises(CaptureError, match=told):
        open_capture(tmp_path)


@pytest.mark.parametrize("keep", [0, 8, 100, 1000])
def test_files_cut_short_are_damaged(made: MadeStreet, tmp_path: Path, keep: int) -> None:
    path = write(made, tmp_path) / "city_SE3_egovehicle.feather"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CaptureError, match="city_SE3_egovehicle.feather is damaged"):
        open_capture(tmp_path)


def test_a_damaged_sweep_costs_its_own_pictures_alone(made: MadeStreet, tmp_path: Path) -> None:
    path = write(made, tmp_path) / "sensors" / "lidar" / f"{stamp(SWEEP_DELAY)}.feather"
    path.write_bytes(path.read_bytes()[:500])
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        with pytest.raises(CaptureError, match="is damaged"):
            sweep_of(drive, 0)
        assert len(sweep_of(drive, 2).points)


def test_a_missing_column_is_named_with_those_that_are_there(made: MadeStreet, tmp_path: Path) -> None:
    path = write(made, tmp_path) / "city_SE3_egovehicle.feather"
    feather.write_feather(feather.read_table(str(path)).drop_columns(["qz"]), str(path))
    with pytest.raises(CaptureError, match="no column qz; it has timestamp_ns, qw"):
        open_capture(tmp_path)


def test_stamps_that_seconds_cannot_tell_apart_are_one_pose(made: MadeStreet, tmp_path: Path) -> None:
    path = write(made, tmp_path) / "city_SE3_egovehicle.feather"
    table = feather.read_table(str(path)).to_pydict()
    for key, values in table.items():
        values.insert(1, values[0] + (1 if key == "timestamp_ns" else 0))
    feather.write_feather(pyarrow.table(table), str(path))
    with open_capture(tmp_path) as drive:
        np.testing.assert_allclose(drive.table.T_world_camera[::2], made.T_world_camera, atol=1e-6)


def test_without_pyarrow_the_extra_is_named(made: MadeStreet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(made, tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'promptda-recon\[drives\]'"):
        open_capture(tmp_path)
