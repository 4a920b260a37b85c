"""Monocular depth networks of the ``transformers`` library."""

from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8

from recon.errors import UsageError, WeightsError

Gives = Literal["depth", "disparity"]
INSTALL = "pip install 'transformers>=4.53'"
# What the networks of each kind give; Depth Anything's configuration says which of the two.
GIVES: dict[str, Gives] = {"dpt": "disparity", "zoedepth": "depth", "glpn": "depth", "depth_pro": "depth"}
NEEDS_PROMPT = "prompt_depth_anything"
REASON_LENGTH = 200  # characters of what the library says, which can be a page


class TransformersNetwork:
    """One of them, ready to run; see ``Monocular`` in ``depth_methods.py``.

    Args:
        name: on the Hugging Face hub, or a folder. Only safetensors are read and no code that comes with them runs.
        gives: depth in metres, or disparity up to scale and shift; None where the kind of network tells.
        device: as PyTorch calls it.

    Raises ``WeightsError`` for one that cannot be had, ``UsageError`` where ``transformers`` is missing or it is
    unknown what the network gives.
    """

    gives: Gives

    def __init__(self, name: str, gives: Gives | None = None, device: str = "cpu") -> None:
        try:
            import transformers
        except ImportError as error:
            raise UsageError(f"baseline {name}: needs transformers, which is not installed; {INSTALL}") from error
        bars = transformers.utils.logging
        showed_bars = bars.is_progress_bar_enabled()
        bars.disable_progress_bar()  # of reading the file, which takes a second
        try:
            config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
            self._kind = str(config.model_type)
            self.gives = gives or _gives(name, self._kind, config)
            self._processor = transformers.AutoImageProcessor.from_pretrained(name, trust_remote_code=False)
            network = transformers.AutoModelForDepthEstimation.from_pretrained(
                name, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split()).partition(". ")[0][:REASON_LENGTH]
            raise WeightsError(
                f"baseline {name}: cannot be had ({reason}); give a depth network on the hub or its folder, "
                "with model.safetensors"
            ) from error
        finally:
            if showed_bars:
                bars.enable_progress_bar()
        self._network = network.to(device).eval()
        self._device = device

    def predict(self, image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
        """What it gives at the picture's size, float32."""
        import torch

        size = [image.shape[:2]]
        inputs = self._processor(images=image, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            outputs = self._network(**inputs)
        sizes: dict[str, Any] = {"target_sizes": size}
        if self._kind == "zoedepth":  # which pads the picture and must cut that off
            sizes["source_sizes"] = size
        (found,) = self._processor.post_process_depth_estimation(outputs, **sizes)
        return found["predicted_depth"].float().cpu().numpy().reshape(image.shape[:2])


def _gives(name: str, kind: str, config: Any) -> Gives:
    if kind == NEEDS_PROMPT:
        raise UsageError(f"baseline {name}: a prompted network; give it with --model")
    if kind == "depth_anything":
        return "depth" if config.depth_estimation_type == "metric" else "disparity"
    if kind not in GIVES:
        raise UsageError(f"baseline {name}: unknown what a {kind} gives; say {name}=depth or {name}=disparity")
    return GIVES[kind]
