import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_drive import MadeStreet, street, write_image, write_sweep
from made_room import whats
from made_vehicle import SWEEP_DELAY, T_EGO_CAMERA, T_EGO_LIDAR, ego_poses, expected_points, sweep_from_ego, wxyz
from scipy.spatial.transform import Rotation

import recon.captures.json_records as json_records_module
from recon.captures.archive import open_files
from recon.captures.base import LidarSweep
from recon.captures.drive import Drive
from recon.captures.json_records import json_records
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.transforms import apply, invert, rigid

START = 1_532_402_927_000_000  # microseconds
# x right, y ahead, from the vehicle's x ahead, y left.
T_LIDAR_STORED = rigid(Rotation.from_euler("z", -90, degrees=True).as_matrix(), np.zeros(3))
TURN = rigid(Rotation.from_euler("y", 60, degrees=True).as_matrix(), np.zeros(3))  # of a second camera
CHANNELS = {"CAM_FRONT": T_EGO_CAMERA, "CAM_BACK_LEFT": T_EGO_CAMERA @ TURN, "LIDAR_TOP": T_EGO_LIDAR @ T_LIDAR_STORED}


def write(made: MadeStreet, root: Path, scene: str = "scene-0061", tables: str = "v1.0-mini") -> Path:
    """Pictures at the times of the street, sweeps a little later; a sample every half second.

    A second scene is added to the tables of the first.
    """
    rows: dict[str, list[dict]] = {
        name: [] for name in ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor")
    }
    folder = root / tables
    for name in rows:
        if (folder / f"{name}.json").exists():
            rows[name] = json.loads((folder / f"{name}.json").read_text())
    rows["scene"].append({"token": f"s-{scene}", "name": scene, "nbr_samples": 39})
    for channel, T in CHANNELS.items():
        K = made.camera.K.tolist() if channel.startswith("CAM") else []
        pose = {"rotation": wxyz(T), "translation": T[:3, 3].tolist()}
        rows["sensor"].append({"token": f"{channel}-{scene}", "channel": channel, "modality": ""})
        sensor = {"token": f"c-{channel}-{scene}", "sensor_token": f"{channel}-{scene}"}
        rows["calibrated_sensor"].append(sensor | pose | {"camera_intrinsic": K})
    for number, time in enumerate(made.timestamp.tolist()):
        sample = f"{scene}-{number // 5}"
        if number % 5 == 0:
            stamp = START + round(1e6 * time)
            rows["sample"].append({"token": sample, "timestamp": stamp, "scene_token": f"s-{scene}"})
        for channel, T in CHANNELS.items():
            moment = time + (SWEEP_DELAY if channel == "LIDAR_TOP" else 0.0)
            name = f"{'sweeps' if number % 5 else 'samples'}/{channel}/{scene}__{number}"
            name += ".pcd.bin" if channel == "LIDAR_TOP" else ".jpg"
            token = f"{channel}-{scene}-{number}"
            T_world_ego = ego_poses(np.array([moment]))[0]
            pose = {"rotation": wxyz(T_world_ego), "translation": T_world_ego[:3, 3].tolist()}
            rows["ego_pose"].append({"token": token, "timestamp": 0} | pose)
            reading = {"token": token, "sample_token": sample, "ego_pose_token": token, "filename": name}
            reading |= {"calibrated_sensor_token": f"c-{channel}-{scene}", "timestamp": START + round(1e6 * moment)}
            size = {"width": made.camera.width, "height": made.camera.height} if channel.startswith("CAM") else {}
            rows["sample_data"].append(reading | size)
            if channel == "LIDAR_TOP":
                cloud = apply(invert(T), sweep_from_ego(made, number, moment))
                own_car = np.array([[0.1, 0.2, -0.3], [0.0, 1.2, 0.0]])
                write_sweep(root / name, np.concatenate([cloud, own_car]), 0.5, 3.0)
            else:
                write_image(root / f"{name}.png", made.images[number])
                (root / f"{name}.png").rename(root / name)
    rows["sample_data"].reverse()  # its order means nothing
    folder.mkdir(exist_ok=True)
    for name, table in rows.items():
        (folder / f"{name}.json").write_text(json.dumps(table, indent=0))
    return root


def points(drive: Drive, row: int) -> np.ndarray:
    (frame,) = drive.frames([row])
    sweep = frame.sensor()
    assert isinstance(sweep, LidarSweep)
    return sweep.points


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(10, moving=True)


@pytest.fixture(scope="module")
def six() -> MadeStreet:
    return street(6)


