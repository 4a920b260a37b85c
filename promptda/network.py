"""The prompted depth network: encoder, decoder, head, and where the prompt enters."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from promptda.decoder import Decoder
from promptda.encoders import dinov2
from promptda.encoders.catalogue import build_encoder, encoder_names
from promptda.encoders.standardisation import IMAGE_MEAN, IMAGE_STD
from promptda.heads import HEADS
from promptda.normalisation import normalisation_named
from promptda.precision import full_precision
from promptda.prompting.designs import design_named

FEATURES = {"vits": 64, "vitb": 128, "vitl": 256, "vitg": 384}  # the released decoder's width for each encoder


@dataclass(frozen=True)
class Architecture:
    """What a network is made of; files that we write carry it. Defaults are as released."""

    encoder: str  # a name of encoders.catalogue
    features: int  # channels of the decoder
    prompting: str = "fusion"  # a name of prompting.designs
    normalisation: str = "range"  # "log" lets depth leave the prompt's range
    head: str = "depth"  # "laplace" predicts its uncertainty too
    knows_trust: ClassVar[bool] = False  # each pixel of the prompt counts or does not

    def __post_init__(self) -> None:
        if self.encoder not in encoder_names():
            raise ValueError(f"Architecture.encoder is {self.encoder!r}; there are {', '.join(encoder_names())}")
        if not isinstance(self.features, int) or self.features < 2 or self.features % 2:
            raise ValueError(f"Architecture.features is {self.features}; the head halves it, give an even number")
        if design_named(self.prompting).needs_transformer and self.encoder not in dinov2.SIZES:
            raise ValueError(f"Architecture.prompting is {self.prompting!r}, which needs a transformer; use 'fusion'")
        normalisation_named(self.normalisation)
        if self.head not in HEADS:
            raise ValueError(f"Architecture.head is {self.head!r}; there are {', '.join(HEADS)}")

    @property
    def knows_mask(self) -> bool:
        """Whether it is better told which pixels of the prompt were measured; the released ones know no mask."""
        return design_named(self.prompting).knows_mask or self.normalisation != "range"

    @classmethod
    def released(cls, encoder: str) -> "Architecture":
        """The released network with this encoder."""
        return cls(encoder, FEATURES[encoder.removesuffix("-registers")])


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

    fixed_size: int | None = None  # side of a square on which alone a network works, pixels; this one is free
    image_mean: Tensor
    image_std: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = build_encoder(architecture.encoder)
        self.decoder = Decoder(self.encoder.channels, architecture.features)
        self.prompting = design_named(architecture.prompting)(self.encoder, architecture.features)
        self.normalisation = normalisation_named(architecture.normalisation)
        self.head = HEADS[architecture.head](architecture.features, self.normalisation.activation())
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
            Depth that is 0 (unknown) for a prompt without a valid pixel. With the normalisation "range"
            it stays within the range of the prompt, and is its constant for a constant prompt.
        """
        height, width = image.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ValueError(f"image is {width}x{height}; both sides must be multiples of {self.stride}")
        with full_precision(image.device):
            known = self.normalisation.known(prompt, valid)
            unit_prompt, scale = self.normalisation.apply(prompt, known)
            network_prompt = torch.cat([unit_prompt, known.to(unit_prompt.dtype)], dim=1).to(image.dtype)
        # Channels last, as the transformer's maps are: a prompt in another order would be turned at each level.
        network_prompt = network_prompt.contiguous(memory_format=torch.channels_last)

        pyramid = self.prompting.encode(self.encoder, (image - self.image_mean) / self.image_std, network_prompt)
        # Under autocast too decoder and head compute in the precision of their weights: bfloat16 in the decoder
        # doubled the error of the depth, and a sigmoid in it gives steps of a 256th of the prompt's range.
        with full_precision(image.device):
            pyramid = [level.to(self.head.conv1.weight.dtype) for level in pyramid]
            features = self.decoder(pyramid, partial(self.prompting.fuse, prompt=network_prompt))
            outputs = self.head(features, height, width)
            unit_depth, *rest = outputs.to(prompt.dtype).split(1, dim=1)
            return Prediction(scale.to_metres(unit_depth), *rest)
