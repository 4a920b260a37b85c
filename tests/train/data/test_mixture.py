from collections import Counter

import numpy as np
import pytest
from counted import Counted
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.mixture import BLOCK, Mixture

A, B, C = Counted(7, "a"), Counted(30, "b"), Counted(1, "c")


def uses(mixture: Mixture, places: range, seed: int = 0) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {dataset.name: [] for dataset in mixture.datasets}
    for place in places:
        dataset, index = mixture.at(seed, place)
        found[dataset.name].append(index)
    return found


def test_every_sample_is_seen_before_one_comes_again() -> None:
    for name, indices in uses(Mixture((A, B, C), (2.0, 1.0, 0.5)), range(3 * BLOCK)).items():
        count = {"a": 7, "b": 30, "c": 1}[name]
        epochs = [indices[start : start + count] for start in range(0, len(indices) - count + 1, count)]
        assert len(epochs) > 5
        assert all(sorted(epoch) == list(range(count)) for epoch in epochs)


def test_epochs_differ_from_each_other_and_between_seeds() -> None:
    mixture = Mixture((B,), (1.0,))
    first, second = (uses(mixture, range(start, start + 30))["b"] for start in (0, 30))
    assert first != second
    assert uses(mixture, range(30), seed=1)["b"] != first


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=5))
def test_weights_are_kept_within_every_block(weights: list[float]) -> None:
    names = [str(number) for number in range(len(weights))]
    mixture = Mixture(tuple(Counted(5, name) for name in names), tuple(weights))
    counts = Counter(mixture.at(3, place)[0].name for place in range(2 * BLOCK, 3 * BLOCK))
    expected = np.array(weights) / sum(weights)
    got = np.array([counts[name] for name in names]) / BLOCK
    assert counts.total() == BLOCK
    assert (got > 0).all()
    assert np.abs(got - expected).max() <= 1 / BLOCK + (len(weights) - 1) / BLOCK


def test_the_order_depends_on_the_place_alone() -> None:
    mixture = Mixture((A, B), (1.0, 1.0))
    forwards = [mixture.at(5, place)[1] for place in range(50)]
    assert [mixture.at(5, place)[1] for place in reversed(range(50))] == forwards[::-1]


@pytest.mark.parametrize(
    ("datasets", "weights", "told"),
    [
        ((), (), "0 datasets"),
        ((A,), (1.0, 2.0), "1 datasets and 2 weights"),
        ((A, B), (1.0, 0.0), "positive"),
        ((A,), (float("nan"),), "positive"),
        ((A, Counted(0, "nothing")), (1.0, 1.0), "empty datasets: nothing"),
    ],
)
def test_a_mixture_that_cannot_be_drawn_from_is_refused(
    datasets: tuple[Counted, ...], weights: tuple[float, ...], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Mixture(datasets, weights)
