"""Changes of a sample that leave its depth as true as before: crops, mirroring, light, lens and noise."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_image, resize_nearest
from train.sample import Sample

Augmentation = Callable[[Sample, np.random.Generator], Sample]

SPARSE = 0.2  # share of known pixels below which truth is a set of points rather than surfaces with holes

# Ranges of ``change_light``, as wide as phones' own exposure and white balance go in dim rooms and bright windows.
EXPOSURE_STOPS = 0.7  # brightness times 2 ** (-0.7 .. 0.7)
CONTRAST = 0.25  # of the distance from mid grey
GAMMA_STOPS = 0.35  # exponent 2 ** (-0.35 .. 0.35)
WHITE_BALANCE = 0.12  # gain of red and of blue, either way
SATURATION = 0.4
LUMA = np.array([0.299, 0.587, 0.114])  # Rec. 601
# Ranges of ``degrade``.
BLUR_PX = 1.2  # standard deviation
NOISE = 8.0  # standard deviation, of 255
JPEG_QUALITY = (50, 95)
DEGRADED_SHARE = 0.4  # of samples, for each of blur, noise and compression


def crop(
    sample: Sample, size: tuple[int, int], prompt_size: tuple[int, int], smallest: float, rng: np.random.Generator
) -> Sample:
    """A random part of the picture with the target's aspect, at the target's size.

    Depth is never interpolated. The part of a real prompt is interpolated among known pixels, as the sensor's own map
    is smooth. What the camera sees keeps its depth in metres, as if its lens were longer.

    Args:
        sample: of any size.
        size: rows and columns of the picture given back.
        prompt_size: rows and columns of its prompt, where it has one.
        smallest: side of the part, as a share of the largest that fits (above 0, up to 1).
        rng: draws side and place.
    """
    height, width = sample.image.shape[:2]
    share = rng.uniform(smallest, 1) * min(height / size[0], width / size[1])
    rows, columns = (min(max(1, round(share * side)), full) for side, full in zip(size, (height, width), strict=True))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = np.s_[top : top + rows, left : left + columns]
    depth = resize_true_depth(sample.depth[part], size)
    prompt = confidence = None
    if sample.prompt is not None:
        prompt, confidence = _prompt_part(
            sample.prompt,
            sample.confidence,
            np.array([top, left, rows, columns]) / (height, width, height, width),
            prompt_size,
        )
    pseudo = sample.pseudo
    if pseudo is not None:
        pseudo = depth if pseudo is sample.depth else resize_true_depth(pseudo[part], size)
    K = sample.K
    if K is not None:
        K = Camera(width, height, K).cropped(left, top, columns, rows).resized(size[1], size[0]).K
    image = resize_image(np.ascontiguousarray(sample.image[part]), size[1], size[0])
    return replace(sample, image=image, depth=depth, prompt=prompt, confidence=confidence, pseudo=pseudo, K=K)


def resize_true_depth(depth: Float[np.ndarray, "h w"], size: tuple[int, int]) -> Float[np.ndarray, "h2 w2"]:
    """Depth of the nearest pixel; of the nearest surface in a pixel's area where truth is sparse, as a LiDAR's is."""
    height, width = depth.shape
    known = depth > 0
    if known.mean() >= SPARSE or size[0] > height or size[1] > width:
        return resize_nearest(depth, size[1], size[0])
    rows, columns = np.nonzero(known)
    far_to_near = np.argsort(-depth[rows, columns], kind="stable")
    rows, columns = rows[far_to_near], columns[far_to_near]
    resized = np.zeros(size, np.float32)
    place = ((2 * rows + 1) * size[0] // (2 * height), (2 * columns + 1) * size[1] // (2 * width))
    resized[place] = depth[rows, columns]  # of several the last, which is the nearest
    return resized


def _prompt_part(
    prompt: Float[np.ndarray, "h w"],
    confidence: UInt8[np.ndarray, "h w"] | None,
    part: Float[np.ndarray, "4"],
    size: tuple[int, int],
) -> tuple[Float[np.ndarray, "h2 w2"], UInt8[np.ndarray, "h2 w2"] | None]:
    """The part (top, left, rows, columns as shares of the whole) of a map, each pixel's area mapped onto its own."""
    (height, width), (top, left, rows, columns) = prompt.shape, part.tolist()
    y = (top + (np.arange(size[0]) + 0.5) / size[0] * rows) * height - 0.5
    x = (left + (np.arange(size[1]) + 0.5) / size[1] * columns) * width - 0.5
    nearest = np.ix_(_within(np.rint(y), height), _within(np.rint(x), width))
    known = (prompt > 0).astype(np.float32)
    weight, total = _bilinear(known, y, x), _bilinear(np.where(known > 0, prompt, 0).astype(np.float32), y, x)
    keep: Bool[np.ndarray, "h2 w2"] = (known[nearest] > 0) & (weight > 0)
    depth = np.divide(total, weight, out=np.zeros_like(total), where=keep)
    return depth, None if confidence is None else confidence[nearest]


