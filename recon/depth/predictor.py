"""From images and their prompts to metric depth, with any network of ``promptda``."""

import logging
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from promptda import zoo
from recon.captures.base import SensorDepth
from recon.depth.engine import Engine, OutOfMemory
from recon.depth.placement import load_engine, pictures_together, placement
from recon.errors import CaptureError, ResourceError
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_depth, resize_image
from recon.prompts.from_sensor import prompt_from_sensor
from recon.prompts.prompt import Prompt
from recon.settings import Settings

MAX_PROMPT_METRES = 100.0  # a vehicle's LiDAR
LONG_SIDE_PX = 1008  # of the network's input by default, the size the published weights were trained near

logger = logging.getLogger(__name__)


class Predictor:
    """Depth at the size that is asked for, from pictures and prompts of any size.

    Args:
        engine: what runs the network.
        size: width and height of the depth, pixels; None for a long side of 1008.
        native: depth at the image's own size.
        batch_size: pictures to predict at once; halved whenever the memory does not suffice.
    """

    def __init__(
        self, engine: Engine, size: tuple[int, int] | None = None, native: bool = False, batch_size: int = 1
    ) -> None:
        self.batch_size = batch_size
        self._engine = engine
        self._size = size
        self._native = native

    @property
    def prompt_confidence(self) -> int:
        """The least confidence of the sensor's pixels that the network should be shown."""
        return 0 if self._engine.knows_trust else 1

    @classmethod
    def load(cls, settings: Settings) -> "Predictor":
        """The network that the settings name, where and how they say.

        Raises ``WeightsError`` for a network that cannot be had, ``UsageError`` where its device or engine is not
        there.
        """
        place = placement(settings)
        model = settings.model or zoo.SHIPPED
        engine = load_engine(model, place, settings.compile, settings.max_uncertainty)
        logger.info("network %s %s", model, place)
        return cls(engine, settings.size, settings.resolution == "native", pictures_together(settings, place))

    def predict(self, image: UInt8[np.ndarray, "H W 3"], prompt: Prompt) -> Float[np.ndarray, "h w"]:
        """The depth of one picture; see ``predict_batch``."""
        (depth,) = self.predict_batch([image], [prompt])
        return depth

    def predict_batch(
        self, images: Sequence[UInt8[np.ndarray, "H W 3"]], prompts: Sequence[Prompt]
    ) -> list[Float[np.ndarray, "h w"]]:
        """Depth in metres, 0 where the network gives no positive number; sized by the images and the settings.

        The images are of one size and so are the prompts. Raises ``ResourceError`` where the memory does not
        suffice for one of them.
        """
        if len({image.shape for image in images}) != 1:
            raise ValueError(f"predict_batch was given images of shapes {sorted({image.shape for image in images})}")
        height, width = images[0].shape[:2]
        wanted = (width, height) if self._native else self._size
        size = _network_size(wanted or (width, height), self._engine.stride, limit=wanted is None)
        if self._engine.fixed_size is not None:  # a square, whatever the picture's aspect
            wanted = wanted or size
            size = (self._engine.fixed_size, self._engine.fixed_size)
        depths: list[np.ndarray] = []
        while len(depths) < len(images):
            part = slice(len(depths), len(depths) + self.batch_size)
            try:
                depths += self._run([resize_image(image, *size) for image in images[part]], prompts[part])
            except OutOfMemory as error:
                failed = len(images[part])
                if failed == 1:
                    raise ResourceError(
                        f"the memory does not suffice for one picture of {size[0]}x{size[1]} pixels; "
                        "give a smaller --resolution, a smaller --model or --device cpu"
                    ) from error
                self.batch_size = failed // 2  # tried once the error, which holds the network's memory, is gone
                logger.info("memory does not suffice for %d pictures at once; now %d", failed, self.batch_size)
        return depths if wanted is None else [resize_depth(depth, *wanted) for depth in depths]

    def _run(self, images: Sequence[np.ndarray], prompts: Sequence[Prompt]) -> list[np.ndarray]:
        depth = self._engine.depth(
            np.stack(images),
            np.stack([prompt.depth for prompt in prompts]),
            np.stack([prompt.trust for prompt in prompts]),
        )
        return list(np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0)))


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
    prompt = prompt_from_sensor(SensorDepth(prompt_depth.astype(np.float32), None, camera), 0, MAX_PROMPT_METRES)
    if prompt is None:
        raise CaptureError(
            f"the prompt depth has no pixel between 0.1 and {MAX_PROMPT_METRES:g} m; "
            "check its unit, which is metres here"
        )
    predictor = model if isinstance(model, Predictor) else Predictor.load(Settings(model=model))
    return predictor.predict(image, prompt)


def _network_size(size: tuple[int, int], stride: int, limit: bool) -> tuple[int, int]:
    """The size in multiples of the stride; when limited, shrunk to the default long side as the paper's code does."""
    longest = max(size)
    asked = min(longest, LONG_SIDE_PX) if limit else longest
    width, height = (max(stride, side * asked // longest // stride * stride) for side in size)
    return width, height


def weights_identity(model: str) -> str:
    """What tells one set of weights from another in a cache: the place, size and time of its file."""
    path = zoo.locate(model).resolve()
    stat = path.stat()
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"
