"""Networks and samples that the tests share."""

from collections.abc import Callable

import pytest
from drawn_network import draw, sample
from torch import Tensor

from promptda.network import PromptedDepth


@pytest.fixture(scope="session")
def make_sample() -> Callable[..., tuple[Tensor, Tensor]]:
    return sample


@pytest.fixture(scope="session")
def draw_network() -> Callable[[str], PromptedDepth]:
    return draw


@pytest.fixture(scope="session")
def vits() -> PromptedDepth:
    """One drawn ViT-S for the whole run; copy it before changing it."""
    return draw("vits")
