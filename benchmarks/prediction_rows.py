"""The networks and runtimes that ``prediction.py`` measures, each built from files as a program would load it.

Imports stand inside the builders, so that the memory of one holds nothing of another.
"""

import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import promptda
from promptda.zoo import SHIPPED
from recon.depth.engine import Engine

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from drawn_network import draw_architecture, sample

EXACT = 1e-4  # greatest error of float32, of the prompt's range: the same sums in another order
REDUCED = 0.02  # rms error of reduced precision, of the depth's standard deviation
PEERS_REDUCED = 0.05  # the same of peers, which reduce more than we do: enough to know it is the same network
LITE_FEATURES = 48  # of the decoder behind the compact encoder, whose own maps have 16 to 320
PROMPT_WIDTH = 256  # pixels, ARKit's

Run = Callable[[], Tensor]  # gives depth (b, 1, H, W), metres


@dataclass(frozen=True)
class Case:
    """What is predicted, and the folder for weights and their conversions."""

    encoder: str
    width: int
    height: int
    batch: int
    device: str  # as PyTorch names it
    folder: Path
    model: Path | None = None  # of this encoder; None for random weights

    @property
    def weights(self) -> Path:
        """The file of weights; random ones are such that the depth varies."""
        if self.model is not None:
            return self.model
        path = self.folder / f"{self.encoder}.safetensors"
        if not path.exists():
            is_lite = self.encoder.startswith("lite")
            architecture = (
                promptda.Architecture(self.encoder, LITE_FEATURES)
                if is_lite
                else promptda.Architecture.released(self.encoder)
            )
            promptda.save(draw_architecture(architecture), path)
        return path

    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (b, H, W, 3) uint8 and prompts (b, h, w) float32, metres."""
        prompt_height = round(PROMPT_WIDTH * self.height / self.width)
        image, prompt = sample(self.height, self.width, self.batch, prompt_size=(prompt_height, PROMPT_WIDTH))
        return (255 * image).round().byte().permute(0, 2, 3, 1).contiguous().numpy(), prompt[:, 0].numpy()

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The same as ``PromptedDepth`` takes them, on the device."""
        images, prompts = self.pictures()
        image = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float() / 255
        return image.to(self.device), torch.from_numpy(prompts)[:, None].to(self.device)

    def autocast(self, precision: str) -> AbstractContextManager[object]:
        dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16}
        if precision == "fp32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, dtypes[precision])


@dataclass(frozen=True)
class Row:
    """How to build one runner, and what its output is held to."""

    build: Callable[[Case], Run]
    tolerance: float | None  # None: another network, whose output is its own
    chooses_kernel: bool = False  # attention by PyTorch's scaled_dot_product_attention
    devices: tuple[str, ...] = ("cpu",)


def ours(case: Case, precision: str, compiled: bool = False) -> Run:
    from recon.depth.torch_engine import TorchEngine

    return _engine_run(TorchEngine(str(case.weights), torch.device(case.device), precision, compiled), case)


def ours_openvino(case: Case, precision: str) -> Run:
    from recon.depth.openvino_engine import OpenVinoEngine

    return _engine_run(OpenVinoEngine(str(case.weights), precision), case)


def _engine_run(engine: Engine, case: Case) -> Run:
    images, prompts = case.pictures()
    trust = np.ones(prompts.shape, np.float32)
    return lambda: torch.as_tensor(engine.depth(images, prompts, trust))[:, None]


def shipped(case: Case) -> Run:
    """The network inside the package, at the nearest size in multiples of its stride."""
    from recon.depth.torch_engine import TorchEngine

    width, height = (32 * round(side / 32) for side in (case.width, case.height))
    engine = TorchEngine(SHIPPED, torch.device(case.device))
    return _engine_run(engine, replace(case, width=width, height=height))


def ours_lite(case: Case, encoder: str, run: Callable[[Case, str], Run]) -> Run:
    """At the nearest size in multiples of this encoder's stride."""
    width, height = (32 * round(side / 32) for side in (case.width, case.height))
    return run(replace(case, encoder=encoder, width=width, height=height, model=None), "fp32")


