"""``recon synth``: made scenes, as training pictures with exact depth or as whole captures."""

import os
import re
import time
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from recon.cli import console, options
from recon.errors import UsageError


def synth(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.", show_default=False)],
    scenes: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    kind: Annotated[str, typer.Option(help="room or street.")] = "room",
    views: Annotated[int, typer.Option(min=1, max=999, help="Pictures of each scene.")] = 8,
    size: Annotated[str, typer.Option(help="Of the pictures, WxH in pixels.")] = "640x480",
    form: Annotated[
        str, typer.Option("--as", help="triples: image/ and depth/; or captures: zips with their true mesh.")
    ] = "triples",
    renderer: Annotated[
        str, typer.Option(help="torch, or mitsuba: photorealistic, an extra of the package.")
    ] = "torch",
    furniture: Annotated[
        Path | None, typer.Option(help="Folder of Sweet Home 3D libraries (.sh3f) to furnish with.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Scene i of a seed is always the same.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="one a core, on a GPU 1")
    ] = None,
    device: Annotated[str, typer.Option(help="Of the renderer torch: auto, cpu, cuda or cuda:N.")] = "auto",
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Make furnished scenes with exact depth, to train on or to test with.

    Scenes that are there already are kept, so the same command takes up where it was interrupted.

    recon synth --out made --scenes 1000
    recon synth --out made --scenes 1000 --renderer mitsuba --furniture models/
    recon synth --out captures --scenes 3 --as captures --views 60
    """
    from recon.depth.torch_engine import torch_device
    from train.synthetic import production as making

    for name, value, known in (("kind", kind, making.Kind), ("as", form, making.Form),
                               ("renderer", renderer, making.Engine)):  # fmt: skip
        if value not in get_args(known):
            raise UsageError(f"--{name} is {value}; it must be {' or '.join(get_args(known))}")
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size)
    if match is None:
        raise UsageError(f"--size is {size}; give width and height in pixels, as in 640x480")
    order = making.Production(
        folder=out, kind=kind, form=form, engine=renderer, views=views,  # type: ignore[arg-type]
        width=int(match[1]), height=int(match[2]), seed=seed, furniture=furniture,
        device=str(torch_device(device)),
    )  # fmt: skip
    making.require_renderer(order)
    processes = min(scenes, workers or (1 if order.device.startswith("cuda") else os.cpu_count() or 1))
    started = time.monotonic()
    rendered = kept = 0
    with console.verbose_log(verbose), console.log_file(out / "log.txt"), console.progress(quiet or as_json) as tell:
        tell("render", 0, scenes * views)
        for made in making.make_scenes(order, range(scenes), processes):
            rendered += made.rendered
            kept += made.kept
            tell("render", rendered + kept, scenes * views)
    summary: dict[str, Any] = {
        "out": str(out), "scenes": scenes, "pictures": rendered + kept, "rendered": rendered, "kept": kept,
        "seconds": round(time.monotonic() - started, 1),
    }  # fmt: skip
    if as_json:
        console.print_json(summary)
    elif not quiet:
        console.print_table(str(out), [(name, summary[name]) for name in ("scenes", "rendered", "kept", "seconds")])