def _bilinear(
    values: Float[np.ndarray, "h w"], y: Float[np.ndarray, " h2"], x: Float[np.ndarray, " w2"]
) -> Float[np.ndarray, "h2 w2"]:
    """Values between pixels; beyond the outermost centres, theirs."""
    for axis, at in ((0, y), (1, x)):
        low = np.floor(at)
        share = (at - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        count = values.shape[axis]
        before, after = (values.take(_within(index, count), axis) for index in (low, low + 1))
        values = before + share * (after - before)
    return values


def _within(index: Float[np.ndarray, " n"], count: int) -> np.ndarray:
    return np.clip(index, 0, count - 1).astype(np.intp)


def mirror(sample: Sample, rng: np.random.Generator) -> Sample:
    """Left and right exchanged in half of the samples."""
    if rng.random() < 0.5:
        return sample
    depth, pseudo, K = _mirrored(sample.depth), sample.pseudo, sample.K
    if pseudo is not None:
        pseudo = depth if pseudo is sample.depth else _mirrored(pseudo)
    if K is not None:
        K = K.copy()
        K[0, 2] = sample.image.shape[1] - 1 - K[0, 2]
    return replace(
        sample,
        image=_mirrored(sample.image),
        depth=depth,
        prompt=None if sample.prompt is None else _mirrored(sample.prompt),
        confidence=None if sample.confidence is None else _mirrored(sample.confidence),
        pseudo=pseudo,
        K=K,
    )


def _mirrored(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels[:, ::-1])


def change_light(sample: Sample, rng: np.random.Generator) -> Sample:
    """Another exposure, contrast, gamma, white balance and saturation."""
    gain = 2 ** rng.uniform(-EXPOSURE_STOPS, EXPOSURE_STOPS)
    tint = np.array([1 + rng.uniform(-WHITE_BALANCE, WHITE_BALANCE), 1, 1 + rng.uniform(-WHITE_BALANCE, WHITE_BALANCE)])
    contrast = 1 + rng.uniform(-CONTRAST, CONTRAST)
    gamma = 2 ** rng.uniform(-GAMMA_STOPS, GAMMA_STOPS)
    saturation = 1 + rng.uniform(-SATURATION, SATURATION)
    level = np.arange(256)[:, None] / 255 * gain * tint
    level = np.clip((level - 0.5) * contrast + 0.5, 0, 1) ** gamma
    toned = cv2.LUT(sample.image, np.rint(255 * level).astype(np.uint8)[None])
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    return replace(sample, image=cv2.transform(toned, mix))


def degrade(sample: Sample, rng: np.random.Generator) -> Sample:
    """Blur, noise and compression, each in ``DEGRADED_SHARE`` of the samples."""
    image = sample.image
    if rng.random() < DEGRADED_SHARE:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, BLUR_PX))
    if rng.random() < DEGRADED_SHARE:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0, NOISE))
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < DEGRADED_SHARE:
        quality = int(rng.integers(*JPEG_QUALITY))
        stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = cv2.imdecode(stored, cv2.IMREAD_COLOR)  # channels stay in their order: red is stored as if blue
    return replace(sample, image=image)
