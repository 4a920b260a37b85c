"""Options that several commands share, each with its help; their defaults are those of ``Settings``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from recon.settings import Settings, read_toml

DEFAULTS = Settings()
CHOICE = "Frames"
DEPTH = "Depth"
DRIVE = "Drives"
RUN = "Run"

CaptureArgument = Annotated[Path, typer.Argument(help="A capture: folder, zip or .r3d.", show_default=False)]


def _option(help_text: str, default: object, panel: str) -> Any:
    """An option that is None unless given, and shows the default that then holds."""
    return typer.Option(help=help_text, show_default=str(default), rich_help_panel=panel)


Depth = Annotated[str | None, _option("sensor, model, or auto: sensor on drives, else model.", DEFAULTS.depth, DEPTH)]
Model = Annotated[
    str | None, typer.Option(help="Network by name (see recon models), or a file of weights.", rich_help_panel=DEPTH)
]
Device = Annotated[str | None, _option("auto, cpu, cuda, cuda:N or mps.", DEFAULTS.device, DEPTH)]
Engine = Annotated[
    str | None, _option("torch, or openvino: faster on CPUs, an extra of the package.", DEFAULTS.engine, DEPTH)
]
Precision = Annotated[
    str | None, _option("fp32, bf16, or fp16 with torch.", "bf16 on CUDA that has it, else fp32", DEPTH)
]
Compile = Annotated[
    bool | None,
    typer.Option(
        "--compile/--no-compile",
        help="Run the network through torch.compile: minutes at first, then faster.",
        show_default="no",
        rich_help_panel=DEPTH,
    ),
]
BatchSize = Annotated[int | None, _option("Pictures predicted at once.", "1, on CUDA what fits", DEPTH)]
Resolution = Annotated[str | None, _option("Of predicted depth: native, or WxH in pixels.", "long side 1008", DEPTH)]
MinConfidence = Annotated[
    int | None,
    _option("0, 1 or 2: least confidence of the sensor that counts.", "2 if a phone's depth is fused, else 1", DEPTH),
]
MaxUncertainty = Annotated[
    float | None, _option("Share of the depth beyond which a network's doubt leaves a hole.", "0.03 in meshes", DEPTH)
]
MaxDepth = Annotated[float | None, _option("Metres beyond which depth is ignored.", "5, on drives 60", DEPTH)]
Keyframes = Annotated[str | None, _option("auto, all, or N for every Nth frame.", DEFAULTS.keyframes, CHOICE)]
MaxFrames = Annotated[int | None, _option("At most so many, spread evenly.", "no limit", CHOICE)]
Start = Annotated[int | None, _option("Number of the first frame.", "the first", CHOICE)]
Stop = Annotated[int | None, _option("Number of the frame to stop before.", "none", CHOICE)]
Poses = Annotated[
    str | None,
    _option("capture, lidar (of drives), or a TUM or KITTI file of T_world_camera.", DEFAULTS.poses, CHOICE),
]
Camera = Annotated[
    list[str] | None,
    typer.Option(help="Of a drive, such as front; repeat for several.", show_default="all", rich_help_panel=DRIVE),
]
Sweeps = Annotated[
    int | None, _option("LiDAR sweeps before and after a picture's own that add to its depth.", DEFAULTS.sweeps, DRIVE)
]
BeyondLidar = Annotated[
    bool | None,
    typer.Option(
        "--beyond-lidar",
        help="Keep predicted depth that no LiDAR supports, as in the sky.",
        show_default=False,
        rich_help_panel=DRIVE,
    ),
]
Workers = Annotated[int | None, _option("Threads that decode pictures.", DEFAULTS.workers, RUN)]
ConfigFile = Annotated[
    Path | None, typer.Option(help="A run's settings.toml; options given here win over it.", rich_help_panel=RUN)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.", rich_help_panel=RUN)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log and tracebacks on stderr.", rich_help_panel=RUN)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.", rich_help_panel=RUN)]
Json = Annotated[bool, typer.Option("--json", help="A summary as JSON on stdout.", rich_help_panel=RUN)]


def settings_from(config: Path | None, given: dict[str, Any], defaults: Settings = DEFAULTS) -> Settings:
    """Defaults, then the file's values, then the options that were given."""
    settings = defaults.updated(read_toml(config), str(config)) if config is not None else defaults
    return settings.updated({name: value for name, value in given.items() if value is not None}, "options")
