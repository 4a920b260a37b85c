"""The compact encoder: shapes, sizes, laws, and the reading of its published weights."""

import copy
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from promptda import WeightsError
from promptda.decoder import Decoder
from promptda.encoders.efficientnet import SIZES, ConvNorm, EfficientNetLite, load_imagenet
from promptda.encoders.standardisation import IMAGE_MEAN, IMAGE_STD


@pytest.fixture(scope="module")
def lite0() -> EfficientNetLite:
    """Drawn so that no normalisation is the identity."""
    generator = torch.Generator().manual_seed(0)
    encoder = EfficientNetLite(SIZES["lite0"]).eval()
    for name, tensor in encoder.state_dict().items():
        if name.endswith(("norm.weight", "running_var")):
            tensor.uniform_(0.7, 1.5, generator=generator)
        elif name.endswith(("norm.bias", "running_mean")):
            tensor.normal_(std=0.2, generator=generator)
        elif name.endswith("conv.weight"):
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5, generator=generator)
    return encoder


def draw_image(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def published(encoder: EfficientNetLite) -> dict[str, Tensor]:
    """As the package names them: blocks of convolutions with numbered normalisations, and a classifier."""
    parts = {
        "expand.conv": "_expand_conv",
        "expand.norm": "_bn0",
        "depthwise.conv": "_depthwise_conv",
        "depthwise.norm": "_bn1",
        "project.conv": "_project_conv",
        "project.norm": "_bn2",
    }
    tensors = {"_conv_head.weight": torch.zeros(1280, 320, 1, 1), "_fc.bias": torch.zeros(1000)}
    for name, tensor in encoder.state_dict().items():
        block = re.fullmatch(r"blocks\.(\d+)\.(\w+\.\w+)\.(\w+)", name)
        if block:
            tensors[f"_blocks.{block[1]}.{parts[block[2]]}.{block[3]}"] = tensor
        else:
            tensors[name.replace("stem.conv", "_conv_stem").replace("stem.norm", "_bn0")] = tensor
    return tensors


@pytest.mark.parametrize(
    ("name", "channels", "parameters"),
    [  # counted from the published files, without the classifier
        ("lite0", (24, 40, 112, 320), 2_958_848),
        ("lite1", (24, 40, 112, 320), 3_723_520),
        ("lite2", (24, 48, 120, 352), 4_357_952),
    ],
)
def test_widths_and_parameters_are_as_published(name: str, channels: tuple[int, ...], parameters: int) -> None:
    encoder = EfficientNetLite(SIZES[name])
    assert encoder.channels == channels
    assert sum(p.numel() for p in encoder.parameters()) == parameters


def test_up_to_stride_16_there_are_few_parameters(lite0: EfficientNetLite) -> None:
    parts = [lite0.stem, *lite0.blocks[:11]]
    assert sum(p.numel() for part in parts for p in part.parameters()) == 700_768


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (192, 256), (224, 160)])
def test_the_pyramid_lies_at_strides_4_to_32(height: int, width: int, lite0: EfficientNetLite) -> None:
    pyramid = lite0(draw_image(height, width, batch=2))
    expected = [(2, c, height // s, width // s) for c, s in zip(lite0.channels, (4, 8, 16, lite0.stride), strict=True)]
    assert [tuple(level.shape) for level in pyramid] == expected


@torch.inference_mode()
def test_the_decoder_takes_the_pyramid(lite0: EfficientNetLite) -> None:
    decoder = Decoder(lite0.channels, 16)
    assert decoder(lite0(draw_image(64, 96)), lambda _level, features: features).shape == (1, 16, 16, 24)


@torch.inference_mode()
def test_a_batch_gives_what_its_images_give_alone(lite0: EfficientNetLite) -> None:
    images = draw_image(64, 96, batch=3)
    together = lite0(images)
    for i in range(3):
        for level, alone in zip(together, lite0(images[i : i + 1]), strict=True):
            torch.testing.assert_close(level[i : i + 1], alone, rtol=1e-4, atol=1e-4)  # float32 sums in another order


@torch.inference_mode()
def test_evaluation_leaves_no_trace(lite0: EfficientNetLite) -> None:
    before = copy.deepcopy(lite0.state_dict())
    image = draw_image(64, 64)
    first, second = lite0(image), lite0(image)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(torch.equal(before[key], tensor) for key, tensor in lite0.state_dict().items())


@torch.inference_mode()
def test_moving_the_image_by_the_stride_moves_the_pyramid(lite0: EfficientNetLite) -> None:
    # The first levels see few pixels, so their middle does not know where the border is.
    image = draw_image(256, 256)
    shifted = image.roll(32, dims=3)
    for level, moved, cells in zip(lite0(image)[:2], lite0(shifted)[:2], (8, 4), strict=True):
        margin = level.shape[-1] // 4
        middle = slice(margin + cells, -margin)
        torch.testing.assert_close(
            moved[..., middle, middle], level.roll(cells, dims=3)[..., middle, middle], rtol=1e-4, atol=1e-4
        )


@torch.inference_mode()
def test_the_encoder_sees_values_as_it_was_trained_on(lite0: EfficientNetLite) -> None:
    values = torch.linspace(0, 255, 32).expand(1, 3, 32, 32)
    seen: list[Tensor] = []
    hook = lite0.stem.register_forward_pre_hook(lambda _module, inputs: seen.extend(inputs))
    lite0((values / 255 - torch.tensor(IMAGE_MEAN).view(3, 1, 1)) / torch.tensor(IMAGE_STD).view(3, 1, 1))
    hook.remove()
    torch.testing.assert_close(seen[0], (values - 127) / 128)


@torch.inference_mode()
@pytest.mark.parametrize(("kernel", "first"), [(3, 0), (5, 1)])
def test_halving_looks_where_tensorflow_does(kernel: int, first: int) -> None:
    # "Same" adds kernel - 2 rows to an even number of them, the smaller half before the first.
    halving = ConvNorm(1, 1, kernel, stride=2).eval()
    halving.conv.weight.zero_()
    halving.conv.weight[..., first, first] = 1
    image = torch.rand(1, 1, 8, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(halving(image), image[..., ::2, ::2] / 1.001**0.5)


def test_published_weights_are_read_by_name(lite0: EfficientNetLite, tmp_path: Path) -> None:
    torch.save(published(lite0), tmp_path / "lite0.pth")
    encoder = EfficientNetLite(SIZES["lite0"])
    load_imagenet(encoder, tmp_path / "lite0.pth")
    expected = lite0.state_dict()
    assert all(torch.equal(expected[key], tensor) for key, tensor in encoder.state_dict().items())


def test_weights_of_another_network_are_refused_in_one_sentence(lite0: EfficientNetLite, tmp_path: Path) -> None:
    torch.save(published(lite0), tmp_path / "lite0.pth")
    with pytest.raises(WeightsError, match=r"lite0.pth: _blocks.\d+.* is not of shape .*; give the file of this size"):
        load_imagenet(EfficientNetLite(SIZES["lite2"]), tmp_path / "lite0.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for name, words in (("list", "_conv_stem"), ("text", "not readable"), ("missing", "not readable")):
        with pytest.raises(WeightsError, match=f"{name}.pth: {words}"):
            load_imagenet(EfficientNetLite(SIZES["lite0"]), tmp_path / f"{name}.pth")


def test_the_first_stages_alone_are_those_of_the_whole(lite0: EfficientNetLite) -> None:
    first = EfficientNetLite(SIZES["lite0"], (0, 1, 2, 4)).eval()
    first.load_state_dict({key: lite0.state_dict()[key] for key in first.state_dict()})
    assert (first.stride, first.channels) == (16, (16, 24, 40, 112))
    image = draw_image(64, 64)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(first(image)[1:], lite0(image)[:3], strict=True))
