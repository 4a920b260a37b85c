"""From an image and its prompt to metric depth, with any network of ``promptda``."""

import numpy as np
import torch
from jaxtyping import Float, UInt8

import promptda
from promptda import zoo
from recon.captures.base import SensorDepth
from recon.errors import CaptureError, ResourceError, UsageError, WeightsError
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_depth, resize_image
from recon.prompts.from_sensor import prompt_from_sensor
from recon.prompts.prompt import Prompt

CPU_OUT_OF_MEMORY = "can't allocate memory"  # a plain RuntimeError with these words, unlike the GPU's
LONG_SIDE_PX = 1008  # of the network's input by default, the size the published weights were trained near


class Predictor:
    """A network on its device, with the size it is run at.

    Args:
        model: a name that ``promptda.load`` knows, or a file of weights.
        device: auto (CUDA, else Apple's GPU, else CPU), cpu, cuda, cuda:N or mps.
        size: width and height of the depth, pixels; None for a long side of 1008.
        native: depth at the image's own size.

    Raises ``WeightsError`` for a network that cannot be had, ``UsageError`` for a device that is not there.
    """

    def __init__(
        self, model: str, device: str = "auto", size: tuple[int, int] | None = None, native: bool = False
    ) -> None:
        self.device = _device(device)
        try:
            self._network = promptda.load(model).to(self.device).eval()
        except promptda.WeightsError as error:
            raise WeightsError(str(error)) from error
        self._size = size
        self._native = native

    def predict(self, image: UInt8[np.ndarray, "H W 3"], prompt: Prompt) -> Float[np.ndarray, "h w"]:
        """Depth in metres, 0 where the network gives no positive number; sized by the image and the settings.

        Raises ``ResourceError`` where the GPU's memory does not suffice.
        """
        height, width = image.shape[:2]
        wanted = (width, height) if self._native else self._size
        network_width, network_height = _network_size(wanted or (width, height), self._network.stride, wanted is None)
        pixels = self._tensor(resize_image(image, network_width, network_height)).permute(2, 0, 1)
        try:
            with torch.inference_mode():
                # Without the mask where a network knows none: the authors of the released ones advise the filling
                # that the prompt has, and filled pixels are averages, which leave its range as it is.
                valid = self._tensor(prompt.valid)[None, None] if self._network.architecture.knows_mask else None
                prediction = self._network(pixels[None].float() / 255, self._tensor(prompt.depth)[None, None], valid)
            depth = prediction.depth[0, 0].float().cpu().numpy()
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and CPU_OUT_OF_MEMORY not in str(error):
                raise
            raise ResourceError(
                f"the memory of {self.device} does not suffice for {network_width}x{network_height} pixels; "
                "give a smaller --resolution, a smaller --model or --device cpu"
            ) from error
        depth = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
        return depth if wanted is None else resize_depth(depth, *wanted)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        # Copied, because arrays that are handed on may be read-only, which torch warns of.
        return torch.tensor(np.ascontiguousarray(array), device=self.device)


def predict_depth(
    image: UInt8[np.ndarray, "H W 3"],
    prompt_depth: Float[np.ndarray, "h w"],
    model: str | Predictor,
) -> Float[np.ndarray, "h2 w2"]:
    """Depth in metres for one RGB image and its coarse depth (metres, 0 = unknown).

    ``model`` is a name, a file of weights, or a ``Predictor`` when many images follow. The depth's
    long side is 1008 pixels or the predictor's choice.
    """
    height, width = prompt_depth.shape
    # Only the resolution of this camera is used: a prompt needs no geometry.
    camera = Camera.from_focal(width, height, float(width), float(width), width / 2, height / 2)
    prompt = prompt_from_sensor(SensorDepth(prompt_depth.astype(np.float32), None, camera))
    if prompt is None:
        raise CaptureError("the prompt depth has no pixel between 0.1 and 20 m; check its unit, which is metres here")
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    return predictor.predict(image, prompt)


def _network_size(size: tuple[int, int], stride: int, limit: bool) -> tuple[int, int]:
    """The size in multiples of the stride; when limited, shrunk to the default long side as the paper's code does."""
    longest = max(size)
    asked = min(longest, LONG_SIDE_PX) if limit else longest
    width, height = (max(stride, side * asked // longest // stride * stride) for side in size)
    return width, height


def _device(name: str) -> torch.device:
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


def weights_identity(model: str) -> str:
    """What tells one set of weights from another in a cache: the place, size and time of its file."""
    path = zoo.locate(model).resolve()
    stat = path.stat()
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"
