"""``recon inspect``: what a capture is and holds."""

from typing import Any

from recon.cli import console, options


def inspect(capture: options.CaptureArgument, verbose: options.Verbose = False, as_json: options.Json = False) -> None:
    """Tell what a capture is: frames, sizes, path, depth, problems.

    recon inspect scan.zip
    """
    import recon

    with console.verbose_log(verbose), recon.open_capture(capture) as opened:
        facts = recon.inspect_capture(opened)
    if as_json:
        console.print_json(facts)
    else:
        console.print_table(str(capture), _lines(facts))


def _lines(facts: dict[str, Any]) -> list[tuple[str, Any]]:
    def size(pair: list[int] | None) -> str:
        return f" ({pair[0]}x{pair[1]})" if pair else ""

    lines: list[tuple[str, Any]] = [
        ("format", facts["format"]),
        ("frames", facts["frames"]),
        ("with colour", f"{facts['frames_with_image']}{size(facts['image_size'])}"),
        ("with depth", f"{facts['frames_with_depth']}{size(facts['depth_size'])}"),
        ("duration", f"{facts['duration_s']:.1f} s"),
        ("camera's path", f"{facts['path_length_m']:.2f} m"),
    ]
    if facts["extent_m"]:
        lines.append(("extent (98 %)", " x ".join(f"{side:.2f}" for side in facts["extent_m"]) + " m"))
        lines.append(("depth (98 %)", "{:.2f} to {:.2f} m".format(*facts["depth_range_m"])))
    if facts["confidence_share"]:
        low, medium, high = (f"{100 * share:.0f} %" for share in facts["confidence_share"])
        lines.append(("confidence", f"{high} high, {medium} medium, {low} low"))
    return [*lines, *console.problem_lines(facts["problems"])]
