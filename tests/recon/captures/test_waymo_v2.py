from pathlib import Path

import cv2
import numpy as np
import pytest
from made_drive import CAMERA, MadeStreet, _cast, street
from made_room import whats
from made_vehicle import T_EGO_CAMERA, ego_poses
from scipy.spatial.transform import Rotation

import recon.captures.arrow_tables as arrow_tables
from recon.captures.archive import open_files
from recon.captures.base import LidarSweep
from recon.captures.drive import Drive
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.projection import project
from recon.geometry.transforms import apply, invert, rigid

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

SEGMENT = "10023947602400723454_1120_000_1140_000"
START = 1_552_440_195_362_591  # microseconds
PICTURE = 0.04  # seconds after the stamp of a frame; its pose is taken to be of 0.05
FRAME_POSE = 0.05
SWEEP = 0.1  # seconds that a turn takes
# Stored camera axes are x ahead, y left, z up: OpenCV's z, -x and -y.
T_OPENCV_STORED = rigid(np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]]), np.zeros(3))
T_TOP = rigid(Rotation.from_euler("zyx", [148, 1, -1], degrees=True).as_matrix(), np.array([1.43, 0.0, 2.18]))
T_REAR = rigid(Rotation.from_euler("z", 180, degrees=True).as_matrix(), np.array([-1.1, 0.0, 0.9]))
INCLINATIONS = np.deg2rad([-17.5, -12.0, -8.0, -5.0, -3.0, -1.0, 0.5, 2.5])  # lowermost first
REAR_ENDS = np.deg2rad([-20.0, 10.0])
COLUMNS = 36
FAR = np.array([-25_000.0, 42_000.0, -160.0])  # of the world's origin


def far(T: np.ndarray) -> np.ndarray:
    moved = T.copy()
    moved[..., :3, 3] += FAR
    return moved


