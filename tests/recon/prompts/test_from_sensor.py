import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.captures.base import SensorDepth
from recon.geometry.camera import Camera
from recon.prompts.from_sensor import MAX_DEPTH, MIN_DEPTH, OUTLIER_MARGIN, confident_pixels, prompt_from_sensor

SHAPE = (12, 16)


def sensor(depth: np.ndarray, confidence: np.ndarray | None = None) -> SensorDepth:
    height, width = depth.shape
    return SensorDepth(depth, confidence, Camera.from_focal(width, height, 14.0, 14.0, width / 2, height / 2))


def room(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 4, SHAPE).astype(np.float32)


wild = st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 1e-20, 1e30, 65.535]) | st.floats(
    width=32, allow_nan=True, allow_infinity=True
)


@given(
    arrays(np.float32, SHAPE, elements=wild),
    st.none() | arrays(np.uint8, SHAPE, elements=st.integers(0, 2)),
    st.integers(0, 2),
)
def test_a_prompt_is_positive_and_finite_whatever_the_sensor_says(
    depth: np.ndarray, confidence: np.ndarray | None, min_confidence: int
) -> None:
    prompt = prompt_from_sensor(sensor(depth, confidence), min_confidence)
    trusted = confident_pixels(sensor(depth, confidence), min_confidence, MAX_DEPTH)
    if prompt is None:
        assert not trusted.any()
        return
    assert prompt.depth.dtype == np.float32
    assert (prompt.depth >= MIN_DEPTH * (1 - 1e-6)).all()
    assert (prompt.depth <= MAX_DEPTH * (1 + 1e-6)).all()
    assert prompt.valid.any()
    assert not (prompt.valid & ~trusted).any()
    np.testing.assert_array_equal(prompt.depth[prompt.valid], depth[prompt.valid])


@given(st.integers(0, 11), st.integers(0, 15), st.floats(0.125, 19.875, width=32), st.integers(0, 5))
def test_one_wild_pixel_does_not_move_the_extremes_beyond_the_margin(
    row: int, column: int, outlier: float, seed: int
) -> None:
    depth = room(seed)
    rest = np.delete(depth.ravel(), row * SHAPE[1] + column)
    low, high = rest.min(), rest.max()
    depth[row, column] = outlier
    prompt = prompt_from_sensor(sensor(depth))
    assert prompt is not None
    assert prompt.depth.min() >= low / OUTLIER_MARGIN * (1 - 1e-6)
    assert prompt.depth.max() <= high * OUTLIER_MARGIN * (1 + 1e-6)


def test_a_map_of_plain_depth_is_its_own_prompt() -> None:
    depth = room()
    prompt = prompt_from_sensor(sensor(depth))
    assert prompt is not None
    assert prompt.valid.all()
    np.testing.assert_array_equal(prompt.depth, depth)


def test_a_few_sparse_points_are_all_kept() -> None:
    depth = np.zeros(SHAPE, np.float32)
    depth[0, :5] = [0.5, 1, 2, 4, 8]
    prompt = prompt_from_sensor(sensor(depth))
    assert prompt is not None
    assert prompt.valid.sum() == 5


@pytest.mark.parametrize(("least", "share"), [(0, 1.0), (1, 2 / 3), (2, 1 / 3)])
def test_pixels_of_too_little_confidence_are_not_measured(least: int, share: float) -> None:
    confidence = (np.arange(192).reshape(SHAPE) % 3).astype(np.uint8)
    prompt = prompt_from_sensor(sensor(room(), confidence), least)
    assert prompt is not None
    np.testing.assert_allclose(prompt.valid.mean(), share)


def test_depth_out_of_range_is_unknown() -> None:
    depth = np.array([[0, 0.05, 0.1, 5, 5.1, 30, np.nan, np.inf]], np.float32)
    np.testing.assert_array_equal(confident_pixels(sensor(depth), 1, 5.0), [[0, 0, 1, 1, 0, 0, 0, 0]])


@pytest.mark.parametrize("value", [0.0, np.nan, 50.0])
def test_a_frame_without_a_trusted_pixel_has_no_prompt(value: float) -> None:
    assert prompt_from_sensor(sensor(np.full(SHAPE, value, np.float32))) is None
    assert prompt_from_sensor(sensor(room(), np.zeros(SHAPE, np.uint8))) is None


def test_a_constant_map_is_a_prompt() -> None:
    prompt = prompt_from_sensor(sensor(np.full(SHAPE, 2, np.float32)))
    assert prompt is not None
    assert (prompt.depth == 2).all()
