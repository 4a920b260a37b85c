"""Options that several commands share, each with its help; their defaults are those of ``Settings``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from recon.settings import Settings, read_toml

DEFAULTS = Settings()
CHOICE = "Frames"
DEPTH = "Depth"
RUN = "Run"

CaptureArgument = Annotated[Path, typer.Argument(help="A capture: folder, zip or .r3d.", show_default=False)]
Depth = Annotated[str | None, typer.Option(help="model or sensor: whose depth.", rich_help_panel=DEPTH)]
Model = Annotated[str | None, typer.Option(help="Network by name, or a file of weights.", rich_help_panel=DEPTH)]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=DEPTH)]
Resolution = Annotated[
    str | None,
    typer.Option(help="Of predicted depth: native, or WxH in pixels; else a long side of 1008.", rich_help_panel=DEPTH),
]
MinConfidence = Annotated[
    int | None, typer.Option(help="0, 1 or 2: least sensor confidence that counts.", rich_help_panel=DEPTH)
]
MaxDepth = Annotated[float | None, typer.Option(help="Metres beyond which depth is ignored.", rich_help_panel=DEPTH)]
Keyframes = Annotated[str | None, typer.Option(help="auto, all, or N for every Nth frame.", rich_help_panel=CHOICE)]
MaxFrames = Annotated[int | None, typer.Option(help="At most so many, spread evenly.", rich_help_panel=CHOICE)]
Start = Annotated[int | None, typer.Option(help="First frame number.", rich_help_panel=CHOICE)]
Stop = Annotated[int | None, typer.Option(help="Frame number to stop before.", rich_help_panel=CHOICE)]
Poses = Annotated[
    str | None, typer.Option(help="capture, or a TUM or KITTI file of T_world_camera.", rich_help_panel=CHOICE)
]
Workers = Annotated[int | None, typer.Option(help="Threads that decode pictures.", rich_help_panel=RUN)]
ConfigFile = Annotated[
    Path | None, typer.Option(help="A run's settings.toml; options given here win over it.", rich_help_panel=RUN)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.", rich_help_panel=RUN)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log and tracebacks on stderr.", rich_help_panel=RUN)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.", rich_help_panel=RUN)]
Json = Annotated[bool, typer.Option("--json", help="A summary as JSON on stdout.", rich_help_panel=RUN)]


def settings_from(config: Path | None, given: dict[str, Any]) -> Settings:
    """Defaults, then the file's values, then the options that were given."""
    settings = DEFAULTS.updated(read_toml(config), str(config)) if config is not None else DEFAULTS
    return settings.updated({name: value for name, value in given.items() if value is not None}, "options")
