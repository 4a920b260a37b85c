import functools
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import promptda
from recon.depth import predictor as module
from recon.depth.predictor import Predictor, _network_size, predict_depth, weights_identity
from recon.errors import CaptureError, ResourceError, UsageError, WeightsError
from recon.prompts.prompt import Prompt

STRIDE = 14
IMAGE = np.random.default_rng(0).integers(0, 255, (75, 100, 3), dtype=np.uint8)
PROMPT_DEPTH = np.random.default_rng(1).uniform(1, 4, (12, 16)).astype(np.float32)
PROMPT = Prompt(PROMPT_DEPTH, np.ones((12, 16), bool))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ViT-S with random weights, which is read from its file once for all tests."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    torch.manual_seed(0)
    promptda.save(promptda.PromptedDepth(promptda.Architecture.released("vits")), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promptda, "load", functools.cache(promptda.load))
        yield path


@pytest.mark.parametrize(
    ("size", "native", "shape"),
    [(None, False, (70, 98)), ((80, 60), False, (60, 80)), ((56, 42), False, (42, 56)), (None, True, (75, 100))],
)
def test_depth_has_the_size_that_was_asked_for_and_lies_in_the_prompts_range(
    weights: Path, size: tuple[int, int] | None, native: bool, shape: tuple[int, int]
) -> None:
    depth = Predictor(str(weights), "cpu", size, native).predict(IMAGE, PROMPT)
    assert depth.shape == shape
    assert depth.dtype == np.float32
    assert (depth >= PROMPT_DEPTH.min() * (1 - 1e-6)).all()
    assert (depth <= PROMPT_DEPTH.max() * (1 + 1e-6)).all()


def test_twice_the_prompt_is_twice_the_depth(weights: Path) -> None:
    network = Predictor(str(weights), "cpu")
    once, twice = predict_depth(IMAGE, PROMPT_DEPTH, network), predict_depth(IMAGE, 2 * PROMPT_DEPTH, network)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)


def test_arrays_that_may_not_be_written_and_views_are_taken(weights: Path) -> None:
    network = Predictor(str(weights), "cpu", (98, 70))
    image = IMAGE[:70, :98]
    expected = predict_depth(image[:, ::-1].copy(), PROMPT_DEPTH, network)
    image.flags.writeable = False
    depth = PROMPT_DEPTH.copy()
    depth.flags.writeable = False
    np.testing.assert_array_equal(predict_depth(image[:, ::-1], depth, network), expected)
    np.testing.assert_array_equal(predict_depth(image[:, ::-1], depth.astype(np.float64), network), expected)


def test_pixels_of_the_prompt_that_were_not_measured_do_not_count(weights: Path) -> None:
    network = Predictor(str(weights), "cpu")
    holes = PROMPT_DEPTH.copy()
    holes[3:6, 4:9] = 0
    wild = np.where(holes == 0, np.float32(np.nan), holes)
    np.testing.assert_array_equal(predict_depth(IMAGE, wild, network), predict_depth(IMAGE, holes, network))


@pytest.mark.parametrize("value", [0.0, np.nan, 1500.0])
def test_a_prompt_without_a_metre_is_one_sentence(weights: Path, value: float) -> None:
    with pytest.raises(CaptureError, match="no pixel between 0.1 and 20 m; check its unit"):
        predict_depth(IMAGE, np.full((12, 16), value, np.float32), str(weights))


class Answers(torch.nn.Module):
    """In place of a network: always the same depth, or an exception."""

    stride = STRIDE
    architecture = promptda.Architecture.released("vits")

    def __init__(self, answer: float | Exception) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, image: torch.Tensor, prompt: torch.Tensor, valid: None) -> promptda.Prediction:
        if isinstance(self.answer, Exception):
            raise self.answer
        return promptda.Prediction(torch.full((1, 1, *image.shape[-2:]), self.answer))


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), -1.0, 0.0])
def test_what_is_no_distance_is_unknown(answer: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promptda, "load", lambda model: Answers(answer))
    for size in (None, (30, 20)):
        assert not Predictor("any", "cpu", size).predict(IMAGE, PROMPT).any()


def test_too_little_memory_on_the_gpu_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promptda, "load", lambda model: Answers(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(ResourceError, match="does not suffice for 98x70 pixels; give a smaller --resolution"):
        Predictor("any", "cpu").predict(IMAGE, PROMPT)


def test_weights_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        Predictor(str(tmp_path / "none.safetensors"), "cpu")


@pytest.mark.parametrize(("device", "words"), [("cuda:99", "CUDA device"), ("mps", "no Apple GPU")])
def test_a_device_that_is_not_there_is_one_sentence(device: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(UsageError, match=words):
        Predictor("any", device)


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


def test_memory_that_runs_out_on_the_cpu_is_one_sentence_and_other_faults_are_not(weights: Path) -> None:
    predictor = Predictor(str(weights), "cpu")
    for words, kind in (("DefaultCPUAllocator: can't allocate memory: 4 bytes", ResourceError), ("else", RuntimeError)):
        with (
            patch.object(predictor, "_network", Mock(stride=STRIDE, side_effect=RuntimeError(words))),
            pytest.raises(kind) as caught,
        ):
            predictor.predict(IMAGE, PROMPT)
        assert type(caught.value) is kind


def test_only_a_network_that_knows_a_mask_is_told_what_was_measured(weights: Path) -> None:
    predictor = Predictor(str(weights), "cpu")
    told = []

    def network(image: torch.Tensor, prompt: torch.Tensor, valid: torch.Tensor | None) -> promptda.Prediction:
        told.append(valid)
        return promptda.Prediction(prompt)

    for knows_mask in (False, True):
        stand_in = Mock(stride=STRIDE, side_effect=network, architecture=Mock(knows_mask=knows_mask))
        with patch.object(predictor, "_network", stand_in):
            predictor.predict(IMAGE, PROMPT)
    assert told[0] is None
    assert told[1].shape == (1, 1, 12, 16)
