import pytest
import torch
from board_scene import board_and_wall, generator
from scipy import ndimage

from train.simulation import faults
from train.simulation.smoothing import laplace, smooth_noise

ONE = torch.ones(1)


def test_readings_flatten_beyond_five_metres() -> None:
    depth = torch.linspace(0.3, 40, 200).view(1, 1, 10, 20)
    flat = faults.flattened(depth)
    near = depth <= 5
    assert torch.equal(flat[near], depth[near])
    assert (flat.flatten().diff() >= 0).all()
    assert 5 < flat.max() <= 8
    gain = flat.flatten().diff() / depth.flatten().diff()
    assert gain[-1] < 0.01 < gain[0]


def test_flying_pixels_lie_between_the_surfaces_and_only_at_rims() -> None:
    _, depth = board_and_wall()
    mixed = faults.mixed_at_rims(depth, ONE, generator())
    moved = (mixed - depth).abs() > 0.02
    rim = torch.nn.functional.max_pool2d(depth, 3, 1, 1) + torch.nn.functional.max_pool2d(-depth, 3, 1, 1) > 0.5
    assert torch.equal(moved, rim)
    assert (mixed[rim] > 1).all()
    assert (mixed[rim] < depth.max()).all()


def test_displaced_edges_leave_planes_and_invent_no_depth() -> None:
    _, depth = board_and_wall(2)
    moved = faults.displaced(depth, torch.full((2,), 2.0), generator())
    wall = (1 / (0.5 - 0.001 * torch.arange(depth.shape[-1]))).expand_as(depth)
    on_wall, on_board = (moved - wall).abs() < 1e-4, (moved - 1).abs() < 1e-4
    assert (on_wall | on_board).all()
    changed = on_board != (depth == 1)
    assert 0.2 < changed.sum() / (2 * 2 * (48 + 48)) < 3  # pixels an edge pixel, of displacements of 2
    assert not changed[..., :19, :].any()  # at most 4 pixels, and the rounding of the direction
    grown = (on_board.sum() - (depth == 1).sum()) / (2 * 2 * (48 + 48))
    assert grown > 0  # the foreground fattens


@pytest.mark.parametrize(
    ("grey", "metres", "share"), [(0.5, 2.0, 0.03), (0.1, 2.0, 0.33), (0.95, 2.0, 0.33), (0.5, 4.7, 0.43)]
)
def test_answers_are_lost_on_what_is_dark_glaring_or_far(grey: float, metres: float, share: float) -> None:
    answered = faults.answered(torch.full((1, 1, 96, 128), metres), torch.full((1, 3, 96, 128), grey), ONE, generator())
    assert 1 - float(answered.float().mean()) == pytest.approx(share, abs=0.02)


def test_a_thin_thing_is_lost_whole_or_not_at_all() -> None:
    count = 60
    depth = torch.full((count, 1, 48, 64), 3.0)
    depth[..., 22:26, 30:34] = 1.0
    image = torch.full((count, 3, 48, 64), 0.5)
    answered = faults.answered(depth, image, torch.ones(count), generator())[..., 22:26, 30:34]
    share = answered.float().mean((1, 2, 3))
    assert 0.08 < (share == 0).float().mean() < 0.4
    assert ((share > 0) & (share < 0.3)).sum() <= 3  # where the field that decides changes in its midst


def test_blobs_of_low_confidence_are_some_four_of_some_200_pixels() -> None:
    count = 30
    doubt = faults.low_confidence_blobs(count, (192, 256), torch.ones(count), generator())[:, 0].numpy()
    sizes = []
    for frame in doubt:
        labels, found = ndimage.label(frame > 0)
        sizes.append(ndimage.sum_labels(frame > 0, labels, range(1, found + 1)))
    large = [size[size > 30] for size in sizes]  # what frays off at the rim is smaller
    assert sum(map(len, large)) / count == pytest.approx(4, abs=1.0)
    assert sorted(size for frame in large for size in frame)[sum(map(len, large)) // 2] == pytest.approx(200, rel=0.25)


def test_the_border_is_doubtful_and_the_middle_is_not() -> None:
    border = faults.fringe((96, 128), 8, generator())
    assert border[..., 0, :].mean() > 0.7
    assert border[..., 40:56, 50:78].max() < 0.1


def test_smooth_noise_has_unit_deviation_and_forgets_within_its_spacing() -> None:
    field = smooth_noise(200, (64, 64), 8.0, generator())
    assert float(field.std()) == pytest.approx(1, rel=0.03)
    half, far = ((field[..., lag:] * field[..., :-lag]).mean() for lag in (5, 16))
    assert float(half) == pytest.approx(0.5, abs=0.1)
    assert abs(float(far)) < 0.1


def test_laplace_values_have_the_mean_deviation_of_their_scale() -> None:
    values = laplace((200_000,), generator())
    assert float(values.abs().mean()) == pytest.approx(1, rel=0.02)
    assert float(values.square().mean()) == pytest.approx(2, rel=0.04)
