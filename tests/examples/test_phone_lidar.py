import numpy as np
import pytest
from room_maker.phone_lidar import FRAME_SCALE, SHORT_AT, SHORT_BY, LidarDepth, measure

SHAPE = (192, 256)


def grey(level: int = 128) -> np.ndarray:
    return np.full((*SHAPE, 3), level, np.uint8)


def wall(metres: float) -> np.ndarray:
    return np.full(SHAPE, metres, np.float32)


def step(near: float, far: float) -> tuple[np.ndarray, np.ndarray]:
    """A near surface on the left before a far one, with an edge of the picture in the same place."""
    depth, image = wall(far), grey(190)
    depth[:, :128], image[:, :128] = near, 90
    return depth, image


@pytest.fixture(scope="module")
def wall_readings() -> list[LidarDepth]:
    return [measure(wall(2.0), grey(), np.random.default_rng(seed)) for seed in range(12)]


def test_every_pixel_has_a_positive_depth_and_a_level_of_confidence(wall_readings: list[LidarDepth]) -> None:
    for reading in wall_readings:
        assert reading.depth.shape == reading.confidence.shape == SHAPE
        assert reading.depth.dtype == np.float32
        assert np.isfinite(reading.depth).all()
        assert (reading.depth > 0).all()
        assert set(np.unique(reading.confidence)) <= {0, 1, 2}


def test_it_reads_short_by_the_published_share_and_more_so_near() -> None:
    # The same generator draws the same scale and noise for both walls, so that only the bias is left.
    near, far = (measure(wall(metres), grey(), np.random.default_rng(0)).depth for metres in (0.45, 3.58))
    assert np.median(0.45 / near) / np.median(3.58 / far) == pytest.approx(1.025 / 1.006, abs=0.0005)
    assert dict(zip(SHORT_AT, SHORT_BY, strict=True))[3.58] == 1.006


def test_the_scale_wanders_from_frame_to_frame(wall_readings: list[LidarDepth]) -> None:
    scales = np.log([np.median(reading.depth) for reading in wall_readings])
    assert 0.4 * FRAME_SCALE < scales.std(ddof=1) < 1.8 * FRAME_SCALE  # 99.9 % of samples of twelve


def test_noise_on_a_wall_is_millimetres_in_blobs_of_several_pixels(wall_readings: list[LidarDepth]) -> None:
    sure = np.s_[30:-30, 30:-30]
    errors = [np.log(reading.depth[sure]) - np.log(np.median(reading.depth)) for reading in wall_readings]
    scale = np.mean([np.abs(error).mean() for error in errors])
    assert 0.001 < scale < 0.008  # of depth: 2 to 16 mm at 2 m
    near, far = (
        np.mean([(error[:, lag:] * error[:, :-lag]).mean() / (error**2).mean() for error in errors]) for lag in (3, 40)
    )
    assert near > 0.6  # three pixels away still much the same
    assert abs(far) < 0.5


def test_a_steep_wall_has_no_terraces_between_the_spots() -> None:
    inverse = 0.22 + 0.006 * np.arange(SHAPE[1], dtype=np.float32)  # a plane is affine in inverse depth
    depth = np.broadcast_to(1 / inverse, SHAPE).astype(np.float32)
    for seed in range(3):
        ratio = np.log(measure(depth, grey(), np.random.default_rng(seed)).depth / depth)[20:-20, 20:-20]
        assert ratio.std() < 0.012
        profile = ratio.mean(axis=0)
        smooth = np.convolve(profile, np.ones(15) / 15, "same")  # two spots wide
        assert (profile - smooth)[
            10:-10
        ].std() < 0.0008  # averaging the spots instead of fitting gives 0.0009 to 0.0013


def test_edges_are_spread_over_several_pixels_and_doubted() -> None:
    depth, image = step(1.5, 3.0)
    reading = measure(depth, image, np.random.default_rng(1))
    share = [np.abs(np.log(reading.depth[40:-40, 128 + n - 1] / reading.depth[40:-40, 128 - n])) for n in (1, 2, 6)]
    across_two, across_four = (np.median(s) / np.median(share[2]) for s in share[:2])
    assert across_two < 0.75  # an exact edge would have all of its jump here
    assert across_two < across_four
    assert np.median(share[2]) > 0.8 * np.log(2)
    assert (reading.confidence[40:-40, 126:130] == 2).mean() < 0.2
    assert (reading.confidence[40:-40, 60:100] == 2).mean() > 0.8


def test_thin_things_are_partly_lost() -> None:
    depth = wall(3.0)
    depth[:, 100:102] = 1.5
    reading = measure(depth, grey(), np.random.default_rng(2))
    closest = reading.depth[20:-20, 97:105].min(axis=1)
    assert (closest > 2.0).mean() > 0.3
    assert np.median(reading.depth[20:-20, 60:80]) == pytest.approx(3.0, rel=0.04)


def test_far_walls_flatten_and_lose_confidence() -> None:
    reading = measure(wall(9.0), grey(), np.random.default_rng(3))
    assert 6.5 < np.median(reading.depth) < 8.0
    assert (reading.confidence == 2).mean() < 0.05


def test_the_border_is_doubted(wall_readings: list[LidarDepth]) -> None:
    confidence = np.mean([reading.confidence for reading in wall_readings], axis=0)
    assert confidence[:3].mean() < 0.5
    assert confidence[60:-60, 60:-60].mean() > 1.7


def test_the_same_generator_gives_the_same_reading() -> None:
    first, second = (measure(*step(1.5, 3.0), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.depth, second.depth)


def test_exact_depth_with_a_gap_is_refused() -> None:
    depth = wall(2.0)
    depth[50, 60] = 0
    with pytest.raises(ValueError, match="1 pixels have no depth"):
        measure(depth, grey(), np.random.default_rng(0))
