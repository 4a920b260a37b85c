"""What a phone's camera makes of the light that reaches it: a photograph, with a photograph's faults."""

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

LUMA = (0.2126, 0.7152, 0.0722)  # of linear sRGB
MIDDLE_GREY = 0.18  # linear; where a meter puts the scene's mean
EXPOSURE_ERROR = 0.4  # stops, standard deviation
BRIGHTEST = 0.8  # linear; a meter that sees bright areas steps back until their 90th percentile is here
DARKEST = 1e-6  # radiance; keeps an unlit scene finite
FULL_WIDTH = 640  # pixels, at which lengths in pixels are meant
QUALITY = (60, 97)  # of JPEG


def photograph(radiance: Float[np.ndarray, "H W 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "H W 3"]:
    """An sRGB picture, through JPEG and back; the same generator state gives the same picture."""
    return decoded(jpeg(exposed(radiance, rng), rng))


def exposed(radiance: Float[np.ndarray, "H W 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "H W 3"]:
    """``photograph`` before JPEG."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    batch = torch.from_numpy(np.ascontiguousarray(radiance, np.float32)).permute(2, 0, 1)[None]
    picture = develop(batch, generator)[0].permute(1, 2, 0)
    return (picture * 255).round().to(torch.uint8).numpy()


def jpeg(image: UInt8[np.ndarray, "H W 3"], rng: np.random.Generator) -> bytes:
    """The picture as a JPEG file of a quality drawn from ``QUALITY``."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(QUALITY[0], QUALITY[1] + 1))]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    if not done:
        raise ValueError(f"image of shape {image.shape} cannot be a JPEG")
    return encoded.tobytes()


def decoded(file: bytes) -> UInt8[np.ndarray, "H W 3"]:
    """The pixels of a JPEG file."""
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def develop(radiance: Float[Tensor, "b 3 H W"], generator: torch.Generator) -> Float[Tensor, "b 3 H W"]:
    """Pictures in 0..1 (sRGB) of linear radiance, on the tensors' device; every picture has a camera of its own.

    Args:
        radiance: not negative, of any scale.
        generator: lives on the tensors' device.
    """
    draw = _Draws(len(radiance), generator)
    gain = _metered(radiance) * 2 ** draw.normal(EXPOSURE_ERROR).clamp(-1.2, 1.2)
    light = _vignetted(radiance * gain * _white_balance(radiance, draw), draw)
    light = _blurred(light, draw)
    light = _noisy(light, draw, generator)
    return _sharpened(_toned(light, draw), draw).clamp(0, 1)


class _Draws:
    """Random numbers, one for each picture, shaped to multiply pictures."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self._shape, self._generator = (count, 1, 1, 1), generator

    def uniform(self, low: float, high: float) -> Float[Tensor, "b 1 1 1"]:
        unit = torch.rand(self._shape, generator=self._generator, device=self._generator.device)
        return low + (high - low) * unit

    def normal(self, deviation: float) -> Float[Tensor, "b 1 1 1"]:
        return deviation * torch.randn(self._shape, generator=self._generator, device=self._generator.device)

    def happens(self, share: float) -> Float[Tensor, "b 1 1 1"]:
        """1 for this share of the pictures, else 0."""
        return (self.uniform(0.0, 1.0) < share).float()


def _luminance(image: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b 1 H W"]:
    weights = torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)


def _metered(radiance: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b 1 1 1"]:
    """The gain that puts the geometric mean at middle grey and keeps most bright areas from clipping."""
    coarse = F.adaptive_avg_pool2d(_luminance(radiance), (24, 32)).clamp(min=DARKEST).flatten(1)
    by_mean = MIDDLE_GREY / coarse.log().mean(dim=1).exp()
    by_bright = BRIGHTEST / torch.quantile(coarse, 0.9, dim=1)
    return torch.minimum(by_mean, by_bright).view(-1, 1, 1, 1)


def _white_balance(radiance: Float[Tensor, "b 3 H W"], draw: _Draws) -> Float[Tensor, "b 3 1 1"]:
    """Gains that undo part of the mean colour, as cameras do, with an error of their own."""
    mean = radiance.mean(dim=(2, 3), keepdim=True).clamp(min=DARKEST)
    undo = (mean.mean(dim=1, keepdim=True) / mean) ** draw.uniform(0.3, 0.8)
    warm, green = draw.normal(0.05), draw.normal(0.02)
    return undo * torch.cat([warm, green, -warm], dim=1).exp()


def _vignetted(light: Float[Tensor, "b 3 H W"], draw: _Draws) -> Float[Tensor, "b 3 H W"]:
    """Darker towards the corners, by up to a third there."""
    height, width = light.shape[-2:]
    v = torch.linspace(-1, 1, height, device=light.device).view(-1, 1)
    u = torch.linspace(-1, 1, width, device=light.device).view(1, -1)
    return light * (1 - draw.uniform(0.0, 0.35) * ((u**2 + v**2) / 2) ** 1.5)


def _blurred(light: Float[Tensor, "b 3 H W"], draw: _Draws) -> Float[Tensor, "b 3 H W"]:
    """Out of focus or shaken, each by a little and not always: an anisotropic Gaussian."""
    scale = light.shape[-1] / FULL_WIDTH
    focus = draw.uniform(0.25, 0.55) + draw.happens(0.15) * draw.uniform(0.0, 1.0)
    shake = draw.happens(0.25) * draw.uniform(0.3, 1.8)
    turn = draw.uniform(0.0, math.pi)
    reach = max(2, math.ceil(4 * scale))
    offset = torch.arange(-reach, reach + 1, device=light.device, dtype=light.dtype)
    v, u = offset.view(1, 1, -1, 1), offset.view(1, 1, 1, -1)
    along, across = u * turn.cos() + v * turn.sin(), v * turn.cos() - u * turn.sin()
    narrow = (focus * scale).clamp(min=0.2)
    wide = (narrow**2 + (shake * scale) ** 2).sqrt()
    kernel = torch.exp(-0.5 * ((along / wide) ** 2 + (across / narrow) ** 2))
    kernel = (kernel / kernel.sum(dim=(2, 3), keepdim=True)).repeat_interleave(3, dim=0)
    height, width = light.shape[-2:]
    padded = F.pad(light, (reach,) * 4, mode="replicate").reshape(1, -1, height + 2 * reach, width + 2 * reach)
    return F.conv2d(padded, kernel, groups=kernel.shape[0]).reshape(light.shape)


def _noisy(light: Float[Tensor, "b 3 H W"], draw: _Draws, generator: torch.Generator) -> Float[Tensor, "b 3 H W"]:
    """Shot and read noise, partly smoothed away as phones do, which leaves grain wider than a pixel."""
    level = torch.exp(draw.uniform(math.log(0.002), math.log(0.03)))  # deviation at white
    clipped = light.clamp(0, 1)
    deviation = level * (clipped + 0.04).sqrt()
    grain = torch.randn(light.shape, generator=generator, device=light.device)
    wide = F.avg_pool2d(F.pad(grain, (1,) * 4, mode="replicate"), 3, stride=1) * 3
    share = draw.uniform(0.2, 0.8)
    mixed = (1 - share) * grain + share * wide
    return light + deviation * mixed / ((1 - share) ** 2 + share**2 + 2 * share * (1 - share) / 3).sqrt()


def _toned(light: Float[Tensor, "b 3 H W"], draw: _Draws) -> Float[Tensor, "b 3 H W"]:
    """A soft shoulder, the sRGB curve, contrast and saturation."""
    light = light.clamp(min=0)
    knee = draw.uniform(0.5, 0.9)
    over = (light - knee).clamp(min=0)
    room = 1 - knee
    light = torch.minimum(light, knee) + room * over / (over + room)  # as steep as before at the knee, 1 at infinity
    low, high = 12.92 * light, 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055  # IEC 61966-2-1
    image = torch.where(light <= 0.0031308, low, high)
    contrast = draw.uniform(-0.1, 0.35)
    image = image + contrast * image * (1 - image) * (2 * image - 1)
    grey = _luminance(image)
    return grey + (image - grey) * draw.uniform(0.8, 1.25)


def _sharpened(image: Float[Tensor, "b 3 H W"], draw: _Draws) -> Float[Tensor, "b 3 H W"]:
    """An unsharp mask over 3x3 pixels."""
    soft = F.avg_pool2d(F.pad(image, (1,) * 4, mode="replicate"), 3, stride=1)
    return image + draw.uniform(0.0, 0.9) * (image - soft)
