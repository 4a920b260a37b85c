"""``recon depth``: depth maps of a capture, or of one picture with its coarse depth."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from recon.cli import console, options
from recon.errors import UsageError
from recon.settings import Settings

PICTURES = (".jpg", ".jpeg", ".png")
FORMATS = ("png", "exr", "npz")


def depth(
    capture: Annotated[Path, typer.Argument(help="A capture, or one picture with --prompt.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder; for one picture its depth: .png .exr .npz")],
    prompt: Annotated[
        Path | None, typer.Option(help="Coarse depth of the picture: 16-bit PNG in mm, EXR, npz.")
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="png (millimetres to 65 m), exr or npz (metres).")
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="Also pictures beside depth as a video.")] = False,
    source: Annotated[
        str | None, typer.Option("--depth", help="model or sensor: whose depth.", rich_help_panel=options.DEPTH)
    ] = None,
    model: options.Model = None,
    device: options.Device = None,
    engine: options.Engine = None,
    precision: options.Precision = None,
    compile: options.Compile = None,
    batch_size: options.BatchSize = None,
    resolution: options.Resolution = None,
    min_confidence: options.MinConfidence = None,
    max_depth: options.MaxDepth = None,
    max_uncertainty: options.MaxUncertainty = None,
    keyframes: options.Keyframes = None,
    max_frames: options.MaxFrames = None,
    start: options.Start = None,
    stop: options.Stop = None,
    poses: options.Poses = None,
    camera: options.Camera = None,
    sweeps: options.Sweeps = None,
    beyond_lidar: options.BeyondLidar = None,
    workers: options.Workers = None,
    config: options.ConfigFile = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Write metric depth, per frame or for one picture.

    recon depth scan.zip --out depth --model vits
    recon depth photo.jpg --prompt lidar.png --out depth.png --model vits
    """
    given: dict[str, Any] = {
        "depth": source, "model": model, "device": device, "engine": engine, "precision": precision,
        "compile": compile, "batch_size": batch_size, "resolution": resolution,
        "min_confidence": min_confidence, "max_depth": max_depth, "max_uncertainty": max_uncertainty,
        "keyframes": keyframes, "max_frames": max_frames,
        "start": start, "stop": stop, "poses": poses, "workers": workers,
            "camera": ",".join(camera) if camera else None, "sweeps": sweeps, "beyond_lidar": beyond_lidar,
    }  # fmt: skip
    settings = options.settings_from(config, given, Settings(keyframes="all"))
    silent = quiet or as_json
    if prompt is not None:
        if video or file_format is not None:
            raise UsageError("--video and --format are for captures; one picture's format is the extension of --out")
        if settings.depth == "sensor":
            raise UsageError("--depth sensor goes with captures; depth of one picture is a network's")
        from promptda.zoo import SHIPPED

        with console.verbose_log(verbose), console.downloads(silent):
            settings = dataclasses.replace(settings, depth="model", model=settings.model or SHIPPED)
            if not silent:
                console.announce(settings)
            written = _one_picture(capture, prompt, out, settings, overwrite)
        if as_json:
            console.print_json(written)
        elif not quiet:
            typer.echo(written["out"])
        return
    if capture.is_file() and capture.suffix.lower() in PICTURES:
        raise UsageError(f"{capture}: a single picture needs its coarse depth; give it with --prompt lidar.png")
    chosen = file_format or FORMATS[0]
    if chosen not in FORMATS:
        raise UsageError(f"format is {chosen}; it must be {', '.join(FORMATS)}")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: a file, but depth of a capture goes into a folder; give another --out")

    import recon
    from recon.depth_maps import holds_finished_run, write_depth_maps
    from recon.plan import decided

    if not overwrite and holds_finished_run(out):
        raise UsageError(f"{out}: not empty; give --overwrite or another --out")

    with (
        console.verbose_log(verbose),
        console.downloads(silent),
        recon.open_capture(capture) as opened,
        console.log_file(out / "log.txt"),
        console.progress(silent) as tell,
    ):
        if not silent:
            console.announce(decided(settings, opened.table))
        metrics = write_depth_maps(opened, settings, out, chosen, video, tell)  # type: ignore[arg-type]
    if as_json:
        console.print_json(metrics)
    elif not quiet:
        console.print_table(str(out), console.fate_lines(metrics))


def _one_picture(picture: Path, prompt: Path, out: Path, settings: Settings, overwrite: bool) -> dict[str, Any]:
    suffix = out.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise UsageError(f"{out}: depth of one picture is written as .png, .exr or .npz; give --out depth.png")
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: exists already; give --overwrite or another --out")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: no such folder; make it or give another --out")
    if not picture.is_file() or picture.suffix.lower() not in PICTURES:
        raise UsageError(f"{picture}: no picture; --prompt goes with one picture, a .jpg or .png")
    from recon.captures.images import decode_image
    from recon.depth.depth_io import read_depth, write_depth
    from recon.depth.predictor import Predictor, predict_depth

    image = decode_image(picture.read_bytes(), str(picture))
    prompt_depth = read_depth(prompt)
    depth = predict_depth(image, prompt_depth, Predictor.load(settings))
    write_depth(out, depth, suffix)  # type: ignore[arg-type]
    return {"out": str(out), "size": [depth.shape[1], depth.shape[0]], "model": settings.model}
