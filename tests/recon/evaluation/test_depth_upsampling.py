import numpy as np
import pytest

from recon.evaluation.prompt_upsampling import RADIUS_PX, RANGE_SIGMA, SPATIAL_SIGMA_PX, upsample_joint_bilateral
from recon.geometry.resampling import resize_depth


def brute(depth: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """One pixel at a time; the guide's sides are multiples of the depth's."""
    rows, columns = guide.shape[0] // depth.shape[0], guide.shape[1] // depth.shape[1]
    colours = guide / 255.0
    means = np.rint(guide.reshape(depth.shape[0], rows, depth.shape[1], columns, 3).mean((1, 3))) / 255.0
    out = np.zeros(guide.shape[:2])
    for y in range(guide.shape[0]):
        for x in range(guide.shape[1]):
            v, u = (y + 0.5) / rows - 0.5, (x + 0.5) / columns - 0.5
            total = weights = 0.0
            for j in range(round(v) - RADIUS_PX, round(v) + RADIUS_PX + 1):
                for i in range(round(u) - RADIUS_PX, round(u) + RADIUS_PX + 1):
                    if 0 <= j < depth.shape[0] and 0 <= i < depth.shape[1] and depth[j, i] > 0:
                        space = ((j - v) ** 2 + (i - u) ** 2) / (2 * SPATIAL_SIGMA_PX**2)
                        colour = ((colours[y, x] - means[j, i]) ** 2).sum() / (2 * RANGE_SIGMA**2)
                        weight = np.exp(-space - colour)
                        total, weights = total + weight * depth[j, i], weights + weight
            out[y, x] = total / weights if weights else 0
    return out


def test_it_is_the_formula_spelled_out() -> None:
    rng = np.random.default_rng(0)
    depth = rng.uniform(1, 4, (5, 6)).astype(np.float32)
    depth[1, 2] = depth[4, 5] = 0
    guide = rng.integers(90, 160, (15, 24, 3)).astype(np.uint8)
    # The guide's means are rounded halves up by OpenCV and to even here: a colour step of 1/255 at most.
    np.testing.assert_allclose(upsample_joint_bilateral(depth, guide), brute(depth, guide), rtol=5e-3)


def test_an_edge_of_depth_moves_to_the_edge_of_colour() -> None:
    """Two planes at 1 and 2 m whose colours change inside a coarse pixel."""
    guide = np.zeros((64, 64, 3), np.uint8)
    guide[:, 34:] = 255
    true = np.where(guide[..., 0] > 0, 2, 1).astype(np.float32)
    coarse = true.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3)[:, :, 4, 4]
    guided = upsample_joint_bilateral(coarse, guide)
    assert np.abs(guided - true).mean() < 0.25 * np.abs(resize_depth(coarse, 64, 64) - true).mean()


def test_depth_stays_between_its_neighbours_and_unknown_stays_unknown() -> None:
    rng = np.random.default_rng(1)
    guide = rng.integers(0, 255, (70, 30, 3)).astype(np.uint8)
    constant = upsample_joint_bilateral(np.full((7, 6), 2.5, np.float32), guide)
    np.testing.assert_allclose(constant, 2.5, rtol=1e-6)
    assert not upsample_joint_bilateral(np.zeros((7, 6), np.float32), guide).any()
    far = np.zeros((7, 6), np.float32)
    far[0, 0] = 3.0
    assert upsample_joint_bilateral(far, guide)[-1, -1] == 0


@pytest.mark.parametrize("shape", [(3, 4), (192, 256)])
def test_any_sizes_go(shape: tuple[int, int]) -> None:
    guide = np.full((40, 31, 3), 77, np.uint8)
    assert upsample_joint_bilateral(np.ones(shape, np.float32), guide).shape == (40, 31)
