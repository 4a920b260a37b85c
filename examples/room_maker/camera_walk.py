"""The path of a person who walks twice round the room, looking across it."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid

IMAGE_SIZE = (1280, 960)  # pixels, the phone held in landscape
FOCAL_SHARE = 0.79  # focal length over image width: the wide camera of an iPhone
MIDDLE = np.array([-0.30, 1.45, 0.22])  # metres; eye height over the middle of the free floor
REACH = np.array([1.05, 0.0, 0.68])  # metres, half axes of the loop
LOOPS = 1.97


def walk(frames: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Camera]]:
    """Poses (n, 4, 4) as ``T_world_camera``, and the camera of each frame.

    The first loop looks down on floor and furniture, the second at the walls up to the ceiling. Hands
    sway by centimetres and degrees; focal length and principal point breathe as a focusing, stabilised
    lens does.
    """
    along = np.linspace(0, 1, frames)
    angle = 2 * np.pi * LOOPS * along + 0.5
    second_loop = 0.5 + 0.5 * np.tanh((along - 0.5) * 14)
    look = np.pi + angle + np.radians(16) * np.sin(2.7 * angle) + np.radians(_sway(frames, 1.2, rng))
    pitch = np.radians(-36 + 38 * second_loop + 8 * np.sin(1.6 * angle) + _sway(frames, 1.2, rng))
    roll = np.radians(_sway(frames, 1.3, rng))
    ring = np.stack([np.cos(angle), np.zeros(frames), np.sin(angle)], axis=1)
    hand = np.stack([_sway(frames, 0.02, rng) for _ in range(3)], axis=1)
    positions = MIDDLE + REACH * ring + hand + [0, 0.02, 0] * np.sin(9 * angle)[:, None]
    poses = np.stack(
        [rigid(_rotation(*turn), position) for *turn, position in zip(look, pitch, roll, positions, strict=True)]
    )
    width, height = IMAGE_SIZE
    focal = FOCAL_SHARE * width * (1 + 0.002 * _sway(frames, 1.0, rng))
    cx, cy = width / 2 - 3.2 + _sway(frames, 2.0, rng), height / 2 + 1.7 + _sway(frames, 2.0, rng)
    return poses, [Camera.from_focal(width, height, *k) for k in zip(focal, focal, cx, cy, strict=True)]


def _rotation(look: float, pitch: float, roll: float) -> np.ndarray:
    """Camera axes (x right, y down, z forward) in the world; ``look`` counts from +x towards +z."""
    forward = np.array([np.cos(look) * np.cos(pitch), np.sin(pitch), np.sin(look) * np.cos(pitch)])
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def _sway(frames: int, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth wandering of zero mean over about a second."""
    noise = gaussian_filter1d(rng.standard_normal(frames), 4.0, mode="reflect")
    return deviation * noise / noise.std() if frames > 1 else np.zeros(frames)
