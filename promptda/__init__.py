"""Prompt Depth Anything: metric depth at an image's resolution from the image with a coarse depth map.

``load(name_or_path)`` gives a ``PromptedDepth``; ``model(image, prompt, valid=None)`` a ``Prediction``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from promptda.errors import WeightsError

if TYPE_CHECKING:
    from promptda.checkpoints import load as load
    from promptda.checkpoints import save as save
    from promptda.network import Architecture as Architecture
    from promptda.network import Prediction as Prediction
    from promptda.network import PromptedDepth as PromptedDepth

# Loaded on first use: torch takes seconds to import.
_HOMES = {
    "load": "promptda.checkpoints",
    "save": "promptda.checkpoints",
    "Architecture": "promptda.network",
    "Prediction": "promptda.network",
    "PromptedDepth": "promptda.network",
}

__all__ = ["Architecture", "Prediction", "PromptedDepth", "WeightsError", "load", "save"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'promptda' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
