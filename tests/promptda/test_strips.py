"""Laws of computing a map a few rows at a time."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from drawn_network import draw_architecture
from torch import Tensor, nn

from promptda import strips
from promptda.heads import HEADS
from promptda.network import Architecture, PromptedDepth
from promptda.strips import convolved, enlarged, known

Sampler = Callable[..., tuple[Tensor, Tensor]]
ROUNDING = 1e-6  # float32 sums of values about 1, taken in another order
SIZES = [(5, 7, 31, 40), (12, 9, 42, 33), (1, 3, 14, 14), (9, 2, 17, 4)]  # h, w of the features; H, W of the image


def drawn(head: str, channels: int = 6) -> nn.Module:
    torch.manual_seed(0)
    module = HEADS[head](channels, nn.Identity()).eval()
    for parameter in module.parameters():  # a new LaplaceHead's scale would be a constant
        nn.init.normal_(parameter, std=0.3)
    return module


def features_of(height: int, width: int, batch: int = 2, channels: int = 6) -> Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(1))


def strips_of(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def every(height: int, _like: Tensor, _row_values: int) -> list[tuple[int, int]]:
        return [(first, min(first + rows, height)) for first in range(0, height, rows)]

    monkeypatch.setattr("promptda.heads.strips", every)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("rows", [1, 3, 8, 13])
@pytest.mark.parametrize(("h", "w", "height", "width"), SIZES)
@torch.inference_mode()
def test_strips_of_any_height_give_the_head_in_one_piece(
    head: str, rows: int, h: int, w: int, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, features = drawn(head), features_of(h, w)
    x = F.interpolate(features, (2 * h, 2 * w), mode="bilinear", align_corners=True)
    x = F.interpolate(module.conv1(x), (height, width), mode="bilinear", align_corners=True)
    expected = module.outputs(F.relu(module.conv2(x)))
    strips_of(rows, monkeypatch)
    torch.testing.assert_close(module(features, height, width), expected, rtol=0, atol=10 * ROUNDING)


@pytest.mark.parametrize(("height", "width"), [(2156, 12), (3836, 12)])
def test_enlarged_rows_lie_where_those_of_the_whole_map_do(height: int, width: int) -> None:
    """At 4K places in float32 are a ten thousandth of a row off, the same for both."""
    x = features_of(1232, 5, batch=1)
    whole = F.interpolate(x, (height, width), mode="bilinear", align_corners=True)
    lazy = enlarged(known(x), height, width)
    parts = [lazy.rows(first, min(first + 171, height)) for first in range(0, height, 171)]
    torch.testing.assert_close(torch.cat(parts, 2), whole, rtol=0, atol=4 * ROUNDING)


def test_only_the_rows_that_count_are_computed() -> None:
    asked = []
    x = features_of(20, 5)
    watched = strips.LazyMap(20, lambda first, last: asked.append((first, last)) or x[:, :, first:last])
    convolved(watched, nn.Conv2d(6, 2, 3, padding=1)).rows(7, 9)
    convolved(watched, nn.Conv2d(6, 2, 3, padding=1)).rows(0, 2)
    enlarged(watched, 39, 5).rows(2, 5)  # of 39 rows, row 2 n lies on row n
    assert asked == [(6, 10), (0, 3), (1, 4)]


@torch.inference_mode()
def test_memory_of_a_strip_follows_the_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(strips.STRIP_BYTES, "cpu", 4000)
    like = features_of(3, 3, batch=2)
    assert strips.strips(25, like, 50) == [(0, 10), (10, 20), (20, 25)]  # 2 x 50 x 4 bytes in a row
    assert strips.strips(2, like, 10**9) == [(0, 1), (1, 2)]


def test_maps_whose_gradient_is_recorded_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(strips.STRIP_BYTES, "cpu", 1)
    assert strips.strips(25, features_of(3, 3), 50) == [(0, 25)]


@pytest.mark.parametrize("normalisation", ["range", "log"])
@torch.inference_mode()
def test_the_network_is_the_same_in_strips(
    normalisation: str, tiny: str, make_sample: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = draw_architecture(Architecture(tiny, 8, normalisation=normalisation, head="laplace"))
    image, prompt = make_sample(70, 98, batch=2)
    expected = model(image, prompt)
    monkeypatch.setitem(strips.STRIP_BYTES, "cpu", 2 * 98 * 32 * 4 * 3)  # 3 rows
    depth = model(image, prompt)
    torch.testing.assert_close(depth.depth, expected.depth, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(depth.uncertainty, expected.uncertainty, rtol=1e-5, atol=1e-6)


COMPILED = """
import torch
from drawn_network import draw_architecture, sample
from promptda import strips
from promptda.network import Architecture

model = draw_architecture(Architecture("lite0", 8, head="laplace"))
image, prompt = sample(64, 96)
compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="aot_eager")
with torch.inference_mode():
    expected = model(image, prompt)
    strips.STRIP_BYTES["cpu"] = 1
    prediction = compiled(image, prompt)
print(float((prediction.depth - expected.depth).abs().max()))
print(float((prediction.uncertainty / expected.uncertainty - 1).abs().max()))
"""


def test_a_compiled_network_is_one_graph_of_the_same_output() -> None:
    """In a process of its own: the test run's checks of shapes cannot be compiled."""
    tests = str(Path(__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", COMPILED], cwd=tests, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(float(error) < 1e-3 for error in done.stdout.split())  # metres, of a range of 3; a share


@torch.inference_mode()
def test_an_exported_graph_holds_the_head_in_one_piece(tiny: str, make_sample: Sampler) -> None:
    model = PromptedDepth(Architecture(tiny, 8)).eval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(strips.STRIP_BYTES, "cpu", 1)
        graph = torch.export.export(model.head, (features_of(6, 8, channels=8), 42, 56)).graph
    assert sum("conv2d" in str(node.target) for node in graph.nodes) == 3
