import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
from made_drive import CAMERA, MOVER_SIZE, MadeStreet, lidar_poses, street, write_image, write_sweep
from made_room import whats
from scipy.spatial.transform import Rotation

from recon.captures.kitti_raw import KittiRaw
from recon.captures.readers import open_capture
from recon.errors import CaptureError
from recon.geometry.transforms import apply, invert, rigid

FRAMES = 5
START = datetime(2011, 9, 26, 13, 2, 44, tzinfo=UTC).timestamp()
LATITUDE, LONGITUDE = 49.0, 8.4  # degrees
EARTH_RADIUS = 6378137.0  # metres, of WGS 84
PACKET_LATE = np.array([0.004, -0.027, -0.013, 0.0, -0.02])  # seconds after the picture
T_LIDAR_IMU = rigid(Rotation.from_euler("xyz", [0.3, -0.2, 1.0], degrees=True).as_matrix(), np.array([-0.8, 0.3, -0.8]))
R_RECT = Rotation.from_euler("xyz", [0.2, -0.4, 0.6], degrees=True).as_matrix()
T_RECT0 = rigid(np.eye(3), np.array([0.06, 0.0, 0.003]))  # T_camera2_camera0 of the rectified pair


def imu_poses(times: np.ndarray) -> np.ndarray:
    return lidar_poses(times) @ T_LIDAR_IMU


