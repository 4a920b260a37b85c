"""The report of a reconstruction."""

import csv
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from recon.captures.base import Capture, FrameTable
from recon.fates import SKIPPED, Fates
from recon.fusion.mesh import Mesh
from recon.report.depth_looks import DepthLooks
from recon.report.html import Block, Facts, Picture, Report, Section, Table, Text
from recon.report.mesh_view import MAX_TRIANGLES, MeshView
from recon.report.plots import Bars, Curves, Timeline
from recon.settings import Settings


def reconstruction_report(
    capture: Capture,
    table: FrameTable,
    settings: Settings,
    fates: Fates,
    metrics: Mapping[str, Any],
    mesh: Mesh,
    preview: UInt8[np.ndarray, "h w 3"],
    looks: DepthLooks,
) -> Report:
    """What came of a capture.

    Args:
        capture: that was fused.
        table: with the poses that were used.
        settings: as the run folder keeps them.
        fates: what became of each row of the table.
        metrics: what metrics.json holds.
        mesh: as written.
        preview: the picture from three sides, RGB.
        looks: were shown each frame that was fused.
    """
    used = np.array(fates.used)
    names = [table.camera_name[row] for row in used]
    paths = [table.T_world_camera[used[[name == camera for name in names]]] for camera in dict.fromkeys(names)]
    depth = f"depth of the network {metrics['model']}" if metrics["model"] else "depth of the sensor"
    sections = [
        Section("Mesh", [_mesh_view(capture, mesh, paths), Facts(_facts(metrics))]),
        Section("Pictures", [Picture(preview, "From above at an angle, from a place of the camera, from the top")]),
        Section("Frames", _frames(table, fates, metrics, looks)),
        Section("Depth", looks.blocks()),
        Section("Time", [_seconds(metrics), Text(_memory(metrics))]),
        Section("Settings", [Text(settings.to_toml(), code=True)], folded=True),
        Section(
            "All values", [Table(("name", "value"), [(name, _plain(value)) for name, value in metrics.items()])], True
        ),
    ]
    about = f"{capture.format}, {depth}, recon {version('promptda-recon')}"
    return Report(capture.name, about, [section for section in sections if section.blocks])


def _mesh_view(capture: Capture, mesh: Mesh, paths: Sequence[Float[np.ndarray, "n 4 4"]]) -> MeshView:
    reduced = "" if len(mesh.triangles) <= MAX_TRIANGLES else ", reduced for this page"
    return MeshView(mesh, f"{len(mesh.triangles):,} triangles{reduced}.", capture.up, paths)


def _facts(metrics: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "Frames used": f"{metrics['used']:,} of {metrics['frames']:,}",
        "Extent": " × ".join(f"{side:.2f}" for side in metrics["extent_m"]) + " m",
        "Triangles": f"{metrics['triangles']:,}",
        "Voxel size": f"{1000 * metrics['voxel_size_m']:g} mm",
        "Peak memory": f"{metrics['peak_memory_mb']:,} MB",
    }
    if "moving_share" in metrics:
        facts["Moving pixels left out"] = f"{100 * metrics['moving_share']:.1f} %"
    return facts


def _frames(table: FrameTable, fates: Fates, metrics: Mapping[str, Any], looks: DepthLooks) -> list[Block]:
    """Their fates in the order of recording, what is wrong with them, and how much depth they gave."""
    states = [
        (row["reason"] if row["state"] == SKIPPED else row["state"]).split(": ")[0]
        for row in csv.DictReader(fates.to_csv().splitlines())
    ]
    blocks: list[Block] = [Timeline(states)]
    found = [(f"used although: {what}", f"{count:,} frames", "") for what, count in metrics["noted"].items()]
    found += [
        (problem["what"], f"{problem['effect']}, {problem['count']:,}", problem["example"])
        for problem in metrics["problems"]
    ]
    if found:
        blocks.append(Table(("found in the capture", "what came of it", "first"), found))
    if len(fates.used) > 1 and len(looks.known) == len(fates.used):
        seconds = table.timestamp[fates.used] - table.timestamp[fates.used[0]]
        shares = {"pixels with depth that was fused": 100 * np.array(looks.known)}
        blocks.append(Curves(seconds, shares, "seconds", "% of the pixels"))
    return blocks


def _seconds(metrics: Mapping[str, Any]) -> Bars:
    return Bars({stage: (seconds, f"{seconds:.1f} s") for stage, seconds in metrics["seconds"].items()})


def _memory(metrics: Mapping[str, Any]) -> str:
    peaks = ", ".join(f"{peak:,} MB after {stage}" for stage, peak in metrics["peak_memory_mb_after"].items())
    return f"Stages run at the same time, so their seconds do not add up. Peak memory: {peaks}."


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(part)}" for name, part in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value)) or "none"
    return "none" if value is None else str(value)
