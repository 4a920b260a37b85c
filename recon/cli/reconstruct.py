"""``recon CAPTURE``: the main job."""

from pathlib import Path
from typing import Annotated, Any

import typer

from recon.cli import console, options
from recon.errors import UsageError


def reconstruct(
    capture: options.CaptureArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Mesh to write: .ply .obj .glb .stl .off")] = Path(
        "mesh.ply"
    ),
    depth: options.Depth = None,
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
    voxel_size: Annotated[
        float | None, typer.Option(help="Metres.", show_default="chosen from the scene, about 0.01 for a room")
    ] = None,
    simplify: Annotated[int | None, typer.Option(help="Triangles to keep.", show_default="all")] = None,
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
    run_dir: Annotated[
        Path | None,
        typer.Option(help="Where the run is recorded.", show_default="<out>_run", rich_help_panel=options.RUN),
    ] = None,
    overwrite: options.Overwrite = False,
    resume: Annotated[
        bool, typer.Option(help="Take up depth that an earlier run has predicted.", rich_help_panel=options.RUN)
    ] = True,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Turn a capture into a metric mesh.

    recon scan.zip --out room.glb
    recon scan.zip --voxel-size 0.02 --keyframes all
    recon scan.zip --depth model --model vits --device cuda
    """
    settings = options.settings_from(
        config,
        {
            "depth": depth, "model": model, "device": device, "engine": engine, "precision": precision,
            "compile": compile, "batch_size": batch_size, "resolution": resolution,
            "min_confidence": min_confidence, "max_depth": max_depth, "max_uncertainty": max_uncertainty,
            "voxel_size": voxel_size, "simplify": simplify, "keyframes": keyframes, "max_frames": max_frames,
            "start": start, "stop": stop, "poses": poses, "workers": workers,
            "camera": ",".join(camera) if camera else None, "sweeps": sweeps, "beyond_lidar": beyond_lidar,
        },
    )  # fmt: skip
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; give the name of a file")
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: exists already; give --overwrite or another --out")
    run_folder = run_dir or out.with_name(f"{out.stem}_run")
    silent = quiet or as_json

    import recon  # torch and Open3D take seconds to import
    from recon.fusion.mesh_files import check_mesh_path
    from recon.plan import decided

    with console.verbose_log(verbose), console.downloads(silent):
        check_mesh_path(out)
        with recon.open_capture(capture) as opened, console.log_file(run_folder / "log.txt"):
            if not silent:
                console.announce(decided(settings, opened.table))
                if not opened.table.has_image.any():
                    console.err.print(f"{opened.name}: no colour in this capture, so the mesh has none")
            with console.progress(silent) as tell:
                result = recon.reconstruct(opened, settings, out, tell, run_folder, resume)
    if as_json:
        console.print_json(result.metrics)
    elif not quiet:
        console.print_table(str(out), _summary(result.metrics, run_folder))


def _summary(metrics: dict[str, Any], run_folder: Path) -> list[tuple[str, Any]]:
    seconds = ", ".join(f"{stage} {value:.1f}" for stage, value in metrics["seconds"].items())
    memory = ", ".join(f"{value:,} after {stage}" for stage, value in metrics["peak_memory_mb_after"].items())
    return [
        *console.fate_lines(metrics),
        ("extent", " x ".join(f"{side:.2f}" for side in metrics["extent_m"]) + " m"),
        ("triangles", f"{metrics['triangles']:,}"),
        ("voxel size", f"{1000 * metrics['voxel_size_m']:g} mm"),
        ("seconds", seconds),
        ("peak memory", f"{memory} (MB)"),
        ("picture", run_folder / "preview.png"),
        ("report", run_folder / "report.html"),
    ]
