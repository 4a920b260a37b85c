"""Prompt Depth Anything: metric depth at an image's resolution from the image with a coarse depth map.

``load(name_or_path)`` gives a network ready to predict; ``model(image, prompt, valid=None)`` gives a
``Prediction``. ``load_foundation(name_or_path, architecture)`` gives one to be trained, ``save`` writes it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from promptda.errors import ExportError, WeightsError

if TYPE_CHECKING:
    from promptda.checkpoints import Network as Network
    from promptda.checkpoints import load as load
    from promptda.checkpoints import save as save
    from promptda.depth_pro import DepthProArchitecture as DepthProArchitecture
    from promptda.depth_pro import PromptedDepthPro as PromptedDepthPro
    from promptda.foundation import load_foundation as load_foundation
    from promptda.lite import LiteArchitecture as LiteArchitecture
    from promptda.lite import LiteDepth as LiteDepth
    from promptda.network import Architecture as Architecture
    from promptda.network import Prediction as Prediction
    from promptda.network import PromptedDepth as PromptedDepth

# Loaded on first use: torch takes seconds to import.
_HOMES = {
    "Architecture": "promptda.network",
    "DepthProArchitecture": "promptda.depth_pro",
    "LiteArchitecture": "promptda.lite",
    "LiteDepth": "promptda.lite",
    "Network": "promptda.checkpoints",
    "Prediction": "promptda.network",
    "PromptedDepth": "promptda.network",
    "PromptedDepthPro": "promptda.depth_pro",
    "load": "promptda.checkpoints",
    "load_foundation": "promptda.foundation",
    "save": "promptda.checkpoints",
}

__all__ = [
    "Architecture",
    "DepthProArchitecture",
    "ExportError",
    "LiteArchitecture",
    "LiteDepth",
    "Network",
    "Prediction",
    "PromptedDepth",
    "PromptedDepthPro",
    "WeightsError",
    "load",
    "load_foundation",
    "save",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'promptda' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
