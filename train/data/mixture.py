"""Which sample of which dataset comes when: an order that depends on nothing but a seed and a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int

from train.data.base import Dataset

BLOCK = 1000  # places within which every dataset has its share; weights are kept to this fraction
CACHED_ORDERS = 64  # permutations of datasets and blocks in memory


@dataclass(frozen=True)
class Mixture:
    """Datasets and how much of the training each makes, whatever their sizes.

    Every ``BLOCK`` places hold each dataset in its exact share, in random order, and each dataset is gone through as a
    whole, in an order of its own, before any sample of it comes again.
    """

    datasets: tuple[Dataset, ...]
    weights: tuple[float, ...]  # positive, in any unit

    def __post_init__(self) -> None:
        if not self.datasets or len(self.datasets) != len(self.weights):
            raise ValueError(f"Mixture has {len(self.datasets)} datasets and {len(self.weights)} weights")
        if not all(0 < weight < float("inf") for weight in self.weights):
            raise ValueError(f"Mixture.weights is {self.weights}; each must be positive")
        if len(self.datasets) > BLOCK:
            raise ValueError(f"Mixture has {len(self.datasets)} datasets; at most {BLOCK} can be mixed")
        if empty := [dataset.name for dataset in self.datasets if not len(dataset)]:
            raise ValueError(f"Mixture has empty datasets: {', '.join(empty)}")

    def at(self, seed: int, place: int) -> tuple[Dataset, int]:
        """The dataset and the number of the sample at this place of the endless order, counted from 0."""
        block, within = divmod(place, BLOCK)
        shares = _shares(self.weights)
        order = _block_order(seed, block, shares)
        part = int(order[within])
        use = block * shares[part] + int(np.count_nonzero(order[:within] == part))
        dataset = self.datasets[part]
        epoch, turn = divmod(use, len(dataset))
        return dataset, int(_epoch_order(seed, part, epoch, len(dataset))[turn])


def _shares(weights: Sequence[float]) -> tuple[int, ...]:
    """How many of ``BLOCK`` places each has: at least one, all together ``BLOCK`` (largest remainders)."""
    spare = BLOCK - len(weights)
    exact = np.array(weights) / sum(weights) * spare
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: spare - counts.sum()]] += 1
    return tuple((counts + 1).tolist())


@lru_cache(CACHED_ORDERS)
def _block_order(seed: int, block: int, shares: tuple[int, ...]) -> Int[np.ndarray, " BLOCK"]:
    generator = np.random.default_rng((seed, 0, block))
    return generator.permutation(np.repeat(np.arange(len(shares)), shares))


@lru_cache(CACHED_ORDERS)
def _epoch_order(seed: int, part: int, epoch: int, length: int) -> Int[np.ndarray, " length"]:
    return np.random.default_rng((seed, 1, part, epoch)).permutation(length)
