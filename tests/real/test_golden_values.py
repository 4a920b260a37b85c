"""Released weights on the released example, against the depths that ``transformers`` publishes for it."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import promptda
from promptda import zoo
from promptda.encoders.dinov2 import NATIVE_GRID, VisionTransformer

# Metres, the first three columns of the first three rows; from the tests of transformers'
# conversion of the weights, which accepts 5 mm between the two implementations.
DEPTH = {
    "vits": [[3.0100, 3.0016, 3.0219], [3.0046, 3.0137, 3.0275], [3.0083, 3.0191, 3.0292]],
    "vits-transparent": [[3.0058, 3.0397, 3.0460], [3.0314, 3.0393, 3.0504], [3.0326, 3.0465, 3.0545]],
    "vitl": [[3.1336, 3.1358, 3.1363], [3.1368, 3.1267, 3.1414], [3.1397, 3.1385, 3.1448]],
}
TOLERANCE = 0.005


def exactly_resized_position(vit: VisionTransformer, height: int, width: int) -> Tensor:
    """As ``transformers``, whose values these are, interpolates the position embedding."""
    grid = vit.pos_embed[0, 1:].T.reshape(1, -1, NATIVE_GRID, NATIVE_GRID)
    grid = F.interpolate(grid, (height, width), mode="bicubic")
    return torch.cat([vit.pos_embed[:, :1], grid.flatten(2).mT], dim=1)


@pytest.mark.parametrize("published", [p for p in zoo.PUBLISHED if p.kind == "network"], ids=lambda p: p.name)
def test_released_weights_give_the_published_depths(
    published: zoo.Published, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if zoo.cached(published) is None:
        pytest.skip(f"{published.repository} is not in the Hugging Face cache")
    folder = real_data / "captures" / "promptda_example"
    picture = Image.open(folder / "image.jpg").convert("RGB").resize((1008, 756), Image.Resampling.BICUBIC)
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    depth_mm = np.array(Image.open(folder / "arkit_depth.png"))
    prompt = torch.from_numpy(depth_mm.astype(np.float32))[None, None] / 1000

    monkeypatch.setattr(VisionTransformer, "position", exactly_resized_position)
    with torch.inference_mode():
        depth = promptda.load(published.name)(image, prompt).depth
    assert depth.shape == (1, 1, 756, 1008)
    expected = torch.tensor(DEPTH[published.name.removesuffix("-ckpt")])
    torch.testing.assert_close(depth[0, 0, :3, :3], expected, rtol=0, atol=TOLERANCE)