def turn(T_vehicle_laser: np.ndarray, inclinations: np.ndarray, vehicles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances (rows, columns) of a turn with a vehicle pose a column, and where in the street they end."""
    distance = np.zeros((len(inclinations), COLUMNS))
    world = np.full((len(inclinations), COLUMNS, 3), np.nan)
    yaw = np.arctan2(T_vehicle_laser[1, 0], T_vehicle_laser[0, 0])
    for column in range(COLUMNS):
        azimuth = np.pi - 2 * np.pi * (column + 0.5) / COLUMNS - yaw
        T_world_laser = vehicles[column] @ T_vehicle_laser
        for row, inclination in enumerate(inclinations[::-1].tolist()):
            level = np.cos(inclination)
            ray = np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(inclination)])
            (length,), _ = _cast(T_world_laser, ray[None], 0.0, False)
            if 2.0 < length < 75:
                distance[row, column] = length
                world[row, column] = apply(T_world_laser, length * ray)
    return distance, world


def image_columns(component: str, part: str, images: list[np.ndarray | None]) -> dict:
    return {
        f"[{component}].{part}.values": pyarrow.array(
            [None if image is None else image.ravel().astype(np.float32) for image in images],
            pyarrow.list_(pyarrow.float32()),
        ),
        f"[{component}].{part}.shape": pyarrow.array(
            [None if image is None else list(image.shape) for image in images], pyarrow.list_(pyarrow.int32(), 3)
        ),
    }


def transforms(T: list[np.ndarray], kind: object = None) -> object:
    return pyarrow.array([one.ravel().tolist() for one in T], pyarrow.list_(kind or pyarrow.float64(), 16))


def write_table(root: Path, component: str, columns: dict, segment: str = SEGMENT) -> None:
    path = root / component / f"{segment}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    first = next(iter(columns.values()))
    keys = {"key.segment_context_name": [segment] * len(first)}
    parquet.write_table(pyarrow.table(keys | columns), str(path), row_group_size=3)


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def write(
    made: MadeStreet, root: Path, names: bool = False, D: tuple[float, ...] = (0.0,) * 5, segment: str = SEGMENT
) -> list[np.ndarray]:
    """The segment, with two cameras and lasers TOP and REAR; returns the places in the street that each frame hit."""
    frames = [START + round(1e6 * (time - PICTURE)) for time in made.timestamp.tolist()]
    poses = far(ego_poses(made.timestamp - PICTURE + FRAME_POSE))
    write_table(
        root,
        "vehicle_pose",
        {
            "key.frame_timestamp_micros": frames[::-1],  # in no order
            "[VehiclePoseComponent].world_from_vehicle.transform": transforms(list(poses[::-1])),
        },
        segment,
    )
    cameras = {1: ("FRONT", T_EGO_CAMERA), 5: ("SIDE_RIGHT", T_EGO_CAMERA)}
    pictures = [(frame, camera, i) for i, frame in enumerate(frames) for camera in cameras]
    component = "[CameraImageComponent]"
    write_table(
        root,
        "camera_image",
        {
            "key.frame_timestamp_micros": [frame for frame, _, _ in pictures],
            "key.camera_name": [cameras[camera][0] if names else camera for _, camera, _ in pictures],
            f"{component}.image": [png(made.images[i]) for _, _, i in pictures],
            f"{component}.pose.transform": transforms(
                [far(ego_poses(made.timestamp[i : i + 1])[0]) for *_, i in pictures]
            ),
            f"{component}.pose_timestamp": [frame * 1e-6 + PICTURE for frame, _, _ in pictures],
        },
        segment,
    )
    values = dict(zip(("f_u", "f_v", "c_u", "c_v"), (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy), strict=True))
    values |= dict(zip(("k1", "k2", "p1", "p2", "k3"), D, strict=True))
    component = "[CameraCalibrationComponent]"
    write_table(
        root,
        "camera_calibration",
        {
            "key.camera_name": [name if names else camera for camera, (name, _) in cameras.items()],
            **{f"{component}.intrinsic.{key}": [value] * 2 for key, value in values.items()},
            f"{component}.extrinsic.transform": transforms([T @ T_OPENCV_STORED for _, T in cameras.values()]),
            f"{component}.width": [CAMERA.width] * 2,
            f"{component}.height": [CAMERA.height] * 2,
            f"{component}.rolling_shutter_direction": [2, 5],
        },
        segment,
    )
    component = "[LiDARCalibrationComponent]"
    write_table(
        root,
        "lidar_calibration",
        {
            "key.laser_name": ["TOP", "REAR"] if names else [1, 5],
            f"{component}.extrinsic.transform": transforms([T_TOP, T_REAR]),
            f"{component}.beam_inclination.min": [INCLINATIONS[0], REAR_ENDS[0]],
            f"{component}.beam_inclination.max": [INCLINATIONS[-1], REAR_ENDS[1]],
            f"{component}.beam_inclination.values": [INCLINATIONS.tolist(), None],
        },
        segment,
    )
    rear = REAR_ENDS[0] + (np.arange(4) + 0.5) / 4 * (REAR_ENDS[1] - REAR_ENDS[0])
    ranges, pixels, worlds = [], [], []
    for time, T_frame in zip(made.timestamp.tolist(), poses, strict=True):
        moments = time - PICTURE + SWEEP * (np.arange(COLUMNS) + 0.5) / COLUMNS
        vehicles = ego_poses(moments)
        distance, top = turn(T_TOP, INCLINATIONS, vehicles)
        still = T_frame.copy()
        still[:3, 3] -= FAR
        behind, low = turn(T_REAR, rear, np.tile(still, (COLUMNS, 1, 1)))
        for image in (distance, behind):
            ranges.append(np.concatenate([image[..., None], np.full((*image.shape, 3), 0.5)], axis=2))
        yaw, pitch, roll = Rotation.from_matrix(vehicles[:, :3, :3]).as_euler("ZYX").T
        place = vehicles[:, :3, 3] + FAR
        pose = np.broadcast_to(np.column_stack([roll, pitch, yaw, place]), (len(INCLINATIONS), COLUMNS, 6))
        pixels.append(pose)
        worlds.append(np.concatenate([top[distance > 0], low[behind > 0]]))
    lasers = [name if names else number for _ in frames for number, name in ((1, "TOP"), (5, "REAR"))]
    write_table(
        root,
        "lidar",
        {"key.frame_timestamp_micros": [frame for frame in frames for _ in range(2)], "key.laser_name": lasers}
        | image_columns("LiDARComponent", "range_image_return1", ranges)
        | image_columns("LiDARComponent", "range_image_return2", [None] * len(ranges)),
        segment,
    )
    write_table(
        root,
        "lidar_pose",
        {"key.frame_timestamp_micros": frames, "key.laser_name": ["TOP" if names else 1] * len(frames)}
        | image_columns("LiDARPoseComponent", "range_image_return1", pixels),
        segment,
    )
    return worlds


def sweep_of(drive: Drive, row: int) -> LidarSweep:
    (frame,) = drive.frames([row])
    sweep = frame.sensor()
    assert isinstance(sweep, LidarSweep)
    return sweep


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(3)


@pytest.mark.parametrize("names", [False, True])
def test_a_segment_comes_back_as_it_was_written(made: MadeStreet, tmp_path: Path, names: bool) -> None:
    write(made, tmp_path / "training", names)
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        assert (drive.format, drive.name, drive.up, drive.cameras) == ("Waymo", SEGMENT, "z", ("front", "side_right"))
        assert whats(drive) == {"rolling shutter, taken as if exposed at once": (3, "noted", "")}
        assert drive.table.index.tolist() == [0, 0, 1, 1, 2, 2]
        np.testing.assert_allclose(drive.table.T_world_camera[::2], far(made.T_world_camera), atol=1e-6)
        (frame,) = drive.frames([4])
        np.testing.assert_array_equal(frame.image()[2:-2, 2:-2], made.images[2][2:-2, 2:-2])


@pytest.mark.parametrize("row", [0, 3, 4])
def test_points_of_all_lasers_stand_where_they_were_measured(made: MadeStreet, tmp_path: Path, row: int) -> None:
    worlds = write(made, tmp_path)
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        found = sweep_of(drive, row).points
        expected = apply(invert(made.T_world_camera[row // 2]), worlds[row // 2])
        assert len(found) == len(expected) > 150
        np.testing.assert_allclose(found, expected, atol=0.01)  # the pixels' places are float32 at 42 km: 4 mm


def test_poses_that_were_never_filled_in_fall_back_on_the_frame(made: MadeStreet, tmp_path: Path) -> None:
    worlds = write(made, tmp_path)
    path = tmp_path / "lidar_pose" / f"{SEGMENT}.parquet"
    table = parquet.read_table(str(path)).to_pydict()
    for values in table["[LiDARPoseComponent].range_image_return1.values"]:
        values[:] = [0.0] * len(values)
    write_table(tmp_path, "lidar_pose", {key: value for key, value in table.items() if "segment" not in key})
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        off = np.linalg.norm(sweep_of(drive, 2).points - apply(invert(made.T_world_camera[1]), worlds[1]), axis=1)
        assert off.max() < 8 * SWEEP / 2 + 0.2  # half of the vehicle's way in a turn, and a little turning
        assert np.median(off) > 0.02


def test_without_poses_of_the_pixels_it_is_told(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path)
    (tmp_path / "lidar_pose" / f"{SEGMENT}.parquet").unlink()
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        assert whats(drive)["sweep of TOP not moved to one moment"][:2] == (3, "noted")
        assert len(sweep_of(drive, 0).points) > 150


def test_pictures_are_freed_of_their_distortion(made: MadeStreet, tmp_path: Path) -> None:
    D = (0.04, -0.33, 0.001, -0.002, 0.0)
    points = np.array([[3.0, -0.6, 6.0], [-4.0, 1.0, 7.0], [0.0, 0.5, 5.0]])
    spots, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), CAMERA.K, np.array(D))
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    for x, y in spots.reshape(-1, 2).tolist():
        image[np.exp(-((u - x) ** 2 + (v - y) ** 2) / 8) > 0.5] = 255
    shown = street(3)
    write(shown, tmp_path, D=D)
    path = tmp_path / "camera_image" / f"{SEGMENT}.parquet"
    table = parquet.read_table(str(path)).to_pydict()
    table["[CameraImageComponent].image"] = [png(image)] * 6
    write_table(tmp_path, "camera_image", {key: value for key, value in table.items() if "segment" not in key})
    with open_capture(tmp_path) as drive:
        (frame,) = drive.frames([0])
        straight = frame.image()[..., 0].astype(np.float64)
        for x, y in project(points, frame.camera)[0].tolist():
            near = straight * ((u - x) ** 2 + (v - y) ** 2 < 49)
            assert near.sum() > 1000
            assert (near * u).sum() / near.sum() == pytest.approx(x, abs=0.6)
            assert (near * v).sum() / near.sum() == pytest.approx(y, abs=0.6)


def test_boxes_follow_what_moves(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path)
    frames = [START + round(1e6 * (time - PICTURE)) for time in made.timestamp.tolist()]
    vehicles = ego_poses(made.timestamp - PICTURE + FRAME_POSE)
    centres, headings = [], []
    for number, T in enumerate(vehicles):
        T_box = rigid(Rotation.from_euler("z", 0.2).as_matrix(), np.array([20.0 + 2.0 * number, 2.0, 1.0]))
        T_vehicle_box = invert(T) @ T_box
        centres.append(T_vehicle_box[:3, 3])
        headings.append(float(np.arctan2(T_vehicle_box[1, 0], T_vehicle_box[0, 0])))
    component = "[LiDARBoxComponent].box"
    columns = {f"{component}.center.{axis}": [centre["xyz".index(axis)] for centre in centres] for axis in "xyz"}
    columns |= {f"{component}.size.{axis}": [size] * 3 for axis, size in zip("xyz", (4.0, 1.8, 1.5), strict=True)}
    columns |= {
        f"{component}.heading": headings,
        "key.laser_object_id": ["a"] * 3,
        "key.frame_timestamp_micros": frames,
    }
    write_table(tmp_path, "lidar_box", columns)
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        (box,) = sweep_of(drive, 2).moving
        place = apply(made.T_world_camera[1], box.T_camera_box[:3, 3])
        np.testing.assert_allclose(place, [22.0 - 20 * (FRAME_POSE - PICTURE), 2.0, 1.0], atol=0.05)
        assert box.size.argmax() == 0


def test_one_of_several_segments_is_named_behind_the_folder(made: MadeStreet, tmp_path: Path) -> None:
    other = "99_1120_000_1140_000"
    write(made, tmp_path / "training")
    write(made, tmp_path / "training", segment=other)
    with pytest.raises(CaptureError, match=rf"2 segments inside .*give one, as .*/training/{SEGMENT}$"):
        open_capture(tmp_path)
    for root in (tmp_path, tmp_path / "training"):
        with open_capture(root / other) as drive:
            assert (drive.name, len(drive)) == (other, 6)


def test_missing_components_and_version_1_are_one_sentence(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path / "v2")
    (tmp_path / "v2" / "lidar" / f"{SEGMENT}.parquet").unlink()
    with pytest.raises(CaptureError, match=f"no lidar of segment {SEGMENT}"):
        open_capture(tmp_path / "v2")
    old = tmp_path / "v1"
    old.mkdir()
    (old / "segment-1_with_camera_labels.tfrecord").write_bytes(b"\0" * 16)
    with pytest.raises(CaptureError, match=r"version 1 of .*\.parquet"):
        open_capture(old)


def test_a_range_image_of_another_shape_than_its_values_is_refused(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path)
    path = tmp_path / "lidar" / f"{SEGMENT}.parquet"
    table = parquet.read_table(str(path))
    name = "[LiDARComponent].range_image_return1.shape"
    shapes = pyarrow.array([[2**30, 2**30, 4]] * 6, pyarrow.list_(pyarrow.int32(), 3))
    parquet.write_table(table.set_column(table.column_names.index(name), name, shapes), str(path))
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        with pytest.raises(CaptureError, match="range image of shape \\[1073741824, 1073741824, 4\\]"):
            sweep_of(drive, 0)


def test_a_parquet_file_cut_short_is_damaged(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path)
    path = tmp_path / "camera_image" / f"{SEGMENT}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CaptureError, match=r"camera_image/.*is damaged"):
        open_capture(tmp_path)


@pytest.mark.parametrize("group", [1, 3, 100])
def test_rows_are_the_same_in_any_order_and_few_are_in_memory(
    tmp_path: Path, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir()
    values = [list(range(row)) for row in range(20)]
    table = pyarrow.table({"a.b": pyarrow.array(values, pyarrow.list_(pyarrow.float32())), "other": range(20)})
    parquet.write_table(table, str(tmp_path / "kept" / "x.parquet"), row_group_size=group)
    (tmp_path / "beside").write_text("")
    rows = arrow_tables.ParquetRows(open_files(tmp_path), "kept/x.parquet", ["a.b"])
    for row in (0, 1, 7, 6, 19, 0, 12, 12):
        assert rows(row)["a.b"].tolist() == values[row]
        assert len(rows._batch) <= arrow_tables.ROWS_AT_ONCE
    monkeypatch.setattr(arrow_tables, "MAX_VALUES_IN_ROW", 5)
    with pytest.raises(CaptureError, match=r"claims [0-9]+ values in [0-9]+ rows; it is refused"):
        arrow_tables.ParquetRows(open_files(tmp_path), "kept/x.parquet", ["a.b"])
