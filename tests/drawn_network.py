"""Networks with random weights on which a comparison means something."""

import torch
from torch import Tensor, nn

from promptda.network import Architecture, PromptedDepth

GAIN = 1.2  # of weights drawn normal with deviation GAIN / sqrt(fan in): activations neither die nor explode


def sample(
    height: int, width: int, batch: int = 1, seed: int = 0, prompt_size: tuple[int, int] = (24, 32)
) -> tuple[Tensor, Tensor]:
    """A smooth random image and a random prompt of 1 to 4 metres; sizes are height, then width."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, 9, 12, generator=generator)
    image = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return image, 1 + 3 * torch.rand(batch, 1, *prompt_size, generator=generator)


def draw(encoder: str) -> PromptedDepth:
    """The released network with this encoder."""
    return draw_architecture(Architecture.released(encoder))


@torch.no_grad()
def draw_architecture(architecture: Architecture) -> PromptedDepth:
    """A network whose output varies by a fifth of the prompt's range or so.

    Default random weights give a constant. Here the last layer is set on a small picture so that
    its values have mean 0 and deviation 1, the part of the sigmoid where differences show.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):  # shapes only: a ViT-L takes seconds to initialise
        model = PromptedDepth(architecture)
    drawn = {}
    for name, like in model.state_dict().items():
        tensor = torch.empty(like.shape, dtype=like.dtype)
        if name.endswith(("gamma", "norm.weight", "norm1.weight", "norm2.weight", "running_var")):
            tensor.fill_(1)
        elif name.endswith(("bias", "running_mean", "num_batches_tracked")):
            tensor.zero_()
        elif name.endswith(("pos_embed", "cls_token", "mask_token", "register_tokens")):
            tensor.normal_(generator=generator)
        else:
            transposed = "reassemble.resize.0" in name or "reassemble.resize.1" in name
            fan_in = tensor.shape[0] if transposed else tensor[0].numel()
            tensor.normal_(std=GAIN / fan_in**0.5, generator=generator)
        drawn[name] = tensor
    model.load_state_dict(drawn, assign=True)
    logits: list[Tensor] = []
    hook = model.head.conv3.register_forward_hook(lambda _module, _inputs, output: logits.append(output))
    model.eval()(*sample(*(model.stride * round(side / model.stride) for side in (126, 182))))
    hook.remove()
    model.head.conv3.weight /= logits[0].std()
    model.head.conv3.bias -= logits[0].mean() / logits[0].std()
    return model
