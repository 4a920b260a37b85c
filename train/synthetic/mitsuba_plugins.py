"""Mitsuba's descriptions of materials, lights and cameras of a scene."""

from typing import Any

import numpy as np
from jaxtyping import Float

from recon.errors import UsageError
from train.synthetic.scene import Lamp, Material, Sky, Sun, View

MIRROR_GLOSS = 0.25  # from here on a surface mirrors as metals do; below, as varnish and plastic
SKY_ROWS = 32
WINDOW = 0.5  # steradians; how much of the sky, or the chance of the sun, a place indoors has
LEAST_WEIGHT = 1e-3  # of choosing a light, in the irradiance it gives 2 m away


def _rgb(colour: np.ndarray) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(c) for c in colour]}


def _linear(texture: np.ndarray) -> np.ndarray:
    """sRGB bytes to linear light (IEC 61966-2-1)."""
    encoded = texture.astype(np.float32) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _bitmap(mi: Any, linear: np.ndarray) -> dict[str, Any]:
    """A repeating texture; its first row is the top, where v is 1."""
    return {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(linear)), "raw": True}


def bsdf(mi: Any, material: Material) -> dict[str, Any]:
    """Matte, varnished (mirroring more at grazing angles, Schlick's F0 = gloss) or metallic; from both sides."""
    albedo = _bitmap(mi, np.clip(_linear(material.texture), 0.0, 0.95))
    alpha = max(material.roughness, 0.03)
    if material.gloss <= 0:
        inner: dict[str, Any] = {"type": "diffuse", "reflectance": albedo}
    elif material.gloss < MIRROR_GLOSS:
        root = float(np.sqrt(material.gloss))
        inner = {"type": "principled", "base_color": albedo, "roughness": alpha, "eta": (1 + root) / (1 - root)}
    else:
        mirror = {"type": "roughconductor", "material": "none", "alpha": alpha**2, "distribution": "ggx"}
        matte = {"type": "diffuse", "reflectance": albedo}
        inner = {"type": "blendbsdf", "weight": min(material.gloss, 1.0), "matte": matte, "mirror": mirror}
    return {"type": "twosided", "inner": inner}


def glow(mi: Any, material: Material, lamp: Lamp | None, positions: np.ndarray, uv: np.ndarray) -> dict[str, Any]:
    """Emission in multiples of the albedo, or what gives a room the light of the lamp inside.

    A convex body of surface A shows A / 4 on average (Cauchy), so radiance ``4 power / A`` gives
    the irradiance ``power / distance**2``. Only a flat picture shows its texture: Mitsuba finds the
    points to sample by their texture coordinates, which must not be shared by two of them.
    """
    albedo = _linear(material.texture)
    if lamp is not None:
        mean = albedo.mean(axis=(0, 1))
        radiance = mean / max(float(mean.mean()), 1e-3) * 4 * lamp.power / _area(positions)
        return {"type": "area", "radiance": _rgb(radiance), "sampling_weight": _weight(lamp.power / 4)}
    weight = _weight(albedo * (material.emission * _area(positions) / 4))
    if np.isfinite(uv).all() and uv.min() >= -1e-4 and uv.max() <= 1 + 1e-4 and _is_flat(positions):
        shown = _bitmap(mi, albedo * np.float32(material.emission))
        return {"type": "area", "radiance": shown, "sampling_weight": weight}
    return {"type": "area", "radiance": _rgb(albedo.mean(axis=(0, 1)) * material.emission), "sampling_weight": weight}


def _is_flat(positions: np.ndarray) -> bool:
    return bool(np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)[-1] < 1e-3)


def faces_inwards(positions: np.ndarray, eyes: np.ndarray) -> bool:
    """Whether a glowing body's triangles wind the wrong way: away from the cameras if it is flat."""
    a, b, c = positions[0::3], positions[1::3], positions[2::3]
    away = np.cross(b - a, c - a)
    inside = eyes.mean(axis=0) if _is_flat(positions) else positions.mean(axis=0)
    outwards = float((away * (a - inside)).sum())
    return outwards > 0 if _is_flat(positions) else outwards < 0


def sunlight(sun: Sun) -> dict[str, Any]:
    return {
        "type": "directional",
        "direction": (-sun.direction).tolist(),
        "irradiance": _rgb(sun.irradiance),
        "sampling_weight": _weight(sun.irradiance * WINDOW),
    }


def ball(centre: Float[np.ndarray, " 3"], radius: float, power: Float[np.ndarray, " 3"]) -> dict[str, Any]:
    """A glowing sphere that gives the irradiance ``power / distance**2``."""
    radiance = power / (np.pi * radius**2)
    return {
        "type": "sphere",
        "center": centre.tolist(),
        "radius": radius,
        "emitter": {"type": "area", "radiance": _rgb(radiance), "sampling_weight": _weight(power / 4)},
    }


def sky_dome(mi: Any, sky: Sky) -> dict[str, Any]:
    """Radiance from zenith (first row) to horizon; below it as at the horizon."""
    height = np.sin(np.pi * (0.5 - (np.arange(SKY_ROWS) + 0.5) / SKY_ROWS))
    share = np.clip(height, 0, 1)[:, None]
    rows = (share * sky.zenith + (1 - share) * sky.horizon).astype(np.float32)
    picture = mi.Bitmap(np.repeat(rows[:, None], 2 * SKY_ROWS, axis=1))
    return {"type": "envmap", "bitmap": picture, "sampling_weight": _weight(rows * WINDOW)}


def sensor(mi: Any, view: View) -> dict[str, Any]:
    """A pinhole whose own axes are x left, y up, z forward."""
    camera = view.camera
    if abs(camera.fx / camera.fy - 1) > 1e-3:
        raise UsageError(f"photoreal rendering: fx {camera.fx} differs from fy {camera.fy}; give square pixels")
    turned = view.T_world_camera @ np.diag([-1.0, -1.0, 1.0, 1.0])
    return {
        "type": "perspective",
        "fov_axis": "x",
        "fov": float(np.degrees(2 * np.arctan(camera.width / (2 * camera.fx)))),
        "near_clip": 0.01,
        "principal_point_offset_x": 0.5 - (camera.cx + 0.5) / camera.width,
        "principal_point_offset_y": 0.5 - (camera.cy + 0.5) / camera.height,
        "to_world": mi.ScalarTransform4f(turned.tolist()),
        "film": {
            "type": "hdrfilm",
            "width": camera.width,
            "height": camera.height,
            "pixel_format": "rgb",
            "rfilter": {"type": "box"},
        },
        "sampler": {"type": "independent"},
    }


def _area(positions: np.ndarray) -> float:
    a, b, c = positions[0::3], positions[1::3], positions[2::3]
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def _weight(irradiance: np.ndarray) -> float:
    """How often paths aim at a light, beside others: as much as it gives, roughly, never quite never."""
    return max(float(np.mean(irradiance)), LEAST_WEIGHT)
