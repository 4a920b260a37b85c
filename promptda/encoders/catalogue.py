"""The encoders of ``PromptedDepth`` by name; Depth Pro has a pyramid of its own, in ``depth_pro.py``."""

from collections.abc import Callable, Mapping
from typing import Any

from promptda.encoders import dinov2, efficientnet

Encoder = dinov2.DinoV2 | efficientnet.EfficientNetLite

# Of each family its presets with what builds one of them.
FAMILIES: tuple[tuple[Mapping[str, Any], Callable[[Any], Encoder]], ...] = (
    (dinov2.SIZES, dinov2.DinoV2),
    (efficientnet.SIZES, efficientnet.EfficientNetLite),
)


def encoder_names() -> list[str]:
    return [name for sizes, _ in FAMILIES for name in sizes]


def build_encoder(name: str) -> Encoder:
    for sizes, build in FAMILIES:
        if name in sizes:
            return build(sizes[name])
    raise ValueError(f"no encoder is named {name!r}; there are {', '.join(encoder_names())}")
