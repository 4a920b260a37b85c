import numpy as np
import pytest
import torch

from train.simulation.spots import SpotGrid, draw_spots, make_patterns, pattern_pool

PLAIN = SpotGrid(stride=(7.0, 7.0), distortion=(0.0, 0.0), jitter=(0.0, 0.0))
BENT = SpotGrid(stride=(5.0, 9.0), distortion=(0.0, 2e-5), jitter=(0.0, 1.0))
SIZE = (40, 56)


def test_neighbours_are_the_nearest_spots() -> None:
    patterns = make_patterns(BENT, SIZE, neighbours=4, count=3, rng=np.random.default_rng(1))
    rng = np.random.default_rng(1)
    pixels = np.indices(SIZE).reshape(2, -1).T
    for offsets in patterns.offsets.numpy().astype(int):
        spots = draw_spots(BENT, SIZE, rng)
        apart = np.linalg.norm(pixels[:, None] - spots[None], axis=2)  # every spot from every pixel
        np.testing.assert_allclose(np.linalg.norm(offsets, axis=2), np.sort(apart, axis=1)[:, :4])
        reached = (pixels[:, None] + offsets).reshape(-1, 2)
        assert set(map(tuple, reached)) <= set(map(tuple, spots))


def test_one_spot_for_every_square_of_the_stride() -> None:
    spots = draw_spots(PLAIN, (192, 256), np.random.default_rng(0))
    assert len(spots) == pytest.approx(192 * 256 / 49, rel=0.05)  # the border cuts some squares


def test_every_second_row_is_moved_by_half_a_stride() -> None:
    spots = draw_spots(PLAIN, (192, 256), np.random.default_rng(0))
    rows = [sorted(spots[spots[:, 0] == row, 1]) for row in np.unique(spots[:, 0])]
    first = np.array([row[0] for row in rows])
    moved = np.abs(np.diff(first))
    assert set(moved) <= {3, 4}  # 3.5, rounded


def test_spots_spread_outwards_by_the_cube_of_the_radius() -> None:
    bent = SpotGrid(stride=(7.0, 7.0), distortion=(2e-5, 2e-5), jitter=(0.0, 0.0))
    flat, spread = (draw_spots(grid, (192, 256), np.random.default_rng(0)) for grid in (PLAIN, bent))
    centre = np.array([95.5, 127.5])
    away = flat - centre
    moved = centre + away * (1 + 2e-5 * (away**2).sum(1, keepdims=True))
    inside = ((moved > 1) & (moved < (190, 254))).all(1)
    nearest = np.abs(moved[inside][:, None] - spread[None]).max(2).min(1)
    assert nearest.max() <= 1.5  # rounding of the flat spot, stretched, and of the moved one


def test_the_emitter_may_not_reach_the_border() -> None:
    fringed = SpotGrid(stride=(5.0, 5.0), distortion=(0.0, 0.0), jitter=(0.0, 1.0), fringe=(6.0, 6.0))
    spots = draw_spots(fringed, SIZE, np.random.default_rng(0))
    assert spots.min() >= 6
    assert (spots <= np.array(SIZE) - 7).all()


def test_a_map_smaller_than_the_stride_has_a_spot() -> None:
    patterns = make_patterns(PLAIN, (3, 4), neighbours=4, count=5, rng=np.random.default_rng(0))
    for spot in patterns.draw(2, torch.Generator().manual_seed(0)):
        assert spot.pixel.min() >= 0
        assert spot.pixel.max() < 2 * 12


def test_the_pool_is_a_table_that_generators_draw_from() -> None:
    pool = pattern_pool(BENT, SIZE, 4, torch.device("cpu"), 6)
    assert pattern_pool(BENT, SIZE, 4, torch.device("cpu"), 6) is pool
    first, again = (pool.draw(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.offsets, again.offsets)


def test_a_spot_is_numbered_by_its_own_pixel() -> None:
    around = pattern_pool(BENT, SIZE, 4, torch.device("cpu"), 6).draw(5, torch.Generator().manual_seed(3))
    row, column = np.indices(SIZE).reshape(2, 1, -1)
    for which, spot in enumerate(around):
        offsets = around.offsets[:, :, which].numpy().astype(int)
        expected = (row + offsets[..., 0]) * SIZE[1] + column + offsets[..., 1]
        expected += np.arange(5)[:, None] * SIZE[0] * SIZE[1]
        np.testing.assert_array_equal(spot.pixel.view(5, -1), expected)
        np.testing.assert_array_equal(spot.rows, offsets[..., 0])


def test_senseless_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="SpotGrid.jitter is .2.0, 1.0."):
        SpotGrid(stride=(7.0, 7.0), distortion=(0.0, 0.0), jitter=(2.0, 1.0))
    with pytest.raises(ValueError, match="a pixel apart"):
        SpotGrid(stride=(0.5, 7.0), distortion=(0.0, 0.0), jitter=(0.0, 0.0))
    wide = SpotGrid(stride=(400.0, 400.0), distortion=(0.0, 0.0), jitter=(0.0, 0.0))
    with pytest.raises(ValueError, match="at most 127"):
        make_patterns(wide, (300, 400), neighbours=1, count=1, rng=np.random.default_rng(0))
