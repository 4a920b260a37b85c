"""From a sample of any size to the tensors of one picture in a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from recon.captures.base import SensorDepth
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject
from recon.prompts.from_lidar import lidar_depth
from recon.prompts.from_sensor import prompt_from_sensor
from train.data import augmentation, prompt_failures
from train.data.base import Unusable
from train.sample import Batch, Sample
from train.simulation.simulated import Simulation
from train.simulation.vehicle import Vehicle

LEAST_TARGET = 0.01  # of the picture: a sample with less known depth is passed over


@dataclass(frozen=True)
class BatchShape:
    """What all pictures of one batch have in common."""

    image: tuple[int, int]  # rows, columns
    prompt: tuple[int, int]

    def __post_init__(self) -> None:
        if min(*self.image, *self.prompt) < 1:
            raise ValueError(f"BatchShape of {self.image} and {self.prompt}; sides are at least a pixel")


@dataclass(frozen=True)
class Preparation:
    """How samples become training pictures."""

    simulation: Simulation  # of prompts for samples that have none; its field ``size`` is set to each batch's prompt
    smallest_crop: float = 0.6  # side, as a share of the largest crop that fits
    augmented: bool = True  # mirrored, with other light and degraded; False for validation, which also crops nothing
    failing: float = 0.0  # share of samples with faults of the sensor as a whole
    min_confidence: int = 1  # of valid prompt pixels
    max_prompt_depth: float = 80.0  # metres; a prompt beyond it is not valid
    min_depth: float = 0.05  # metres; nearer truth is unknown
    max_depth: float = 80.0  # metres; farther truth is unknown

    def __post_init__(self) -> None:
        if not 0 < self.smallest_crop <= 1:
            raise ValueError(f"Preparation.smallest_crop is {self.smallest_crop}; it must be above 0 and at most 1")
        if not 0 <= self.failing <= 1:
            raise ValueError(f"Preparation.failing is {self.failing}; a share lies between 0 and 1")


def prepare(sample: Sample, shape: BatchShape, settings: Preparation, rng: np.random.Generator) -> Batch:
    """A batch of this one picture. Raises ``Unusable`` where truth or prompt are all but unknown."""
    cropped = augmentation.crop(
        sample, shape.image, shape.prompt, settings.smallest_crop if settings.augmented else 1.0, rng
    )
    cropped = _with_known_range(cropped, settings)
    if settings.augmented:
        cropped = augmentation.mirror(cropped, rng)
    prompted = with_prompt(cropped, shape.prompt, settings.simulation, rng)
    if settings.failing:
        prompted = prompt_failures.fail(prompted, settings.failing, rng)
    if settings.augmented:  # after the simulation, whose guide is the picture as the phone saw it
        prompted = augmentation.degrade(augmentation.change_light(prompted, rng), rng)
    return _as_batch(prompted, settings)


def with_prompt(sample: Sample, size: tuple[int, int], simulation: Simulation, rng: np.random.Generator) -> Sample:
    """The sample with the prompt of a simulated sensor, unless it has one; with confidence in any case."""
    if sample.prompt is not None:
        if sample.confidence is not None:
            return sample
        return replace(sample, confidence=np.where(sample.prompt > 0, 2, 0).astype(np.uint8))
    if isinstance(simulation, Vehicle) and sample.K is None:
        raise CaptureError(f"{sample.name}: beams need the camera; write intrinsics.json beside image/")
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    sized = replace(simulation, size=size)  # type: ignore[type-var]  # all are dataclasses with this field
    given = sized(
        image_tensor(sample)[None],
        torch.from_numpy(sample.depth)[None, None],
        generator,
        None if sample.K is None else torch.from_numpy(sample.K.astype(np.float32))[None],
    )
    prompt, confidence = given.depth[0, 0].numpy(), given.confidence[0, 0].numpy()
    if isinstance(simulation, Vehicle):
        prompt, confidence = _completed(prompt, sample)
    return replace(sample, prompt=prompt, confidence=confidence)


def _completed(
    returns: Float[np.ndarray, "h w"], sample: Sample
) -> tuple[Float[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
    """What a drive's prompt makes of the few returns of a vehicle's LiDAR, with its confidence."""
    assert sample.K is not None
    rows, columns = sample.depth.shape
    camera = Camera(columns, rows, sample.K).resized(returns.shape[1], returns.shape[0])
    found = lidar_depth(backproject(returns, camera)[returns > 0], camera, float("inf"))
    assert found.confidence is not None
    return found.depth, found.confidence


def image_tensor(sample: Sample) -> Float[Tensor, "3 H W"]:
    """RGB in 0..1."""
    return torch.from_numpy(sample.image).permute(2, 0, 1).contiguous().float().div_(255)


def stack(batches: Sequence[Batch]) -> Batch:
    """Pictures of one size in one batch."""
    return Batch(
        **{name: torch.cat([getattr(batch, name) for batch in batches]) for name in Batch.__dataclass_fields__}
    )


def _with_known_range(sample: Sample, settings: Preparation) -> Sample:
    def limited(depth: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
        known = (depth >= settings.min_depth) & (depth <= settings.max_depth)
        return np.where(known, depth, 0).astype(np.float32)

    depth = limited(sample.depth)
    pseudo = sample.pseudo
    if pseudo is not None:
        pseudo = depth if pseudo is sample.depth else limited(pseudo)
    if np.count_nonzero(depth) < LEAST_TARGET * depth.size:
        raise Unusable(f"{sample.name}: depth is known in less than {LEAST_TARGET:.0%} of the picture")
    return replace(sample, depth=depth, pseudo=pseudo)


def _as_batch(sample: Sample, settings: Preparation) -> Batch:
    if sample.prompt is None:
        raise ValueError(f"{sample.name}: no prompt")
    height, width = sample.prompt.shape
    # Only the size of a sensor's camera matters for its prompt.
    camera = Camera.from_focal(width, height, float(width), float(width), (width - 1) / 2, (height - 1) / 2)
    sensor = SensorDepth(sample.prompt, sample.confidence, camera)
    prompt = prompt_from_sensor(sensor, settings.min_confidence, settings.max_prompt_depth)
    if prompt is None:
        raise Unusable(f"{sample.name}: no pixel of the prompt can be trusted")
    target = torch.from_numpy(sample.depth)[None, None]
    return Batch(
        image=image_tensor(sample)[None],
        prompt=torch.from_numpy(prompt.depth)[None, None],
        trust=torch.from_numpy(prompt.trust)[None, None],
        target=target,
        pseudo=target if sample.pseudo is None else torch.from_numpy(sample.pseudo)[None, None],
        has_gradient=torch.tensor([sample.pseudo is not None]),
    )
