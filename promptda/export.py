"""The network as one ONNX file for other runtimes."""

import copy
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MethodType

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.dinov2 import GRID_OFFSET, NATIVE_GRID, VisionTransformer
from promptda.errors import ExportError
from promptda.lite import LiteDepth
from promptda.network import PromptedDepth
from promptda.whole_file import replacing

EXTRA = ("onnx", "onnxscript", "onnxruntime")
GREATEST_BYTES = 2**31  # of a protobuf file
GREATEST_PROMPT = 2048  # pixels along a side; holes of a larger one are filled from fewer scales
GREATEST_GRID = 1000  # strides along a side of the image
GREATEST_ERROR = 1e-4  # of float32, of the prompt's range: the same sums in another order
GREATEST_HALF_ERROR = 0.02  # of float16, rms, of the depth's standard deviation
CUBIC, CUBIC_ANTIALIASED = -0.75, -0.5  # the free parameter of PyTorch's two bicubic kernels


@dataclass(frozen=True)
class Agreement:
    """How far an exported file is from PyTorch on pictures of sizes it was not traced with.

    Errors are shares of the prompt's range, or of the depth where that lies beyond the prompt.
    """

    greatest_error: float
    rms_error: float
    spread: float  # standard deviation of the depth over the prompt's range; near 0 the errors prove nothing


def to_onnx(model: PromptedDepth | LiteDepth, path: Path, half: bool = False) -> Agreement:
    """Write one file that maps ``image`` (b, 3, H, W) and ``prompt`` (b, 1, h, w) to ``depth`` (b, 1, H, W).

    All are float32, as in ``PromptedDepth.forward``; H and W are any multiples of the stride, b, h and w
    are free. Pixels of the prompt that are 0, negative or not finite are unknown. A network with
    ``uncertainty`` gives it as a second output. With ``half``, weights and arithmetic are float16.

    The file is compared with PyTorch before it takes its place. ``model`` is on the CPU, as ``load`` gives it.

    Raises:
        ExportError: the extra is missing, the file would exceed 2 GB, or it disagrees with PyTorch.
    """
    if model.training:
        raise ValueError("the network is in training mode; call its eval() first")
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(f"{path}: needs {', '.join(missing)}; pip install 'promptda-recon[export]'")
    size = sum(p.numel() for p in model.parameters()) * (2 if half else 4)
    if size >= GREATEST_BYTES:
        raise ExportError(f"{path}: would be {size / 1e9:.1f} GB, one ONNX file holds 2.1; export a smaller encoder")
    with replacing(path) as temporary:
        _write(model, temporary, half)
        agreement = _compare(model, temporary)
        error, greatest = agreement.greatest_error, GREATEST_ERROR
        if half:
            error, greatest = agreement.rms_error, GREATEST_HALF_ERROR * agreement.spread
        if not error <= greatest:
            raise ExportError(
                f"{path}: not written, it would differ from PyTorch by {error:.1e} of the prompt's range where "
                f"{greatest:.1e} is allowed; {'export float32' if half else 'report this'}"
            )
    return agreement


