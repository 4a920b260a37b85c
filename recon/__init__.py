"""From captures to metric depth and meshes.

The public names load on first use, because torch and Open3D take seconds to import.
"""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recon.captures.readers import open_capture as open_capture
    from recon.depth.predictor import predict_depth as predict_depth
    from recon.errors import ReconError as ReconError
    from recon.evaluation.mesh_metrics import evaluate_mesh as evaluate_mesh
    from recon.inspection import inspect_capture as inspect_capture
    from recon.pipeline import Reconstruction as Reconstruction
    from recon.pipeline import reconstruct as reconstruct
    from recon.settings import Settings as Settings

_HOMES = {
    "open_capture": "recon.captures.readers",
    "inspect_capture": "recon.inspection",
    "predict_depth": "recon.depth.predictor",
    "reconstruct": "recon.pipeline",
    "Reconstruction": "recon.pipeline",
    "Settings": "recon.settings",
    "evaluate_mesh": "recon.evaluation.mesh_metrics",
    "ReconError": "recon.errors",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("promptda-recon")
    if name not in _HOMES:
        raise AttributeError(f"module 'recon' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
