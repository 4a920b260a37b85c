import pytest
import torch

from train.simulation.resizing import fill_unknown, resize_depth, resize_image


def ramp(height: int, width: int, size: tuple[int, int]) -> torch.Tensor:
    """A slope, 1 m at the left edge of the picture and 1.1 m at the right, at pixel centres of ``size``."""
    columns = (torch.arange(size[1]) + 0.5) / size[1]
    return (1 + 0.1 * columns).expand(1, 1, *size)


def test_a_slope_stays_a_slope() -> None:
    small = resize_depth(ramp(30, 50, (30, 50)), (12, 20))
    torch.testing.assert_close(small, ramp(30, 50, (12, 20)))


def test_no_depth_is_invented_between_two_surfaces() -> None:
    depth = torch.where(torch.rand(1, 1, 60, 80, generator=torch.Generator().manual_seed(0)) < 0.5, 1.0, 3.0)
    assert set(resize_depth(depth, (19, 23)).unique().tolist()) == {1.0, 3.0}


def test_unknown_depth_takes_no_part() -> None:
    depth = torch.full((1, 1, 64, 64), 2.0)
    depth[..., 20:40, 17:33] = 0
    small = resize_depth(depth, (25, 25))
    assert set(small.unique().tolist()) == {0.0, 2.0}
    nearest = torch.nn.functional.interpolate(depth, size=(25, 25), mode="nearest-exact")
    assert torch.equal(small > 0, nearest > 0)


@pytest.mark.parametrize("size", [(4, 6), (32, 48)])
def test_a_grey_picture_stays_grey(size: tuple[int, int]) -> None:
    torch.testing.assert_close(resize_image(torch.full((2, 3, 8, 12), 0.4), size), torch.full((2, 3, *size), 0.4))


def test_what_is_known_stays_and_the_rest_comes_from_nearby() -> None:
    depth = torch.zeros(1, 1, 8, 8)
    depth[..., :4, :4], depth[..., 4:, 4:] = 1.0, 3.0
    depth[..., 0, 1] = 0
    filled = fill_unknown(depth)
    assert torch.equal(filled[depth > 0], depth[depth > 0])
    assert filled[0, 0, 0, 1] == 1  # of its 2x2 square
    assert filled[0, 0, 0, 7] == 2  # of the whole map: its quarter knows nothing


def test_nothing_known_stays_unknown() -> None:
    assert not fill_unknown(torch.zeros(2, 1, 5, 7)).any()
