"""``recon eval-tsdf``: how good a mesh is, by the field's protocols."""

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recon import atomic
from recon.cli import console, options
from recon.cli.outputs import require_place
from recon.errors import UsageError
from recon.evaluation.protocols import PROTOCOLS, SURFACE, THRESHOLD, Fusion, Protocol

if TYPE_CHECKING:
    from recon.captures.base import Up
    from recon.evaluation.alignment import Alignment
    from recon.evaluation.mesh_scores import MeshScores
    from recon.evaluation.views import Views
    from recon.fusion.mesh import Mesh

OUTPUT = "Output"
COLUMNS = (
    "predicted", "ground_truth", "protocol", "threshold", "accuracy", "completeness", "chamfer", "precision",
    "recall", "f_score", "normal_consistency", "reason",
)  # fmt: skip
RED_THRESHOLDS = 2.0  # of the error map's scale, at and beyond which it is red


def _output(help_text: str) -> Any:
    return typer.Option(help=help_text, show_default=False, rich_help_panel=OUTPUT)


def eval_tsdf(
    predicted: Annotated[Path, typer.Argument(help="Mesh or cloud: .ply .obj .glb .stl .off", show_default=False)],
    ground_truth: Annotated[Path, typer.Argument(help="The same of the truth.", show_default=False)],
    protocol: Annotated[str, typer.Option(help=" ".join(p.name for p in PROTOCOLS))] = SURFACE.name,
    threshold: Annotated[
        list[float] | None,
        typer.Option(
            help="Metres; may be given several times, the first is the headline.", show_default=str(THRESHOLD)
        ),
    ] = None,
    cameras: Annotated[
        Path | None,
        typer.Option(
            help="Run folder or capture: what its cameras did not see is left out.", show_default="all counts"
        ),
    ] = None,
    max_depth: Annotated[
        float | None, typer.Option(help="Metres that the cameras see.", show_default="the run's, no limit of a capture")
    ] = None,
    align: Annotated[str, typer.Option(help="none, or icp: move the prediction onto the truth first.")] = "none",
    seed: Annotated[int, typer.Option(min=0, help="Draws the points that are compared.")] = 0,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Table to write.", rich_help_panel=OUTPUT)] = None,
    errors: Annotated[Path | None, _output("Prediction coloured by its error, .ply to write.")] = None,
    picture: Annotated[Path | None, _output("Picture of that, .png to write.")] = None,
    report: Annotated[Path | None, _output("Page with all of it, .html to write; the mesh can be turned.")] = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Compare a mesh with the ground truth.

    recon eval-tsdf room.ply truth.ply
    recon eval-tsdf room.ply truth.ply --protocol neuralrecon --cameras scan.zip --json
    recon eval-tsdf room.ply truth.ply --threshold 0.02 --threshold 0.05 --errors errors.ply
    """
    chosen = _protocol(protocol)
    if align not in ("none", "icp"):
        raise UsageError(f"align is {align}; it must be none or icp")
    if max_depth is not None and (cameras is None or not max_depth > 0):
        raise UsageError(f"max-depth is {max_depth:g}; it must be above 0, and goes with --cameras")
    if max_depth is not None and chosen.views == "rerender":
        raise UsageError(f"max-depth is {max_depth:g}, but {chosen.name} has its own depth cut; leave it out")
    for path, suffix in ((csv_file, ".csv"), (errors, ".ply"), (picture, ".png"), (report, ".html")):
        require_place(path, suffix, overwrite)

    from recon.evaluation.evaluate import evaluate  # Open3D takes seconds to import
    from recon.fusion.mesh_files import read_shape

    with console.verbose_log(verbose):
        prediction, truth = read_shape(predicted), read_shape(ground_truth)
        views = None if cameras is None else _views(cameras, max_depth)
        with console.progress(quiet or as_json) as tell:
            scores = evaluate(prediction, truth, chosen, views, threshold or (), align == "icp", seed, tell)
        names = {"predicted": str(predicted), "ground_truth": str(ground_truth)}
        summary = {**names, "cameras": None if cameras is None else str(cameras), **scores.as_json()}
        if csv_file is not None:
            atomic.write_bytes(csv_file, _csv(summary).encode(errors="backslashreplace"))
        if as_json:
            console.print_json(summary)
        elif not quiet:
            console.print_table(f"{predicted} against {ground_truth}", _lines(scores))
        if errors is not None or picture is not None or report is not None:
            settings = _settings(names, scores, cameras, views, seed)
            _write_errors(prediction, truth, scores, views, settings, errors, picture, report)


def _protocol(name: str) -> Protocol:
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise UsageError(f"protocol is {name}; it must be one of {', '.join(p.name for p in PROTOCOLS)}")


def _views(path: Path, max_depth: float | None) -> "Views":
    import dataclasses

    from recon.evaluation.views import read_views

    views = read_views(path)
    return views if max_depth is None else dataclasses.replace(views, reach=max_depth)


def _csv(summary: dict[str, Any]) -> str:
    """One row a threshold."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for shares in summary["thresholds"]:
        writer.writerow(summary | shares)
    return text.getvalue()


def _write_errors(
    prediction: "Mesh",
    truth: "Mesh",
    scores: "MeshScores",
    views: "Views | None",
    settings: dict[str, str],
    errors: Path | None,
    picture: Path | None,
    report: Path | None,
) -> None:
    """What is asked for of mesh, page and picture, all in the truth's world."""
    from recon.evaluation.error_map import colored_by_error
    from recon.fusion.mesh_files import write_mesh
    from recon.report.evaluation import mesh_evaluation_report
    from recon.report.html import write_report

    limit = RED_THRESHOLDS * scores.shares[0].threshold
    colored = colored_by_error(prediction, truth, scores.alignment, limit)
    if views is not None and scores.alignment is not None:
        views = _aligned(views, truth, scores.alignment)
    if errors is not None:
        write_mesh(colored, errors)
    if report is not None:
        up: Up = "unknown" if views is None else views.up
        T_world_camera = None if views is None else views.T_world_camera
        title = f"{Path(settings['predicted']).name} against {Path(settings['ground truth']).name}"
        page = mesh_evaluation_report(title, scores, colored, limit, settings, up, T_world_camera)
        write_report(report, page)
    if picture is not None:
        _write_picture(picture, colored, views)


def _write_picture(path: Path, colored: "Mesh", views: "Views | None") -> None:
    import cv2

    from recon.evaluation.error_map import viewpoint
    from recon.evaluation.mesh_metrics import triangle_areas
    from recon.report.preview import render_preview

    if not triangle_areas(colored).any():
        raise UsageError(f"{path}: no picture of a prediction without surface; give a mesh or no --picture")
    image = (
        render_preview(colored, viewpoint(colored), "y")
        if views is None
        else render_preview(colored, views.T_world_camera, views.up)
    )
    atomic.write_bytes(path, cv2.imencode(".png", image[..., ::-1])[1].tobytes())


def _aligned(views: "Views", truth: "Mesh", alignment: "Alignment") -> "Views":
    """The cameras moved as the prediction was, around the middle of the truth."""
    import numpy as np

    from recon.evaluation.usable import centred, usable
    from recon.geometry.transforms import rigid

    centre = centred(usable(truth, "truth")[0])
    return views.moved(rigid(np.eye(3), centre) @ alignment.T_truth_prediction @ rigid(np.eye(3), -centre))


def _settings(
    names: dict[str, str], scores: "MeshScores", cameras: Path | None, views: "Views | None", seed: int
) -> dict[str, str]:
    """What the numbers depend on beside the protocol, for the page."""
    settings = {"predicted": names["predicted"], "ground truth": names["ground_truth"]}
    settings["cameras"] = "none: all counts" if cameras is None else str(cameras)
    if views is not None and scores.protocol.views != "rerender":
        settings["cameras see"] = "any depth" if math.isinf(views.reach) else f"to {views.reach:g} m"
    settings["alignment"] = "none" if scores.alignment is None else "ICP"
    if scores.protocol.fusion is not None:
        settings["meant for"] = _fusion(scores.protocol.fusion)
    return settings | {"seed": str(seed)}


def _fusion(fusion: Fusion) -> str:
    return f"voxels of {fusion.voxel_size:g} m, truncation {fusion.truncation:g} m, depth to {fusion.depth_max:g} m"


def _lines(scores: "MeshScores") -> list[tuple[str, Any]]:
    def metres(value: float) -> str:
        return "unknown" if value != value else f"{value:.4f} m"

    lines: list[tuple[str, Any]] = [("protocol", scores.protocol.name)]
    for name, direction in (("accuracy", scores.accuracy), ("completeness", scores.completeness)):
        spread = f"median {metres(direction.median)}, 95 % below {metres(direction.percentile_95)}"
        lines.append((name, f"{metres(direction.mean)} ({spread})"))
    lines.append(("chamfer", metres(scores.chamfer)))
    for s in scores.shares:
        shares = f"precision {s.precision:.4f}, recall {s.recall:.4f}, F-score {s.f_score:.4f}"
        lines.append((f"within {100 * s.threshold:g} cm", shares))
    consistency = scores.normal_consistency
    lines.append(("normals agree", "unknown" if consistency != consistency else f"{consistency:.4f}"))
    counts = scores.counts
    unseen = f", unseen {counts.predicted_unseen:,} and {counts.truth_unseen:,}"
    lines.append(("points compared", f"{counts.predicted:,} predicted, {counts.truth:,} true{unseen}"))
    if scores.protocol.fusion is not None:
        lines.append(("meant for", _fusion(scores.protocol.fusion)))
    if scores.reason is not None:
        lines.append(("nothing to score", scores.reason))
    return [*lines, *[("note", note) for note in scores.notes]]
