"""The prompt designs by name."""

from promptda.prompting.adaln import AdaptiveNorm
from promptda.prompting.controlnet import ControlNet
from promptda.prompting.cross_attention import CrossAttention
from promptda.prompting.design import PromptDesign
from promptda.prompting.fusion import Fusion
from promptda.prompting.masked_fusion import MaskedFusion

DESIGNS: tuple[type[PromptDesign], ...] = (Fusion, MaskedFusion, AdaptiveNorm, CrossAttention, ControlNet)


def design_named(name: str) -> type[PromptDesign]:
    for design in DESIGNS:
        if design.name == name:
            return design
    raise ValueError(f"no prompt design is named {name!r}; there are {', '.join(d.name for d in DESIGNS)}")
