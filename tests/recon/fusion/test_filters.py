import numpy as np
import pytest

from recon.fusion.filters import clean_depth, off_edges, within_range


def test_both_sides_of_a_step_go_and_the_flats_stay() -> None:
    step = np.tile(np.float32([1, 1, 1, 2, 2, 2]), (3, 1))
    np.testing.assert_array_equal(off_edges(step), np.tile([True, True, False, False, True, True], (3, 1)))
    np.testing.assert_array_equal(off_edges(step.T), np.tile([True, True, False, False, True, True], (3, 1)).T)


def test_every_pixel_of_a_smeared_step_goes() -> None:
    smeared = np.float32([[1, 1, 1.1, 1.4, 1.8, 2, 2, 2]])
    np.testing.assert_array_equal(off_edges(smeared), [[True, False, False, False, False, False, True, True]])


def test_the_jump_is_a_share_of_the_nearer_depth() -> None:
    for scale in (0.3, 1.0, 4.0):
        assert off_edges(np.float32([[1.0, 1.029]]) * np.float32(scale)).all()
        assert not off_edges(np.float32([[1.0, 1.031]]) * np.float32(scale)).any()
        assert not off_edges(np.float32([[1.031, 1.0]]) * np.float32(scale)).any()


def test_unknown_neighbours_are_no_edge() -> None:
    assert off_edges(np.float32([[2, 0, 2], [0, 2, 0]])).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_a_single_row_or_column_has_neighbours_on_one_axis_only(shape: tuple[int, int]) -> None:
    assert off_edges(np.ones(shape, np.float32)).all()


def test_a_plane_stays_up_to_80_degrees() -> None:
    """On a phone's map: the share from pixel to pixel is tan(angle) / focal length."""
    u = np.arange(256) - 127.5
    for angle, stays in ((0, True), (60, True), (78, True), (85, False)):
        depth = 2 / (1 - np.tan(np.radians(angle)) * u / 213)
        seen = np.tile(np.where((depth > 0) & (depth < 5), depth, 0).astype(np.float32), (4, 1))
        at_axis = (slice(None), slice(126, 130))
        assert off_edges(seen)[at_axis].all() == stays


def test_range_is_closed_and_what_is_not_a_number_is_outside() -> None:
    depth = np.float32([[0, 0.1, 0.05, 5, 5.01, np.nan, np.inf, -1]])
    np.testing.assert_array_equal(
        within_range(depth, 0.1, 5.0), [[False, True, False, True, False, False, False, False]]
    )


def test_cleaned_depth_is_finite_and_changes_no_value_that_stays() -> None:
    depth = np.float32([[1, 1, 1, np.nan, 1, 1, 9, 9, 1, -1, np.inf, 1]])
    np.testing.assert_array_equal(clean_depth(depth, 0.1, 5.0), np.float32([[1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1]]))
