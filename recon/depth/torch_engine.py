"""Networks run by PyTorch, on CPU, CUDA or Apple's GPU."""

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8

import promptda
from recon.depth.engine import OutOfMemory
from recon.errors import UsageError, WeightsError

REDUCED = {"bf16": torch.bfloat16, "fp16": torch.float16}
# Only CUDA has an exception of its own for it, and cuDNN and cuBLAS do not use that.
OUT_OF_MEMORY_WORDS = ("can't allocate memory", "out of memory", "ALLOC_FAILED")
COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"  # the variable that PyTorch's compiler reads


class TorchEngine:
    """A network of ``promptda`` in PyTorch; see ``Engine``.

    Args:
        model: a name that ``promptda.load`` knows, or a file of weights.
        device: as ``torch_device`` gives it.
        precision: fp32, or bf16 or fp16 in the encoder, with the rest in TF32 on CUDA. fp32 is kept strictly:
            TF32, which PyTorch uses in convolutions by default, has 10 bits and misses 1e-4.
        compile: run ``torch.compile`` over the network, which takes minutes once.
        max_uncertainty: Laplace scale of log depth above which depth is 0; networks that predict none give all.

    Raises ``WeightsError`` for a network that cannot be had.
    """

    def __init__(
        self,
        model: str,
        device: torch.device,
        precision: str = "fp32",
        compile: bool = False,
        max_uncertainty: float | None = None,
    ) -> None:
        try:
            network = promptda.load(model, device)
        except promptda.WeightsError as error:
            raise WeightsError(str(error)) from error
        self.stride = network.stride
        self.fixed_size = network.fixed_size
        self.knows_trust = network.architecture.knows_trust
        self._device = device
        self._max_uncertainty = max_uncertainty
        self._reduced = REDUCED.get(precision)
        # Without the mask where a network knows none: the authors of the released ones advise the filling
        # that the prompt has, and filled pixels are averages, which leave its range as it is.
        self._knows_mask = network.architecture.knows_mask
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if compile:
            os.environ.setdefault(COMPILER_CACHE, str(_cache_folder()))
            self._network = torch.compile(self._network)

    def depth(
        self,
        images: UInt8[np.ndarray, "b H W 3"],
        prompts: Float[np.ndarray, "b h w"],
        trust: Float[np.ndarray, "b h w"],
    ) -> Float[np.ndarray, "b H W"]:
        """See ``Engine``. Raises ``UsageError`` where ``torch.compile`` cannot work."""
        try:
            with (
                torch.inference_mode(),
                torch.backends.cudnn.flags(enabled=True, allow_tf32=self._reduced is not None),
                torch.autocast(self._device.type, self._reduced, enabled=self._reduced is not None),
            ):
                # Bytes travel, not floats; and as they lie in the array they are channels-last.
                image = self._tensor(images).permute(0, 3, 1, 2).float() / 255
                known = self._tensor(trust if self.knows_trust else trust > 0)[:, None] if self._knows_mask else None
                prediction = self._network(image, self._tensor(prompts)[:, None], known)
                depth = prediction.depth
                if self._max_uncertainty is not None and prediction.uncertainty is not None:
                    depth = depth * (prediction.uncertainty <= self._max_uncertainty)
                return depth[:, 0].float().cpu().numpy()
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY_WORDS):
                raise OutOfMemory(str(error)) from error
            from torch._dynamo.exc import TorchDynamoException  # takes a second, and was loaded if it was raised

            if isinstance(error, TorchDynamoException):
                reason = str(error).strip().splitlines()[0]
                raise UsageError(
                    f"compile: torch.compile does not work here ({reason}); "
                    "install a C++ compiler and Python's headers, or leave out --compile"
                ) from error
            raise

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.tensor(np.ascontiguousarray(array))  # copied: torch warns of arrays that may not be written
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)


def torch_device(name: str) -> torch.device:
    """The device that auto, cpu, cuda, cuda:N or mps names; auto is CUDA, else Apple's GPU, else the CPU.

    Raises ``UsageError`` for one that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda"):
        count = torch.cuda.device_count()
        number = int(name.partition(":")[2] or 0)
        if number >= count:
            raise UsageError(f"device is {name}, but this machine shows {count} CUDA device(s); use --device cpu")
    if name == "mps" and not torch.backends.mps.is_available():
        raise UsageError("device is mps, but this machine has no Apple GPU; use --device cpu")
    return torch.device(name)


def best_precision(device: torch.device) -> str:
    """bf16 where a CUDA device computes in it, else fp32; fp16 on Apple's GPU is not chosen until it is measured."""
    if device.type != "cuda":
        return "fp32"
    with torch.cuda.device(device):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recon" / "torch_compile"
