"""The prompted depth network: encoder, decoder, head, and where the prompt enters."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from promptda import normalisation
from promptda.decoder import Decoder
from promptda.encoders import dinov2
from promptda.heads import SigmoidHead
from promptda.prompting.fusion import PromptFusion

# Of ImageNet, per channel of RGB in 0..1; the encoders were trained on images standardised with them.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)

FEATURES = {"vits": 64, "vitb": 128, "vitl": 256}  # the released decoder's width for each encoder


@dataclass(frozen=True)
class Architecture:
    """What a network is made of; files that we write carry it."""

    encoder: str  # a key of dinov2.SIZES
    features: int  # channels of the decoder

    def __post_init__(self) -> None:
        if self.encoder not in dinov2.SIZES:
            raise ValueError(f"Architecture.encoder is {self.encoder!r}; there are {', '.join(dinov2.SIZES)}")
        if not isinstance(self.features, int) or self.features < 2 or self.features % 2:
            raise ValueError(f"Architecture.features is {self.features}; the head halves it, give an even number")

    @classmethod
    def released(cls, encoder: str) -> "Architecture":
        """The released network with this encoder."""
        return cls(encoder, FEATURES[encoder])


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says about each pixel of the image."""

    depth: Float[Tensor, "b 1 H W"]  # z-depth, metres
    uncertainty: Float[Tensor, "b 1 H W"] | None = None  # Laplace scale of log depth


class PromptedDepth(nn.Module):
    """Metric depth from an image and a coarse depth map (Lin et al., arXiv:2412.14015).

    A new network has random weights in encoder, decoder and head, and a prompt without effect
    on the normalised depth.
    """

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = dinov2.DinoV2(dinov2.SIZES[architecture.encoder])
        self.decoder = Decoder(self.encoder.channels, architecture.features)
        self.prompting = nn.ModuleList(PromptFusion(architecture.features) for _ in self.encoder.channels)
        self.head = SigmoidHead(architecture.features)
        # Constants: the device is named so that they hold values even in a network built on "meta".
        for name, values in (("image_mean", IMAGE_MEAN), ("image_std", IMAGE_STD)):
            constant = torch.tensor(values, device="cpu").view(1, 3, 1, 1)
            self.register_buffer(name, constant, persistent=False)

    @property
    def stride(self) -> int:
        """Sides of the image must be multiples of it, pixels."""
        return self.encoder.stride

    def forward(
        self,
        image: Float[Tensor, "b 3 H W"],
        prompt: Float[Tensor, "b 1 h w"],
        valid: Bool[Tensor, "b 1 h w"] | None = None,
    ) -> Prediction:
        """Depth at the image's resolution.

        Args:
            image: RGB in 0..1; sides are multiples of ``stride``.
            prompt: coarse depth of the same view, metres, at any resolution.
            valid: pixels of the prompt that count; None if all do. Others are ignored, as are
                those that are not finite, and filled from their neighbours.

        Returns:
            Depth within the range of the prompt: its constant for a constant prompt, 0 (unknown)
            for a prompt without a valid pixel.
        """
        height, width = image.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ValueError(f"image is {width}x{height}; both sides must be multiples of {self.stride}")
        unit_prompt, prompt_range = normalisation.normalise(prompt, valid)
        unit_prompt = unit_prompt.to(image.dtype)

        def add_prompt(level: int, features: Tensor) -> Tensor:
            fused: Tensor = self.prompting[level](features, unit_prompt)
            return fused

        pyramid = self.encoder((image - self.image_mean) / self.image_std)
        unit_depth = self.head(self.decoder(pyramid, add_prompt), height, width)
        return Prediction(depth=prompt_range.to_metres(unit_depth.to(prompt.dtype)))