def stamp(seconds: float) -> str:
    whole = datetime.fromtimestamp(START + np.floor(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{whole}.{round(1e9 * (seconds % 1)):09d}"


def packet(time: float, accuracy: float = 0.03) -> str:
    before, T, after = imu_poses(np.array([time - 1e-4, time, time + 1e-4]))
    yaw, pitch, roll = Rotation.from_matrix(T[:3, :3]).as_euler("ZYX")
    velocity = T[:3, :3].T @ (after[:3, 3] - before[:3, 3]) / 2e-4
    rate = Rotation.from_matrix(before[:3, :3].T @ after[:3, :3]).as_rotvec() / 2e-4
    scale = np.cos(np.deg2rad(LATITUDE)) * EARTH_RADIUS
    north = np.log(np.tan(np.pi * (90 + LATITUDE) / 360)) + T[1, 3] / scale
    fields = np.zeros(30)
    fields[:6] = [2 * np.rad2deg(np.arctan(np.exp(north))) - 90, LONGITUDE + np.rad2deg(T[0, 3] / scale), 112 + T[2, 3],
                  roll, pitch, yaw]  # fmt: skip
    fields[8:11], fields[20:23], fields[23] = velocity, rate, accuracy
    return " ".join(repr(float(value)) for value in fields)


def motion(T: np.ndarray) -> str:
    numbers = [" ".join(repr(float(value)) for value in part.ravel()) for part in (T[:3, :3], T[:3, 3])]
    return f"calib_time: 25-May-2012 16:47:16\nR: {numbers[0]}\nT: {numbers[1]}\ndelta_f: 0 0\n"


def write(made: MadeStreet, root: Path, name: str = "2011_09_26_drive_0002_sync") -> Path:
    """A day with one drive; gives the folder of the drive."""
    day = root / "2011_09_26"
    folder = day / name
    for number in range(len(made.timestamp)):
        write_image(folder / "image_02" / "data" / f"{number:010d}.png", made.images[number])
        write_sweep(folder / "velodyne_points" / "data" / f"{number:010d}.bin", made.sweeps[number])
    (folder / "oxts" / "data").mkdir(parents=True)
    taken = made.timestamp + PACKET_LATE[: len(made.timestamp)]
    for number, time in enumerate(taken.tolist()):
        (folder / "oxts" / "data" / f"{number:010d}.txt").write_text(packet(time))
    for sensor, times in (
        ("image_02", made.timestamp),
        ("velodyne_points", made.timestamp - 0.0105),
        ("oxts", taken),
    ):
        (folder / sensor / "timestamps.txt").write_text("".join(stamp(time + 1) + "\n" for time in times.tolist()))
    P = CAMERA.K @ T_RECT0[:3]
    T_cam0_lidar = rigid(R_RECT.T, np.zeros(3)) @ invert(T_RECT0) @ made.T_camera_lidar
    rows = {"S_02": [1392, 512], "S_rect_02": [CAMERA.width, CAMERA.height], "R_rect_00": R_RECT.ravel(),
            "P_rect_02": P.ravel(), "R_rect_02": np.eye(3).ravel()}  # fmt: skip
    text = "".join(f"{key}: {' '.join(repr(float(value)) for value in row)}\n" for key, row in rows.items())
    (day / "calib_cam_to_cam.txt").write_text("calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.95e-02\n" + text)
    (day / "calib_velo_to_cam.txt").write_text(motion(T_cam0_lidar))
    (day / "calib_imu_to_velo.txt").write_text(motion(T_LIDAR_IMU))
    return folder


@pytest.fixture(scope="module")
def made() -> MadeStreet:
    return street(FRAMES, spinning=True)


@pytest.fixture
def folder(made: MadeStreet, tmp_path: Path) -> Path:
    return write(made, tmp_path / "kitti")


def off_surface(made: MadeStreet, points: np.ndarray) -> np.ndarray:
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(made.mesh.vertices.astype(np.float32), made.mesh.triangles.astype(np.uint32))
    return scene.compute_distance(points.astype(np.float32)).numpy()


def world_of(capture: KittiRaw) -> np.ndarray:
    """From the capture's world, which begins at the first packet, to the street's."""
    T = np.eye(4)
    T[:3, 3] = imu_poses(PACKET_LATE[:1])[0, :3, 3]
    return T


def test_poses_are_those_at_the_time_of_the_pictures(folder: Path, made: MadeStreet) -> None:
    with open_capture(folder.parents[1]) as capture:
        assert (capture.format, capture.up, capture.problems, capture.cameras) == ("KITTI raw", "z", (), ("front",))
        np.testing.assert_allclose(capture.table.timestamp, START + 1 + made.timestamp, atol=1e-6)
        found = world_of(capture) @ capture.table.T_world_camera
        # Off by the acceleration within 27 ms and by Mercator's scale some metres north.
        np.testing.assert_allclose(found, made.T_world_camera, atol=2e-4)
        (frame,) = capture.frames([1])
        np.testing.assert_array_equal(frame.image(), made.images[1])
        np.testing.assert_allclose(frame.camera.K, CAMERA.K, rtol=1e-9)


def test_sweeps_are_moved_to_the_moment_of_the_picture(folder: Path, made: MadeStreet) -> None:
    with open_capture(folder) as capture:
        for frame in capture.frames(range(FRAMES)):
            points = apply(world_of(capture) @ frame.T_world_camera, frame.sensor().points.astype(np.float64))
            as_measured = apply(made.T_world_lidar[frame.row], made.sweeps[frame.row].astype(np.float64))
            assert np.percentile(off_surface(made, points), 95) < 0.02
            assert np.percentile(off_surface(made, as_measured), 95) > 0.05


def test_sweeps_and_packets_that_are_missing_do_not_shift_the_others(folder: Path, made: MadeStreet) -> None:
    with open_capture(folder) as capture:
        whole = [frame.sensor().points for frame in capture.frames(range(FRAMES))]
    (folder / "velodyne_points" / "data" / "0000000002.bin").unlink()
    stamps = folder / "velodyne_points" / "timestamps.txt"
    lines = stamps.read_text().splitlines()
    lines[2] = ""
    stamps.write_text("\n".join(lines) + "\n")
    with open_capture(folder) as capture:
        assert capture.table.has_depth.tolist() == [True, True, False, True, True]
        assert whats(capture) == {"sweep missing": (1, "noted", "frame 2")}
        for frame in capture.frames([3, 4]):
            np.testing.assert_array_equal(frame.sensor().points, whole[frame.index])


def test_without_stamps_of_sweeps_those_of_pictures_are_used_and_it_is_noted(folder: Path) -> None:
    (folder / "velodyne_points" / "timestamps.txt").unlink()
    with open_capture(folder) as capture:
        assert capture.table.has_depth.all()
        assert list(whats(capture)) == ["no velodyne_points/timestamps.txt, so sweeps have the times of pictures"]


def test_stamps_that_are_none_are_named(folder: Path) -> None:
    (folder / "image_02" / "timestamps.txt").write_text("x\n" * FRAMES)
    with pytest.raises(CaptureError, match="image_02/timestamps.txt: none of its 5 lines is a time"):
        open_capture(folder)


def test_without_a_usable_packet_the_drive_has_no_poses(folder: Path) -> None:
    for path in (folder / "oxts" / "data").iterdir():
        path.write_text("")
    with open_capture(folder) as capture:
        assert capture.trajectory is None
        assert any("so the drive has no poses" in what for what in whats(capture))


def test_the_drive_alone_finds_its_calibration_one_level_up(folder: Path) -> None:
    with open_capture(folder) as capture:
        assert (len(capture), capture.name) == (FRAMES, "2011_09_26_drive_0002_sync")


@pytest.mark.parametrize("name", ["calib_cam_to_cam.txt", "calib_velo_to_cam.txt", "calib_imu_to_velo.txt"])
def test_missing_calibration_is_named(folder: Path, name: str) -> None:
    (folder.parent / name).unlink()
    for place in (folder, folder.parents[1]):
        with pytest.raises(CaptureError, match=f"no {name} beside the drive"):
            open_capture(place)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("calib_cam_to_cam.txt", "R_rect_00: ", "R_rect_00: 1 ", "R_rect_00 is missing or has not 9 numbers"),
        ("calib_cam_to_cam.txt", "P_rect_02", "P_rect_2", "P_rect_02 is missing"),
        ("calib_velo_to_cam.txt", "T: ", "T: 1 ", "calib_velo_to_cam.txt without R of 9 and T of 3 numbers"),
        ("calib_imu_to_velo.txt", "R: 0", "R: 7", "calib_imu_to_velo.txt, R is no rigid motion"),
    ],
)
def test_broken_calibration_is_one_sentence(folder: Path, name: str, old: str, new: str, words: str) -> None:
    path = folder.parent / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CaptureError, match=words):
        open_capture(folder)


