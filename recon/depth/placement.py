"""Which engine runs the network of a run, on which device and in which precision."""

from dataclasses import dataclass

import torch

from recon.depth.engine import Engine
from recon.depth.torch_engine import TorchEngine, best_precision, torch_device
from recon.settings import Settings

# Bytes that a network takes for each pixel of its input, beside its weights. One ViT-L in float32 took 1100 to 1500
# of a CPU's memory, one ViT-S 620; in bf16 it is less.
BYTES_PER_PIXEL = 1500
AUTO_PIXELS, NATIVE_PIXELS = 1008 * 756, 3840 * 2160  # of a picture, foreseen for a resolution of auto and native
SHARE_OF_MEMORY = 0.8  # of what is free on the GPU; others may want some
MOST_TOGETHER = 8  # pictures; more only wait for each other


@dataclass(frozen=True)
class Placement:
    """Where and how a network runs, every choice made."""

    engine: str  # torch, openvino
    device: str  # cpu, cuda, cuda:N, mps
    precision: str  # fp32, bf16, fp16

    def __str__(self) -> str:
        return f"on {self.device} in {self.precision} by {self.engine}"


def placement(settings: Settings) -> Placement:
    """What the settings come to on this machine; ``UsageError`` for a device that is not there."""
    device = torch_device("cpu" if settings.engine == "openvino" else settings.device)
    precision = best_precision(device) if settings.precision == "auto" else settings.precision
    return Placement(settings.engine, str(device), precision)


def load_engine(model: str, place: Placement, compile: bool, max_uncertainty: float | None) -> Engine:
    """The network, loaded; ``WeightsError`` where it cannot be had, ``UsageError`` where the engine cannot."""
    if place.engine == "openvino":
        from recon.depth.openvino_engine import OpenVinoEngine  # an extra

        return OpenVinoEngine(model, place.precision)
    return TorchEngine(model, torch.device(place.device), place.precision, compile, max_uncertainty)


def pictures_together(settings: Settings, place: Placement) -> int:
    """How many pictures to predict at once: as set, else 1, or what fits in the free memory of a CUDA device."""
    if settings.batch_size is not None:
        return settings.batch_size
    if not place.device.startswith("cuda"):
        return 1
    width, height = settings.size or (0, 0)
    pixels = NATIVE_PIXELS if settings.resolution == "native" else width * height or AUTO_PIXELS
    free, _ = torch.cuda.mem_get_info(torch.device(place.device))
    return min(MOST_TOGETHER, max(1, int(SHARE_OF_MEMORY * free) // (pixels * BYTES_PER_PIXEL)))
