"""Networks and samples that the tests share."""

from collections.abc import Callable, Iterator

import pytest
from drawn_network import draw, sample
from torch import Tensor

from promptda.encoders import dinov2
from promptda.network import PromptedDepth

# Block 1 is not tapped, so that designs which act at the taps are seen to tell them apart.
TINY = dinov2.Size(width=24, depth=5, heads=2, taps=(0, 2, 3, 4), channels=(4, 6, 8, 10))


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


@pytest.fixture(scope="session")
def tiny() -> Iterator[str]:
    """The name of an encoder for tests that need no size; decoders of 8 channels suit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dinov2.SIZES, "tiny", TINY)
        yield "tiny"
