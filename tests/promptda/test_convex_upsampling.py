"""Upsampling by chosen weights."""

import torch
import torch.nn.functional as F

from promptda.convex_upsampling import NEIGHBOURS, ConvexUpsampling, bilinear_logits, upsampled


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_sum_over_neighbours_written_out() -> None:
    values, logits = draw(1, 2, 3, 4), draw(1, NEIGHBOURS * 4, 3, 4, seed=1)
    result = upsampled(values, logits, factor=2)
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    for row in range(6):
        for column in range(8):
            subpixel = row % 2 * 2 + column % 2
            weights = logits[0, subpixel::4, row // 2, column // 2].softmax(0).view(3, 3)
            cells = padded[0, :, row // 2 : row // 2 + 3, column // 2 : column // 2 + 3]
            torch.testing.assert_close(result[0, :, row, column], (weights * cells).sum((1, 2)))


def test_it_never_leaves_the_range_of_the_cells_around() -> None:
    values = draw(1, 1, 6, 5)
    result = upsampled(values, 3 * draw(1, NEIGHBOURS * 16, 6, 5, seed=1), factor=4)
    most = F.max_pool2d(F.pad(values, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    assert (result <= most.repeat_interleave(4, 2).repeat_interleave(4, 3) + 1e-6).all()


def test_a_new_one_is_nearly_bilinear() -> None:
    values = draw(2, 1, 8, 9)
    new = ConvexUpsampling(features=3, factor=4)(values, draw(2, 3, 8, 9, seed=1))
    bilinear = F.interpolate(values, scale_factor=4, mode="bilinear", align_corners=False)
    # Nine neighbours of at least a hundredth each: up to a tenth of the weight goes astray.
    assert (new - bilinear).abs().mean() < 0.1 * values.std()


def test_a_plane_stays_one_under_bilinear_weights() -> None:
    x = torch.arange(8.0).expand(1, 1, 8, 8)
    logits = bilinear_logits(4).clamp(min=-30).view(1, -1, 1, 1).expand(1, -1, 8, 8)
    result = upsampled(x, logits, 4)[..., 4:-4]
    steps = result.diff(dim=-1)
    assert (steps > 0).all()  # weights are symmetric, so that the floor of them tilts nothing
    torch.testing.assert_close(result + result.flip(-1), torch.full_like(result, 7.0))
