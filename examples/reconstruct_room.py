"""From a capture to a mesh in Python: what ``recon CAPTURE --out mesh.ply`` does.

python examples/reconstruct_room.py [CAPTURE]
"""

import argparse
from pathlib import Path

import recon

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path, nargs="?", default=HERE / "room.zip")
    source = parser.parse_args().capture
    out = Path("outputs") / f"{source.stem}_coarse.ply"
    settings = recon.Settings(depth="sensor", voxel_size=0.015, max_depth=4.0)
    with recon.open_capture(source) as capture:
        print(f"{capture.name}: {capture.format}, {len(capture)} frames")
        result = recon.reconstruct(capture, settings, out, progress=show)
    print(f"{result.mesh_path}: {result.metrics['triangles']:,} triangles from {result.metrics['used']} frames")
    print(f"size in metres: {result.metrics['extent_m']}")


def show(stage: str, done: int, total: int) -> None:
    """One line a stage when it ends; a program of your own might move a bar."""
    if done == total:
        print(f"  {stage}: {done}")


if __name__ == "__main__":
    main()
