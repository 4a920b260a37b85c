"""Where numbers keep their full precision, whatever a caller's autocast says."""

from contextlib import AbstractContextManager, nullcontext

import torch


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Operations inside compute in the precision of their inputs."""
    if not torch.amp.is_autocast_available(device.type):  # such as "meta"
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
