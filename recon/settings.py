"""Everything that decides the outcome of a reconstruction, in one frozen value."""

import dataclasses
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import tomli_w

from recon.errors import UsageError

SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
TYPE_WORDS = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
MAX_BATCH = 256  # pictures
MAX_SWEEPS = 20  # to either side; two seconds
MAX_TOML_BYTES = 1_000_000  # a run writes about one thousand
MAX_SIDE_PX = 8192  # of predicted depth; no phone's camera has more


@dataclass(frozen=True)
class Settings:
    """What the options of ``recon CAPTURE`` set, with their defaults; checked on construction.

    None stands for a choice that the reconstruction makes from the capture and reports.
    """

    # sensor, model, or auto: model where one is named or a phone made pictures, else sensor
    depth: str = "auto"
    model: str | None = None  # a name that `promptda.load` knows, or a file of weights; None: the one that ships
    device: str = "auto"  # auto, cpu, cuda, cuda:N, mps
    resolution: str = "auto"  # of predicted depth: auto (long side 1008), native, or WxH in pixels
    engine: str = "torch"  # torch or openvino: what runs the network
    precision: str = "auto"  # auto (bf16 on CUDA where it can, else fp32), fp32, bf16, fp16
    compile: bool = False  # run the network through torch.compile: minutes once, kept in a cache, faster then
    batch_size: int | None = None  # pictures predicted at once; None: 1 on CPU, on CUDA what fits in its memory

    keyframes: str = "auto"  # auto (by motion and sharpness), all, or N for every Nth frame
    max_frames: int | None = None  # at most so many, spread evenly
    start: int | None = None  # the capture's own frame numbers; stop is excluded
    stop: int | None = None

    poses: str = "capture"  # or lidar (from a drive's sweeps), or a TUM or KITTI text file of T_world_camera

    # Of drives:
    camera: str = ""  # names of the cameras to use, parted by commas; all if none is named
    sweeps: int = 0  # LiDAR sweeps before and after a picture's own that add to its depth
    beyond_lidar: bool = False  # keep what the network predicts where no LiDAR reaches, as in the sky

    min_confidence: int | None = None  # 0..2; None: 2 where a phone's depth is fused, 1 in prompts and on drives
    # Laplace scale of log depth above which a network's depth is left out; None: 0.03 in meshes, else no limit.
    max_uncertainty: float | None = None
    max_depth: float | None = None  # metres, beyond which nothing is fused; None: 5 in rooms, 60 on drives
    voxel_size: float | None = None  # metres; None: from the room's extent and the depth's resolution
    simplify: int | None = None  # triangles to keep

    workers: int = 2  # threads that decode pictures

    def __post_init__(self) -> None:
        _require(self.depth in ("auto", "model", "sensor"), "depth", self.depth, "auto, model or sensor")
        _require(
            re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device) is not None,
            "device", self.device, "auto, cpu, cuda, cuda:N or mps",
        )  # fmt: skip
        _require(
            self.resolution in ("auto", "native") or all(1 <= side <= MAX_SIDE_PX for side in self.size or (0, 0)),
            "resolution", self.resolution, f"native or WIDTHxHEIGHT up to {MAX_SIDE_PX}, as in 1008x756",
        )  # fmt: skip
        _require(self.engine in ("torch", "openvino"), "engine", self.engine, "torch or openvino")
        _require(
            self.engine == "torch" or self.device in ("auto", "cpu"),
            "device", self.device, "cpu with --engine openvino, which runs on nothing else",
        )  # fmt: skip
        _require(self.precision in PRECISIONS, "precision", self.precision, ", ".join(PRECISIONS))
        _require(
            self.precision != "fp16" or self.engine == "torch",
            "precision", self.precision, "fp32 or bf16 with --engine openvino",
        )  # fmt: skip
        _require(
            not self.compile or self.engine == "torch",
            "compile", "on", "off with --engine openvino, which compiles by itself",
        )  # fmt: skip
        _require(
            self.batch_size is None or 1 <= self.batch_size <= MAX_BATCH,
            "batch_size", self.batch_size, f"from 1 to {MAX_BATCH}",
        )  # fmt: skip
        _require(
            self.keyframes in ("auto", "all") or (self.keyframes.isdecimal() and int(self.keyframes) > 0),
            "keyframes", self.keyframes, "auto, all or a positive number",
        )  # fmt: skip
        _require(self.max_frames is None or self.max_frames > 0, "max_frames", self.max_frames, "at least 1")
        _require(
            self.start is None or self.stop is None or self.start < self.stop,
            "stop", self.stop, f"above start, which is {self.start}",
        )  # fmt: skip
        _require(self.min_confidence in (None, 0, 1, 2), "min_confidence", self.min_confidence, "0, 1 or 2")
        _require(
            self.max_depth is None or 0 < self.max_depth < 1000,
            "max_depth", self.max_depth, "metres between 0 and 1000",
        )  # fmt: skip
        _require(
            self.max_uncertainty is None or self.max_uncertainty > 0,
            "max_uncertainty", self.max_uncertainty, "above 0, as in 0.03",
        )  # fmt: skip
        _require(0 <= self.sweeps <= MAX_SWEEPS, "sweeps", self.sweeps, f"from 0 to {MAX_SWEEPS}")
        _require(
            self.voxel_size is None or 0.0005 <= self.voxel_size <= 10,
            "voxel_size", self.voxel_size, "metres from 0.0005 to 10",
        )  # fmt: skip
        _require(self.simplify is None or self.simplify >= 4, "simplify", self.simplify, "at least 4 triangles")
        _require(1 <= self.workers <= 64, "workers", self.workers, "from 1 to 64")

    @property
    def uses_model(self) -> bool:
        """Whether depth is predicted; of settings that ``plan.decided`` has seen."""
        return self.depth == "model"

    @property
    def cameras(self) -> list[str] | None:
        """Names of the cameras to use; None for all."""
        return [name.strip() for name in self.camera.split(",") if name.strip()] or None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height that ``resolution`` names in pixels, if it does."""
        match = SIZE.fullmatch(self.resolution)
        return (int(match[1]), int(match[2])) if match else None

    def to_toml(self) -> str:
        """The settings as TOML text; a choice left open is left out."""
        return tomli_w.dumps({name: value for name, value in dataclasses.asdict(self).items() if value is not None})

    @classmethod
    def from_toml(cls, path: Path) -> "Settings":
        """Settings that an earlier run wrote; ``UsageError`` names what does not fit."""
        return cls().updated(read_toml(path), str(path))

    def updated(self, values: dict[str, Any], where: str) -> "Settings":
        """With these values in place of its own; ``where`` begins the sentence if one does not fit."""
        known = {field.name: _plain_type(field.type) for field in fields(self)}
        fitting: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise UsageError(f"{where}: no setting is called {name!r}; there are {', '.join(known)}")
            if type(value) is int and known[name] is float:
                value = float(value)
            if type(value) is not known[name]:
                raise UsageError(f"{where}: {name} is {value!r}; it must be {TYPE_WORDS[known[name]]}")
            fitting[name] = value
        try:
            return dataclasses.replace(self, **fitting)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a settings file."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TOML_BYTES + 1)  # a device has no end
        if len(content) > MAX_TOML_BYTES:
            raise UsageError(f"{path}: too long for settings; give a run's settings.toml")
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give a run's settings.toml") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file ({error}); give a run's settings.toml") from error


def _plain_type(annotation: Any) -> type:
    """The type itself, or that of an optional value."""
    (plain,) = (kind for kind in get_args(annotation) or (annotation,) if kind is not type(None))
    return plain


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise UsageError(f"{name.replace('_', '-')} is {value}; it must be {wanted}")
