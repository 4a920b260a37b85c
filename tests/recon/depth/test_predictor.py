import dataclasses
import functools
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import promptda
from recon.depth import predictor as module
from recon.depth.engine import Engine, OutOfMemory
from recon.depth.predictor import Predictor, _network_size, predict_depth, weights_identity
from recon.depth.torch_engine import TorchEngine
from recon.errors import CaptureError, ResourceError, WeightsError
from recon.prompts.prompt import Prompt
from recon.settings import Settings

STRIDE = 14
IMAGE = np.random.default_rng(0).integers(0, 255, (75, 100, 3), dtype=np.uint8)
PROMPT_DEPTH = np.random.default_rng(1).uniform(1, 4, (12, 16)).astype(np.float32)
PROMPT = Prompt(PROMPT_DEPTH, np.ones((12, 16), np.float32))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ViT-S with random weights, which is read from its file once for all tests."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    torch.manual_seed(0)
    promptda.save(promptda.PromptedDepth(promptda.Architecture.released("vits")), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promptda, "load", functools.cache(promptda.load))
        yield path


def on_cpu(weights: Path, size: tuple[int, int] | None = None, native: bool = False) -> Predictor:
    return Predictor(TorchEngine(str(weights), torch.device("cpu")), size, native)


@dataclasses.dataclass
class Answers:
    """In place of a network: one depth for each picture, its brightness unless told; room for so many at once."""

    answer: float | None = None
    room: int = 99
    stride: int = STRIDE
    fixed_size: int | None = None
    knows_trust: bool = False

    def __post_init__(self) -> None:
        self.batches: list[int] = []

    def depth(self, images: np.ndarray, prompts: np.ndarray, trust: np.ndarray) -> np.ndarray:
        assert images.shape[1] % self.stride == images.shape[2] % self.stride == 0
        assert len(images) == len(prompts) == len(trust)
        if len(images) > self.room:
            raise OutOfMemory("too many")
        self.batches.append(len(images))
        each = images[:, 0, 0, 0] if self.answer is None else np.full(len(images), self.answer)
        return np.broadcast_to(each[:, None, None], images.shape[:3]).astype(np.float32)


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((75, 100, 3), 1 + number, np.uint8) for number in range(count)]


@pytest.mark.parametrize(
    ("size", "native", "shape"),
    [(None, False, (70, 98)), ((80, 60), False, (60, 80)), ((56, 42), False, (42, 56)), (None, True, (75, 100))],
)
def test_depth_has_the_size_that_was_asked_for_and_lies_in_the_prompts_range(
    weights: Path, size: tuple[int, int] | None, native: bool, shape: tuple[int, int]
) -> None:
    depth = on_cpu(weights, size, native).predict(IMAGE, PROMPT)
    assert depth.shape == shape
    assert depth.dtype == np.float32
    assert (depth >= PROMPT_DEPTH.min() * (1 - 1e-6)).all()
    assert (depth <= PROMPT_DEPTH.max() * (1 + 1e-6)).all()


def test_twice_the_prompt_is_twice_the_depth(weights: Path) -> None:
    network = on_cpu(weights)
    once, twice = predict_depth(IMAGE, PROMPT_DEPTH, network), predict_depth(IMAGE, 2 * PROMPT_DEPTH, network)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)


def test_pixels_of_the_prompt_that_were_not_measured_do_not_count(weights: Path) -> None:
    network = on_cpu(weights)
    holes = PROMPT_DEPTH.copy()
    holes[3:6, 4:9] = 0
    wild = np.where(holes == 0, np.float32(np.nan), holes)
    np.testing.assert_array_equal(predict_depth(IMAGE, wild, network), predict_depth(IMAGE, holes, network))


@pytest.mark.parametrize("value", [0.0, np.nan, 1500.0])
def test_a_prompt_without_a_metre_is_one_sentence(weights: Path, value: float) -> None:
    with pytest.raises(CaptureError, match="no pixel between 0.1 and 100 m; check its unit"):
        predict_depth(IMAGE, np.full((12, 16), value, np.float32), str(weights))


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), -1.0, 0.0])
def test_what_is_no_distance_is_unknown(answer: float) -> None:
    for size in (None, (30, 20)):
        assert not Predictor(Answers(answer), size).predict(IMAGE, PROMPT).any()