def test_a_scene_comes_back_as_it_was_written(made: MadeStreet, tmp_path: Path) -> None:
    with open_capture(write(made, tmp_path)) as drive:
        assert isinstance(drive, Drive)
        assert (drive.format, drive.name, drive.up, drive.problems) == ("nuScenes", "scene-0061", "z", ())
        assert drive.cameras == ("front", "back_left")
        assert drive.table.index.tolist() == [number for number in range(10) for _ in range(2)]
        np.testing.assert_allclose(drive.table.T_world_camera[::2], made.T_world_camera, atol=1e-9)
        np.testing.assert_allclose(drive.table.T_world_camera[1::2], made.T_world_camera @ TURN, atol=1e-9)
        (frame,) = drive.frames([6])
        np.testing.assert_array_equal(frame.image(), made.images[3])
        np.testing.assert_array_equal(frame.camera.K, made.camera.K)


@pytest.mark.parametrize("row", [0, 7, 19])
def test_points_go_through_both_poses_of_the_vehicle_exactly(made: MadeStreet, tmp_path: Path, row: int) -> None:
    with open_capture(write(made, tmp_path)) as drive:
        expected = expected_points(made, row // 2)
        if row % 2:
            expected = apply(invert(TURN), expected)
        found = points(drive, row)
        assert len(found) == len(expected)  # without the vehicle itself
        np.testing.assert_allclose(found, expected, atol=2e-5)
        still = np.linalg.norm(found - apply(invert(T_EGO_CAMERA) @ T_EGO_LIDAR, made.sweeps[row // 2]), axis=1)
        assert row % 2 or still.max() < 1e-4  # the made sweep is of the picture's time, the stored one is not


def test_boxes_half_a_second_apart_follow_what_moves(made: MadeStreet, tmp_path: Path) -> None:
    boxes = []
    for number in (0, 5):
        for instance, T in (("oncoming", made.T_world_mover[number]), ("parked", made.T_world_mover[0])):
            pose = {"rotation": wxyz(T), "translation": T[:3, 3].tolist()}
            length, width, height = made.mover_size.tolist()
            box = {"sample_token": f"scene-0061-{number // 5}", "instance_token": instance}
            boxes.append(box | pose | {"size": [width, length, height]})
    boxes.append({"sample_token": "scene-0061-0", "instance_token": "damaged", "size": [1, 1, 1]})
    (write(made, tmp_path) / "v1.0-mini" / "sample_annotation.json").write_text(json.dumps(boxes))
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        assert whats(drive) == {"box without a place or size": (1, "dropped", "damaged")}
        (frame,) = drive.frames([4])  # 0.2 s
        sweep = frame.sensor()
        assert isinstance(sweep, LidarSweep)
        (box,) = sweep.moving
        expected = invert(made.T_world_camera[2]) @ made.T_world_mover[2]
        np.testing.assert_allclose(box.T_camera_box, expected, atol=1e-5)
        assert np.argsort(box.size).tolist() == np.argsort(made.mover_size).tolist()


def test_what_is_absent_is_counted_and_the_rest_keeps_its_numbers(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path)
    for path in (tmp_path / "samples" / "CAM_BACK_LEFT", tmp_path / "sweeps" / "CAM_BACK_LEFT"):
        for file in path.iterdir():
            file.unlink()
    (tmp_path / "samples" / "CAM_FRONT" / "scene-0061__0.jpg").unlink()
    (tmp_path / "sweeps" / "LIDAR_TOP" / "scene-0061__3.pcd.bin").unlink()
    with open_capture(tmp_path) as drive:
        assert isinstance(drive, Drive)
        assert drive.cameras == ("front",)
        assert drive.table.index.tolist() == list(range(1, 10))
        assert drive.table.has_depth.tolist() == [number != 3 for number in range(1, 10)]
        assert {what: count for what, (count, *_) in whats(drive).items()} == {
            "picture of camera front of the tables not among the files": 1,
            "picture of camera back_left of the tables not among the files": 10,
            "sweep of the tables not among the files": 1,
        }


def test_one_of_several_scenes_is_named_behind_the_folder(six: MadeStreet, tmp_path: Path) -> None:
    write(six, tmp_path, "scene-0061")
    write(six, tmp_path, "scene-0103")
    with pytest.raises(CaptureError, match=r"2 scenes inside \(scene-0061, scene-0103\); give one, as .*/scene-0061$"):
        open_capture(tmp_path)
    with open_capture(tmp_path / "scene-0103") as drive:
        assert isinstance(drive, Drive)
        assert (drive.name, len(drive)) == ("scene-0103", 12)
        assert points(drive, 0).shape == expected_points(six, 0).shape
    with pytest.raises(CaptureError, match="scene-0009: no such file"):
        open_capture(tmp_path / "scene-0009")
    for file in tmp_path.glob("s*/*/scene-0103__*"):
        file.unlink()
    with open_capture(tmp_path) as drive:  # the only one with sweeps
        assert drive.name == "scene-0061"
    with pytest.raises(CaptureError, match="no pictures of scene-0103"):
        open_capture(tmp_path / "scene-0103")


def test_the_smaller_tables_are_read_where_two_versions_lie_side_by_side(six: MadeStreet, tmp_path: Path) -> None:
    write(six, tmp_path)
    large = tmp_path / "v1.0-trainval"
    large.mkdir()
    for file in (tmp_path / "v1.0-mini").iterdir():
        (large / file.name).write_text(file.read_text() + " " * 100)
    (large / "ego_pose.json").write_text("[")
    with open_capture(tmp_path) as drive:
        assert len(drive) == 12


@pytest.mark.parametrize(
    ("table", "text", "told"),
    [
        ("scene", None, "no v1.0-mini/scene.json"),
        ("ego_pose", None, "no v1.0-mini/ego_pose.json"),
        ("ego_pose", "[]", "ego_pose.json has no usable pose"),
        ("ego_pose", '[{"token": "a', "cut short or not JSON"),
        ("sample", "{}", "no list of records"),
        ("sample", "[3]", "where a record is needed"),
        ("sample", "[" * 100_000, "not JSON"),
        ("calibrated_sensor", "[]", "no pictures of scene-0061"),
        ("sample_data", "[]", "no pictures of scene-0061"),
        ("sample_data", '[{"filename": 3, "timestamp": "x"}]', "no pictures of scene-0061"),
    ],
)
def test_broken_tables_are_one_sentence(
    six: MadeStreet, tmp_path: Path, table: str, text: str | None, told: str
) -> None:
    path = write(six, tmp_path) / "v1.0-mini" / f"{table}.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(CaptureError, match=told):
        open_capture(tmp_path)


@pytest.mark.parametrize(("key", "told"), [("camera_intrinsic", "no camera_intrinsic"), ("rotation", "no usable pose")])
def test_a_sensor_without_calibration_is_named(six: MadeStreet, tmp_path: Path, key: str, told: str) -> None:
    path = write(six, tmp_path) / "v1.0-mini" / "calibrated_sensor.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row[key] = [0.0, 0.0, 0.0, 0.0]
    path.write_text(json.dumps(rows))
    with pytest.raises(CaptureError, match=f"{told} of CAM_FRONT"):
        open_capture(tmp_path)


def test_a_reading_whose_pose_is_damaged_takes_it_from_its_neighbours(made: MadeStreet, tmp_path: Path) -> None:
    path = write(made, tmp_path) / "v1.0-mini" / "ego_pose.json"
    rows = json.loads(path.read_text())
    for row in rows:
        if row["token"] in ("CAM_FRONT-scene-0061-3", "CAM_BACK_LEFT-scene-0061-3"):  # of one moment
            row["rotation"] = [0, 0, 0, 0]
    path.write_text(json.dumps(rows))
    with open_capture(tmp_path) as drive:
        assert whats(drive)["reading without a usable vehicle pose"][:2] == (2, "noted")
        np.testing.assert_allclose(drive.table.T_world_camera[6], made.T_world_camera[3], atol=2e-3)


@given(
    records=st.lists(
        st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False) | st.text(max_size=9)), max_size=6
    ),
    chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 0, 2]),
)
def test_records_are_the_same_whatever_is_read_at_once(
    records: list[dict], chunk: int, indent: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    (folder / "table.json").write_text(json.dumps(records, indent=indent, ensure_ascii=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_records_module, "CHUNK_CHARACTERS", chunk)
        assert list(json_records(open_files(folder), "table.json")) == records


def test_a_record_without_end_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records_module, "MAX_RECORD_CHARACTERS", 1000)
    monkeypatch.setattr(json_records_module, "CHUNK_CHARACTERS", 100)
    (tmp_path / "table.json").write_text('[{"a": "' + "b" * 100_000 + '"}]')
    with pytest.raises(CaptureError, match="cut short or not JSON"):
        list(json_records(open_files(tmp_path), "table.json"))