class _Exported(nn.Module):
    """The network with plain tensors in and out."""

    def __init__(self, model: PromptedDepth | LiteDepth, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.dtype = dtype

    def forward(self, image: Tensor, prompt: Tensor) -> tuple[Tensor, ...]:
        prediction = self.model(image.to(self.dtype), prompt, prompt > 0)
        depth = prediction.depth.float()
        return (depth,) if prediction.uncertainty is None else (depth, prediction.uncertainty.float())


def _write(model: PromptedDepth | LiteDepth, path: Path, half: bool) -> None:
    stride = model.stride
    image = torch.zeros(2, 3, 3 * stride, 5 * stride)  # sizes of 1 would be taken for fixed
    prompt = torch.ones(2, 1, GREATEST_PROMPT, GREATEST_PROMPT - 1)
    rows, columns = (torch.export.Dim(name, min=2, max=GREATEST_GRID) for name in ("rows", "columns"))
    batch = torch.export.Dim("batch")
    free = torch.export.Dim.DYNAMIC
    exported = _Exported(copy.deepcopy(model).half() if half else model, torch.half if half else torch.float)
    with positions_by_operations(exported), _quiet(), torch.no_grad():
        outputs = ["depth", "uncertainty"][: len(exported(image, prompt[..., :8, :8]))]
        program = torch.onnx.export(
            exported.eval(),
            (image, prompt),
            input_names=["image", "prompt"],
            output_names=outputs,
            dynamic_shapes={
                "image": {0: batch, 2: stride * rows, 3: stride * columns},
                "prompt": {0: batch, 2: free, 3: free},
            },
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph:
        node.metadata_props.clear()  # traces of our source code, half a megabyte
    program.model.metadata_props["stride"] = str(stride)
    program.save(path, external_data=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what PyTorch's exporter says of itself: its deprecations, and that it misses torchvision."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def positions_by_operations(network: nn.Module) -> Iterator[None]:
    """Let position embeddings follow the size of the image, for a trace of ``network`` within the block.

    Traced as it is, their interpolation is frozen at the scale of the traced image, and the file
    would be silently wrong at every other size.
    """
    transformers = [module for module in network.modules() if isinstance(module, VisionTransformer)]
    for vit in transformers:
        vit.position = MethodType(position, vit)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for vit in transformers:
            del vit.position


def position(vit: VisionTransformer, height: int, width: int) -> Float[Tensor, "1 n d"]:
    """``VisionTransformer.position`` as two products with sampling matrices, for any size without a branch."""
    of_class, of_patches = vit.pos_embed[:, :1], vit.pos_embed[:, 1:]
    native = of_patches.float().mT.reshape(1, -1, NATIVE_GRID, NATIVE_GRID)  # (1, d, 37, 37)
    if vit.register_tokens is None:
        sides = [torch.full((), side, dtype=torch.float32) for side in (height, width)]
        unchanged = (sides[0] == NATIVE_GRID) & (sides[1] == NATIVE_GRID)
        native = F.pad(native, (2, 2, 2, 2), mode="replicate")
        rows, columns = (
            _bicubic(n, torch.where(unchanged, 1.0, (side + GRID_OFFSET) / NATIVE_GRID))
            for n, side in zip((height, width), sides, strict=True)
        )
    else:
        rows, columns = _bicubic_antialiased(height), _bicubic_antialiased(width)
    resized = rows @ native @ columns.mT  # (1, d, height, width)
    return torch.cat([of_class, resized.flatten(2).mT.to(of_class.dtype)], dim=1)


def _bicubic(side: int, scale: Float[Tensor, ""]) -> Float[Tensor, "side taps"]:
    """Weights of the native grid, two cells wider at both ends, in each of ``side`` places."""
    places = (torch.arange(side, dtype=torch.float32) + 0.5) / scale - 0.5
    taps = torch.arange(-2, NATIVE_GRID + 2, dtype=torch.float32)
    return _cubic(places[:, None] - taps, CUBIC)


def _bicubic_antialiased(side: int) -> Float[Tensor, "side taps"]:
    """Weights of the native grid in each of ``side`` places, the kernel as wide as a place when that is larger."""
    cells = NATIVE_GRID / torch.full((), side, dtype=torch.float32)
    places = (torch.arange(side, dtype=torch.float32) + 0.5) * cells - 0.5
    taps = torch.arange(NATIVE_GRID, dtype=torch.float32)
    weights = _cubic((places[:, None] - taps) / cells.clamp(min=1), CUBIC_ANTIALIASED)
    return weights / weights.sum(1, keepdim=True)


def _cubic(distance: Float[Tensor, "side taps"], a: float) -> Float[Tensor, "side taps"]:
    """The cubic convolution kernel (Keys, IEEE ASSP 29(6), 1981, eq. 4 with its parameter free)."""
    d = distance.abs()
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))


def _compare(model: PromptedDepth | LiteDepth, path: Path) -> Agreement:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    errors, depths = [], []
    for rows, columns, height, width in ((4, 7, 24, 32), (7, 4, 33, 17)):
        coarse = torch.rand(1, 3, 5, 5, generator=generator)
        image = F.interpolate(coarse, (rows * model.stride, columns * model.stride), mode="bilinear")
        prompt = 1 + torch.rand(1, 1, height, width, generator=generator)
        prompt[..., 3:9, 4:12] = 0
        least, greatest = prompt[prompt > 0].min(), prompt.max()
        with torch.inference_mode():
            expected = model(image, prompt, prompt > 0).depth
        depth = torch.from_numpy(session.run(["depth"], {"image": image.numpy(), "prompt": prompt.numpy()})[0])
        # Beyond the prompt, of the depth itself: a network that may go there has an output of any size.
        errors.append(((depth - expected) / expected.where(expected > greatest, greatest - least)).flatten())
        depths.append(expected.clamp(max=greatest).flatten() / (greatest - least))
    error, depth = torch.cat(errors), torch.cat(depths)
    return Agreement(error.abs().max().item(), error.square().mean().sqrt().item(), depth.std().item())