def transformers(case: Case, precision: str = "fp32") -> Run:
    from transformers_peer import peer_depth

    peer, (image, prompt) = _transformers_network(case).to(case.device), case.tensors()

    def run() -> Tensor:
        with case.autocast(precision):
            return peer_depth(peer, image, prompt)

    return run


def _transformers_network(case: Case) -> torch.nn.Module:
    from transformers.utils import logging
    from transformers_peer import peer_of, saved_peer

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = case.folder / f"{case.encoder}-transformers"
    if not folder.exists():
        peer_of(promptda.load(case.weights)).save_pretrained(folder)
    return saved_peer(folder)


def released(case: Case, precision: str = "fp32") -> Run:
    from released_network import ReleasedNetwork

    network, (image, prompt) = ReleasedNetwork(promptda.load(case.weights, case.device)), case.tensors()

    def run() -> Tensor:
        with torch.inference_mode(), case.autocast(precision):
            return network.depth(image, prompt)

    return run


def onnxruntime(case: Case) -> Run:
    import onnxruntime as ort

    path = case.folder / f"{case.encoder}.onnx"
    if not path.exists():
        from promptda.export import to_onnx

        to_onnx(promptda.load(case.weights), path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = dict(zip(("image", "prompt"), (tensor.numpy() for tensor in case.tensors()), strict=True))
    return lambda: torch.from_numpy(session.run(["depth"], inputs)[0])


def openvino(case: Case) -> Run:
    """``transformers``' network as OpenVINO converts it, float32 at this size alone."""
    import openvino as ov

    image, prompt = case.tensors()
    path = case.folder / f"{case.encoder}-{case.width}x{case.height}x{case.batch}.xml"
    if not path.exists():
        from transformers_peer import Plain

        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing, which freezes the size as intended
            converted = ov.convert_model(Plain(_transformers_network(case)), example_input=(image, prompt))
        converted.reshape({0: list(image.shape), 1: list(prompt.shape)})
        ov.save_model(converted, path, compress_to_fp16=False)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = ov.Core().compile_model(path, "CPU", options)
    inputs = [image.numpy(), prompt.numpy()]
    return lambda: torch.from_numpy(compiled(inputs)[0])


EVERYWHERE = ("cpu", "cuda")
ROWS = {
    "transformers": Row(transformers, EXACT, True, EVERYWHERE),
    "transformers-bf16": Row(partial(transformers, precision="bf16"), PEERS_REDUCED, True, EVERYWHERE),
    "released": Row(released, EXACT, False, EVERYWHERE),
    "released-bf16": Row(partial(released, precision="bf16"), PEERS_REDUCED, False, EVERYWHERE),
    "onnxruntime": Row(onnxruntime, EXACT),
    "openvino": Row(openvino, EXACT),
    "recon": Row(partial(ours, precision="fp32"), EXACT, True, EVERYWHERE),
    "recon-compiled": Row(partial(ours, precision="fp32", compiled=True), EXACT, False, EVERYWHERE),
    "recon-bf16": Row(partial(ours, precision="bf16"), REDUCED, True, EVERYWHERE),
    "recon-bf16-compiled": Row(partial(ours, precision="bf16", compiled=True), REDUCED, False, EVERYWHERE),
    "recon-fp16": Row(partial(ours, precision="fp16"), REDUCED, True, ("cuda",)),
    "recon-openvino": Row(partial(ours_openvino, precision="fp32"), EXACT),
    "recon-openvino-bf16": Row(partial(ours_openvino, precision="bf16"), REDUCED),
    "recon-lite": Row(shipped, None, False, EVERYWHERE),
    "recon-lite0": Row(partial(ours_lite, encoder="lite0", run=ours), None, False, EVERYWHERE),
    "recon-openvino-lite0": Row(partial(ours_lite, encoder="lite0", run=ours_openvino), None),
}