def test_unrectified_drives_are_refused(made: MadeStreet, tmp_path: Path) -> None:
    write(made, tmp_path, name="2011_09_26_drive_0002_extract")
    with pytest.raises(CaptureError, match="unrectified drive.*_sync"):
        open_capture(tmp_path)


def test_unrectified_pictures_are_refused_under_any_name(folder: Path) -> None:
    write_image(folder / "image_02" / "data" / "0000000000.png", np.zeros((512, 1392, 3), np.uint8))
    with pytest.raises(CaptureError, match="unrectified pictures in image_02"):
        open_capture(folder)


def test_pictures_of_half_the_size_have_half_the_focal_length(folder: Path, made: MadeStreet) -> None:
    for number in range(FRAMES):
        write_image(folder / "image_02" / "data" / f"{number:010d}.png", made.images[number][::2, ::2])
    with open_capture(folder) as capture:
        (frame,) = capture.frames([0])
        np.testing.assert_allclose(frame.camera.K, CAMERA.resized(160, 56).K, rtol=1e-9)


def test_weak_positions_are_noted_with_the_worst(folder: Path, made: MadeStreet) -> None:
    (folder / "oxts" / "data" / "0000000003.txt").write_text(packet(made.timestamp[3], accuracy=0.43))
    with open_capture(folder) as capture:
        (what,) = whats(capture)
        assert re.match(r"position stated accurate to no better than 0.1 m \(worst 0.43 m\)", what)


@pytest.mark.parametrize("text", ["", "1 2 3", "nan " * 30, "0 " * 30, "99 " * 30, "x"])
def test_a_damaged_packet_costs_its_pose_alone(folder: Path, text: str) -> None:
    (folder / "oxts" / "data" / "0000000004.txt").write_text(text)
    with open_capture(folder) as capture:
        assert np.isfinite(capture.table.T_world_camera).all(axis=(1, 2)).tolist() == [True] * 4 + [False]
        assert whats(capture)["navigation packet damaged"][0] == 1