@given(count=st.integers(1, 9), batch_size=st.integers(1, 12), room=st.integers(1, 12))
def test_pictures_that_do_not_fit_together_go_in_smaller_parts_with_the_same_depth(
    count: int, batch_size: int, room: int
) -> None:
    engine = Answers(room=room)
    predictor = Predictor(engine, batch_size=batch_size)
    depths = predictor.predict_batch(pictures(count), [PROMPT] * count)
    assert [float(depth[0, 0]) for depth in depths] == list(range(1, count + 1))
    assert sum(engine.batches) == count, "a picture was predicted twice"
    assert max(engine.batches) <= min(batch_size, room)
    assert min(batch_size, room, count) <= 2 * max(engine.batches), "parts are smaller than need be"


def test_a_batch_that_was_too_great_is_remembered_and_told(caplog: pytest.LogCaptureFixture) -> None:
    engine = Answers(room=3)
    predictor = Predictor(engine, batch_size=8)
    with caplog.at_level(logging.INFO, "recon"):
        for _ in range(3):
            predictor.predict_batch(pictures(8), [PROMPT] * 8)
    assert predictor.batch_size == 2
    assert engine.batches == [2, 2, 2, 2] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "memory does not suffice for 8 pictures at once; now 4",
        "memory does not suffice for 4 pictures at once; now 2",
    ]


def test_too_little_memory_for_one_picture_is_one_sentence() -> None:
    predictor = Predictor(Answers(room=0), batch_size=4)
    with pytest.raises(ResourceError, match="one picture of 98x70 pixels; give a smaller --resolution"):
        predictor.predict_batch(pictures(2), [PROMPT] * 2)


def test_pictures_of_two_sizes_are_not_taken_together() -> None:
    predictor = Predictor(Answers(), batch_size=2)
    with pytest.raises(ValueError, match="images of shapes"):
        predictor.predict_batch([IMAGE, IMAGE[:, :80]], [PROMPT] * 2)


def test_together_pictures_have_the_depth_that_each_has_alone(weights: Path) -> None:
    images = [IMAGE, IMAGE[::-1], 255 - IMAGE]
    prompts = [PROMPT, Prompt(2 * PROMPT_DEPTH, PROMPT.trust), PROMPT]
    predictor = on_cpu(weights)
    alone = [predictor.predict(image, prompt) for image, prompt in zip(images, prompts, strict=True)]
    predictor.batch_size = 3
    np.testing.assert_allclose(predictor.predict_batch(images, prompts), alone, atol=1e-4 * 3)


def test_weights_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        Predictor.load(Settings(model=str(tmp_path / "none.safetensors"), device="cpu"))


def test_what_runs_is_told_in_the_log(weights: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "recon"):
        predictor = Predictor.load(Settings(model=str(weights), device="cpu", precision="bf16", batch_size=5))
    assert caplog.messages == [f"network {weights} on cpu in bf16 by torch"]
    assert predictor.batch_size == 5


def test_the_engines_are_what_the_predictor_asks_for(weights: Path) -> None:
    assert isinstance(TorchEngine(str(weights), torch.device("cpu")), Engine)
    assert isinstance(Answers(), Engine)


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from([14, 16, 32]))
def test_networks_get_multiples_of_their_stride_and_at_most_the_long_side(width: int, height: int, stride: int) -> None:
    size = _network_size((width, height), stride, limit=True)
    assert all(side % stride == 0 and side >= stride for side in size)
    assert max(size) <= module.LONG_SIDE_PX
    for side, given_side in zip(size, (width, height), strict=True):
        exact = given_side * min(1, module.LONG_SIDE_PX / max(width, height))
        assert side == stride or exact - stride - 1e-6 < side <= exact + 1e-6


@given(st.integers(72, 9000))
def test_the_long_side_is_met_exactly_where_the_stride_divides_it(units: int) -> None:
    assert _network_size((units, units // 2), STRIDE, limit=True)[0] == min(units // STRIDE * STRIDE, 1008)


def test_the_usual_pictures_get_the_papers_size() -> None:
    assert _network_size((1920, 1440), STRIDE, limit=True) == (1008, 756)
    assert _network_size((1440, 1920), STRIDE, limit=True) == (756, 1008)
    assert _network_size((4032, 3024), STRIDE, limit=False) == (4032, 3024)


def test_weights_are_told_apart_by_what_is_in_their_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"1")
    before = weights_identity(str(path))
    assert weights_identity(str(tmp_path)) == before  # a folder stands for the file in it
    path.write_bytes(b"22")
    assert weights_identity(str(path)) != before


def test_a_network_of_one_square_size_gets_it_and_depth_keeps_the_aspect_of_the_picture() -> None:
    engine = Answers(2.0, stride=1, fixed_size=64)
    depth = Predictor(engine).predict(np.zeros((28, 56, 3), np.uint8), PROMPT)
    assert depth.shape == (28, 56)
