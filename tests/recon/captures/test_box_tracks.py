import numpy as np
import pytest

from recon.captures.box_tracks import box_tracks


def poses(places: list[float]) -> np.ndarray:
    T = np.tile(np.eye(4), (len(places), 1, 1))
    T[:, 0, 3] = places
    return T


def test_gaps_of_up_to_a_second_are_bridged_and_longer_ones_are_not() -> None:
    times = np.array([0.0, 0.8, 2.0])
    (track,), problems = box_tracks(["a"] * 3, times, poses([0.0, 4.0, 10.0]), np.ones((3, 3)))
    assert problems == ()
    along = track.T_world_box.at(np.array([0.0, 0.2, 0.5, 0.8, 1.4, 2.0]))[:, 0, 3]
    np.testing.assert_allclose(along, [0.0, 1.0, 2.5, 4.0, np.nan, 10.0], atol=1e-9)


def test_boxes_belong_to_their_objects_in_order_of_time_whatever_their_order() -> None:
    times = np.array([0.2, 0.0, 0.1, 0.1, 0.1])
    sizes = np.array([[4.0, 2, 1], [4, 2, 1.5], [1, 1, 1], [4, 2, 1], [0, 1, 1]])
    tracks, problems = box_tracks(["car", "car", "man", "car", "man"], times, poses([2.0, 0, 7, 1, 8]), sizes)
    car, man = tracks
    assert car.T_world_box.timestamp[[0, -1]].tolist() == [0.0, 0.2]
    assert car.T_world_box.at(np.array([0.05, 0.15]))[:, 0, 3] == pytest.approx([0.5, 1.5])
    assert car.size.tolist() == [4, 2, 1.5]
    assert man.T_world_box.T_world_body[:, 0, 3].tolist() == [7.0]
    assert [(problem.count, problem.effect, problem.example) for problem in problems] == [(1, "dropped", "man")]
