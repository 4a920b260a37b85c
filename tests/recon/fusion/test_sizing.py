import shutil
from pathlib import Path

import numpy as np
import pytest
from exact_depth import around, sphere_depth

from recon.depth.depth_map import DepthMap
from recon.errors import ResourceError
from recon.fusion.sizing import (
    MemoryEstimate,
    check_disk,
    check_memory,
    choose_street_voxel_size,
    choose_truncation,
    choose_voxel_size,
    estimate_memory,
    extent,
    round_readable,
)
from recon.fusion.volume import BLOCKS_IN_MEMORY, Volume
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
    """4 times too much, so voxels 2 times coarser."""
    check_memory(MemoryEstimate(100, 100, 800), 0.01, 1000)
    with pytest.raises(ResourceError, match=r"0\.005 m would need about 6\.4 GB and 2\.0 GB are free.*0\.01 or"):
        check_memory(
            MemoryEstimate(10**5, 10**5, 6_400_000_000), 0.005, 2_000_000_000
        )  # 4 times too much, so 2 times coarser


def street(length: float, count: int = 24) -> list[tuple[DepthMap, np.ndarray]]:
    """Walls at 20 m, seen from places spread evenly over a way of so many metres to the right."""
    samples = []
    for x in np.linspace(0, length, count):
        T_world_camera = np.eye(4)
        T_world_camera[0, 3] = x
        samples.append((wall(20.0)[0], T_world_camera))
    return samples


def test_a_street_gets_5_to_15_cm_by_its_range_however_long_it_is() -> None:
    sizes = [
        choose_street_voxel_size(street(500.0), 1500, range_m, 10**11) for range_m in (25.0, 50.0, 60.0, 80.0, 200.0)
    ]
    assert sizes == [0.05, 0.08, 0.1, 0.15, 0.15]
    assert choose_street_voxel_size(street(50_000.0), 150_000, 60.0, 10**12) == 0.1
    assert choose_street_voxel_size([], 100, 60.0, 10**9) == 0.1


def test_a_street_gets_coarser_voxels_where_memory_is_short() -> None:
    estimate = estimate_memory(street(3000.0), 1500, 0.05, 0.4, 25.0, street=True)
    assert choose_street_voxel_size(street(3000.0), 1500, 25.0, 2 * estimate.bytes) == 0.05
    assert choose_street_voxel_size(street(3000.0), 1500, 25.0, estimate.bytes // 2) in (0.06, 0.08, 0.1)
    assert choose_street_voxel_size(street(3000.0), 1500, 25.0, 1) == 0.15


def test_only_what_is_within_reach_counts_where_blocks_may_leave() -> None:
    inside = estimate_memory(street(30_000.0), 15_000, 0.1, 0.4, 60.0)
    outside = estimate_memory(street(30_000.0), 15_000, 0.1, 0.4, 60.0, street=True)
    twice = estimate_memory(street(60_000.0), 30_000, 0.1, 0.4, 60.0, street=True)
    assert inside.in_memory == inside.blocks
    assert outside.in_memory == BLOCKS_IN_MEMORY < outside.blocks <= inside.blocks
    assert twice.in_memory == outside.in_memory
    assert twice.blocks == pytest.approx(2 * outside.blocks, rel=0.05)


def test_a_disk_without_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: (0, 0, 10**9))
    check_disk(MemoryEstimate(100_000, 50_000, 10**9), 0.1, tmp_path)
    with pytest.raises(ResourceError, match=r"3\.6 GB .* 1\.0 GB are free.*--voxel-size 0\.2 or"):
        check_disk(MemoryEstimate(400_000, 50_000, 10**9), 0.1, tmp_path)
