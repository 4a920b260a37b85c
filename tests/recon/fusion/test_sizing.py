import numpy as np
import pytest
from exact_depth import around, sphere_depth

from recon.depth.depth_map import DepthMap
from recon.errors import ResourceError
from recon.fusion.sizing import (
    MemoryEstimate,
    check_memory,
    choose_truncation,
    choose_voxel_size,
    estimate_memory,
    extent,
    round_readable,
)
from recon.fusion.volume import Volume
from recon.geometry.camera import Camera

PHONE = Camera.from_focal(256, 192, 213.0, 213.0, 127.5, 95.5)


def wall(depth: float, camera: Camera = PHONE) -> tuple[DepthMap, np.ndarray]:
    return DepthMap(np.full((camera.height, camera.width), depth, np.float32), camera), np.eye(4)


def test_a_room_gets_about_a_centimetre_and_a_desk_less() -> None:
    assert choose_voxel_size([wall(2.2)], 5.0) == 0.01  # a pixel is 2.2 / 213 m wide
    assert choose_voxel_size([wall(1.0)], 5.0) == 0.005
    assert choose_voxel_size([wall(0.3)], 5.0) == 0.003


def test_finer_pixels_do_not_resolve_noise() -> None:
    assert choose_voxel_size([wall(2.5, PHONE.resized(1024, 768))], 5.0) == 0.01  # 0.4 % of 2.5 m


def test_a_large_space_gets_coarser_voxels() -> None:
    far = np.eye(4)
    far[0, 3] = 80.0
    (depth_map, here) = wall(2.0)
    assert choose_voxel_size([(depth_map, here), (depth_map, far)], 5.0) == 0.08


def test_nothing_seen_still_gives_a_size() -> None:
    assert choose_voxel_size([wall(0.0)], 5.0) == choose_voxel_size([], 5.0) == 0.003
    assert choose_truncation(0.01, [], 5.0) == 0.04


def test_truncation_holds_four_voxels_and_two_percent_of_the_depth() -> None:
    assert choose_truncation(0.01, [wall(1.0)], 5.0) == pytest.approx(0.04)
    assert choose_truncation(0.005, [wall(3.0)], 5.0) == pytest.approx(0.06)


def test_extent_is_that_of_what_is_seen() -> None:
    """256 pixels of 2 / 213 m each way, at one depth; a hundredth and a few pixels are left out."""
    np.testing.assert_allclose(extent([wall(2.0)], 5.0), [2 * 256 / 213, 2 * 192 / 213, 0], atol=0.1)


@pytest.mark.parametrize(
    ("length", "nearest", "above"),
    [(0.0103, 0.01, 0.015), (0.0047, 0.005, 0.005), (0.0112, 0.01, 0.015), (0.034, 0.03, 0.04), (0.96, 1.0, 1.0)],
)
def test_sizes_are_readable(length: float, nearest: float, above: float) -> None:
    assert round_readable(length) == nearest
    assert round_readable(length, up=True) == above
    assert round_readable(nearest, up=True) == nearest


@pytest.mark.parametrize("every", [1, 4, 8])
def test_the_estimate_holds_for_a_walk_around_a_ball(every: int) -> None:
    walk = [(sphere_depth([0, 0, 0], 0.5, T), T) for T in around([0, 0, 0], 1.6, count=32)]
    volume = Volume(0.01, 0.04, 5.0, walk[0][1][:3, 3].copy())
    for depth_map, T_world_camera in walk:
        volume.integrate(depth_map, None, T_world_camera)
    estimate = estimate_memory(walk[::every], len(walk), 0.01, 0.04, 5.0)
    assert 0.9 * volume.active_blocks < estimate.blocks < 1.8 * volume.active_blocks


def test_samples_that_share_nothing_add_up_to_all_frames() -> None:
    depth_map, _ = wall(1.0)
    samples = []
    for i in range(4):
        T_world_camera = np.eye(4)
        T_world_camera[0, 3] = 100.0 * i
        samples.append((depth_map, T_world_camera))
    one = estimate_memory(samples[:1], 1, 0.01, 0.04, 5.0).blocks
    assert estimate_memory(samples, 40, 0.01, 0.04, 5.0).blocks == pytest.approx(40 * one, rel=0.05)
    assert estimate_memory([], 40, 0.01, 0.04, 5.0) == MemoryEstimate(0, 0, 0)


def test_a_volume_that_would_not_fit_is_refused_with_one_that_does() -> None:
    check_memory(MemoryEstimate(100, 100, 800), 0.01, 1000)
    with pytest.raises(ResourceError, match=r"0\.005 m would need about 6\.4 GB and 2\.0 GB are free.*0\.01 or"):
        check_memory(
            MemoryEstimate(10**5, 10**5, 6_400_000_000), 0.005, 2_000_000_000
        )  # 4 times too much, so 2 times coarser
