"""Networks run by OpenVINO, on CPUs."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from promptda.normalisation import normalisation_named
from recon.depth.engine import OutOfMemory
from recon.depth.openvino_conversion import DECODER, ENCODER, converted
from recon.errors import UsageError

# OpenVINO's name for what the encoder computes in; the rest stays in f32, where bf16 saves little and costs as much
# of the signal again. fp16 and int8 are not offered: fp16 is slower than fp32 on the processors that have it, and int8,
# calibrated on four pictures, was 9 % of the depth's standard deviation off on random weights, bf16 1.3 % and faster.
PRECISIONS = {"fp32": "f32", "bf16": "bf16"}
REPORTER = "openvino_telemetry"  # the package by which OpenVINO tells its makers of every import
KEPT_SIZES = 2  # of images, as the cameras of a drive have; each holds a copy of the encoder's weights
OUT_OF_MEMORY_WORDS = ("bad_alloc", "allocate")


class OpenVinoEngine:
    """A network of ``promptda`` in OpenVINO; see ``Engine``.

    Args:
        model: a name that ``promptda.load`` knows, or a file of weights.
        precision: fp32, or bf16 in the encoder.

    Raises ``WeightsError`` for a network that cannot be had, ``UsageError`` where OpenVINO or the processor
    cannot do it.
    """

    def __init__(self, model: str, precision: str) -> None:
        if precision not in PRECISIONS:
            raise UsageError(f"precision is {precision}, but OpenVINO runs fp32 or bf16 here; give one of these")
        openvino = _import_openvino()
        core = openvino.Core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UsageError("precision is bf16, which this processor does not compute in; use fp32")
        network = converted(model, openvino)
        self.stride = network.stride
        self.fixed_size: int | None = None
        self.knows_trust = False
        self._knows_mask = network.architecture.knows_mask
        self._normalisation = normalisation_named(network.architecture.normalisation)
        self._core = core
        self._folder = network.folder
        self._precision = PRECISIONS[precision]
        self._encoders: dict[tuple[int, int], Any] = {}  # by the image's height and width
        self._decoder = self._request(core.read_model(network.folder / DECODER), "f32")

    def depth(
        self,
        images: UInt8[np.ndarray, "b H W 3"],
        prompts: Float[np.ndarray, "b h w"],
        trust: Float[np.ndarray, "b h w"],
    ) -> Float[np.ndarray, "b H W"]:
        """See ``Engine``. One picture at a time: together they would be no faster and take more memory."""
        try:
            return np.stack([self._depth(*one) for one in zip(images, prompts, trust > 0, strict=True)])
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY_WORDS):
                raise OutOfMemory(str(error)) from error
            raise

    def _depth(
        self, image: UInt8[np.ndarray, "H W 3"], prompt: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
    ) -> Float[np.ndarray, "H W"]:
        # As PromptedDepth.forward, of which the part that branches and loops over sizes stays in PyTorch.
        metres = torch.tensor(prompt)[None, None]
        known = self._normalisation.known(metres, torch.tensor(valid)[None, None] if self._knows_mask else None)
        unit_prompt, scale = self._normalisation.apply(metres, known)
        seen = torch.cat([unit_prompt, known.to(unit_prompt.dtype)], dim=1).numpy()
        pixels = np.ascontiguousarray(image)[None]
        encoder = self._encoder(*image.shape[:2])
        encoder.infer([pixels, seen])
        pyramid = [encoder.get_output_tensor(level) for level in range(4)]
        self._decoder.infer([*pyramid, seen, pixels])
        unit = torch.from_numpy(self._decoder.get_output_tensor().data.copy())
        return scale.to_metres(unit[:, None])[0, 0].numpy()

    def _encoder(self, height: int, width: int) -> Any:
        """The encoder for images of this size.

        With the size fixed, the position embedding is computed here and now, in f32: where the size is free
        bf16 computes it with every picture, and the depth is off by 8 % of its deviation.
        """
        if (height, width) not in self._encoders:
            if len(self._encoders) == KEPT_SIZES:
                self._encoders.pop(next(iter(self._encoders)))
            model = self._core.read_model(self._folder / ENCODER)
            model.reshape({"image": [1, height, width, 3]})
            self._encoders[height, width] = self._request(model, self._precision)
        return self._encoders[height, width]

    def _request(self, model: Any, precision: str) -> Any:
        options = {
            "INFERENCE_PRECISION_HINT": precision,  # else bf16 wherever the processor has it
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",  # all threads at one picture
        }
        return self._core.compile_model(model, "CPU", options).create_infer_request()


def _import_openvino() -> ModuleType:
    """OpenVINO, which reports nothing to anybody: it does without the package for that where that is missing."""
    if importlib.util.find_spec("openvino") is None:
        raise UsageError("engine is openvino, which is not installed; pip install 'promptda-recon[openvino]'")
    hidden = REPORTER not in sys.modules
    if hidden:
        sys.modules[REPORTER] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if hidden:
            del sys.modules[REPORTER]
    return openvino
