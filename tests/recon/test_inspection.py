import json
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from box_room import IMAGE, SIZE, BoxRoom

from recon.captures.base import Frame, Problem
from recon.errors import CaptureError
from recon.inspection import inspect_capture


class Room(BoxRoom):
    """The box room with unreadable depth in some rows."""

    unreadable: tuple[int, ...] = ()

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        assert list(rows) == sorted(set(rows))
        assert not with_images
        for frame in super().frames(rows, with_images):
            yield frame if frame.row not in self.unreadable else broken(frame)


def broken(frame: Frame) -> Frame:
    def sensor() -> None:
        raise CaptureError(f"depth/{frame.index}.png: cut off")

    return Frame(**{**vars(frame), "sensor": sensor})


def test_the_facts_of_a_box_room_are_those_of_the_box() -> None:
    facts = inspect_capture(Room())
    np.testing.assert_allclose(facts["extent_m"], SIZE, atol=0.1)  # 1 % of the points are cut at either side
    assert facts["frames"] == facts["frames_with_image"] == facts["frames_with_depth"] == len(Room().table)
    assert facts["image_size"] == [IMAGE.width, IMAGE.height]
    assert 0 < facts["depth_range_m"][0] < facts["depth_range_m"][1] < np.linalg.norm(SIZE)
    assert facts["problems"] == []
    assert json.loads(json.dumps(facts)) == facts


def test_problems_are_the_readers_and_those_of_poses_and_depth() -> None:
    room = Room()
    room.problems = (Problem("rows out of order", 2, "repaired", "frame 4"),)
    room.table.T_world_camera[3] = np.nan
    room.table.T_world_camera[7] = np.nan
    room.unreadable = (5,)
    problems = inspect_capture(room)["problems"]
    assert problems[:2] == [
        {"what": "rows out of order", "count": 2, "effect": "repaired", "example": "frame 4"},
        {"what": "no usable pose", "count": 2, "effect": "dropped", "example": f"frame {room.table.index[3]}"},
    ]
    assert problems[-1]["what"].startswith("depth unreadable in a sample of")
    assert problems[-1]["example"] == "depth/5.png: cut off"


def test_a_capture_without_a_usable_pose_has_facts_too() -> None:
    room = Room()
    room.table.T_world_camera[:] = np.nan
    facts = inspect_capture(room)
    assert facts["extent_m"] is None
    assert facts["depth_range_m"] is None
    assert facts["path_length_m"] == 0
    assert facts["problems"][0]["count"] == len(room.table)


def test_the_picture_size_is_told_though_few_frames_have_colour() -> None:
    room = Room(60)
    room.table.has_image[:] = False
    room.table.has_image[1] = True
    assert inspect_capture(room)["image_size"] == [IMAGE.width, IMAGE.height]


def test_an_untracked_frame_never_enters_the_extent() -> None:
    room = Room()
    room.table.T_world_camera[0] = np.nan
    assert np.isfinite(inspect_capture(room)["extent_m"]).all()


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_captures_have_facts(count: int) -> None:
    facts = inspect_capture(Room(count))
    assert facts["frames"] == count
    assert facts["path_length_m"] >= 0