def test_packets_far_from_their_pictures_are_left_out(folder: Path) -> None:
    path = folder / "oxts" / "timestamps.txt"
    lines = path.read_text().splitlines()
    lines[4] = lines[0]
    path.write_text("\n".join(lines))
    with open_capture(folder) as capture:
        assert np.isnan(capture.table.T_world_camera[4]).all()
        assert whats(capture) == {
            "navigation packet without a time near its picture's": (1, "dropped", "oxts/data/0000000004.txt")
        }


def test_a_drive_without_packets_has_no_poses(folder: Path) -> None:
    for path in (folder / "oxts" / "data").iterdir():
        path.unlink()
    with open_capture(folder) as capture:
        assert capture.trajectory is None
        assert len(capture.frames([0]).__next__().sensor().points) > 1000


def tracklets(made: MadeStreet) -> str:
    """The oncoming car, as the data set writes it: in the axes of the LiDAR, on its bottom."""
    poses = ""
    for T_lidar, T_mover in zip(made.T_world_lidar, made.T_world_mover, strict=True):
        T = invert(T_lidar) @ T_mover
        bottom = T[:3, 3] - [0, 0, MOVER_SIZE[2] / 2]
        yaw = np.arctan2(T[1, 0], T[0, 0])
        values = dict(zip(("tx", "ty", "tz", "rx", "ry", "rz"), [*bottom.tolist(), 0.0, 0.0, float(yaw)], strict=True))
        poses += "<item>" + "".join(f"<{key}>{value!r}</{key}>" for key, value in values.items()) + "</item>"
    length, width, height = MOVER_SIZE.tolist()
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>\n<!DOCTYPE boost_serialization>\n'
        "<boost_serialization><tracklets><count>1</count><item><objectType>Car</objectType>"
        f"<h>{height}</h><w>{width}</w><l>{length}</l><first_frame>0</first_frame>"
        f"<poses><count>5</count>{poses}</poses></item></tracklets></boost_serialization>"
    )


def test_tracklets_become_boxes_of_what_moves(tmp_path: Path) -> None:
    made = street(FRAMES, moving=True)
    folder = write(made, tmp_path)
    (folder / "tracklet_labels.xml").write_text(tracklets(made))
    with open_capture(folder) as capture:
        (frame,) = capture.frames([2])
        (box,) = frame.sensor().moving
        expected = invert(made.T_world_camera[2]) @ made.T_world_mover[2]
        np.testing.assert_allclose(box.T_camera_box[:3, 3], expected[:3, 3], atol=0.01)
        np.testing.assert_allclose(np.abs(box.T_camera_box[:3, :3]), np.abs(expected[:3, :3]), atol=0.01)
        np.testing.assert_allclose(box.size - MOVER_SIZE, 2 * (0.15 + 0.8), atol=0.05)


def refused(folder: Path, xml: bytes, words: str) -> None:
    (folder / "tracklet_labels.xml").write_bytes(xml)
    with pytest.raises(CaptureError, match=words):
        open_capture(folder)


def test_xml_that_could_grow_or_is_cut_is_refused(folder: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
    refused(folder, bomb.encode(), "declares entities")
    refused(folder, bomb.encode("utf-16"), "is damaged")
    refused(folder, b"<boost_serialization><tracklets>", "is damaged")
    with (folder / "tracklet_labels.xml").open("wb") as file:
        file.truncate(40 << 20)
    with pytest.raises(CaptureError, match="more than any such file"):
        open_capture(folder)


@pytest.mark.parametrize("change", [lambda x: x.replace("<l>4.0</l>", ""), lambda x: x.replace("<tx>", "<tx>x")])
def test_a_damaged_track_costs_itself_alone(tmp_path: Path, change: Callable[[str], str]) -> None:
    made = street(FRAMES, moving=True)
    folder = write(made, tmp_path)
    (folder / "tracklet_labels.xml").write_text(change(tracklets(made)))
    with open_capture(folder) as capture:
        assert whats(capture)["object track damaged"][0] == 1
        assert capture.frames([0]).__next__().sensor().moving == ()
