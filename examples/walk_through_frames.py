"""What a capture holds: poses without decoding anything, then pictures and depth frame by frame.

python examples/walk_through_frames.py [CAPTURE]
"""

import argparse
from pathlib import Path

import numpy as np

import recon
from recon.geometry.projection import backproject
from recon.geometry.trajectory import path_length
from recon.geometry.transforms import apply

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path, nargs="?", default=HERE / "room.zip")
    with recon.open_capture(parser.parse_args().capture) as capture:
        table = capture.table
        duration = table.timestamp[-1] - table.timestamp[0]
        print(f"{capture.format}: {len(capture)} frames in {duration:.1f} s, {path_length(table.T_world_camera):.1f} m")
        for frame in capture.frames(range(0, len(capture), 20)):
            image, sensor = frame.image(), frame.sensor()
            if image is None or sensor is None or sensor.confidence is None:
                continue
            # z-depth times the ray through each pixel, then from the camera into the world (metres, y up).
            points_camera = backproject(sensor.depth, sensor.camera)
            points = apply(frame.T_world_camera, points_camera[sensor.confidence == 2])
            low, high = np.percentile(points, [1, 99], axis=0)
            print(
                f"frame {frame.index}: picture {image.shape[1]}x{image.shape[0]}, depth "
                f"{sensor.camera.width}x{sensor.camera.height}, {len(points)} confident points between "
                f"{low.round(2)} and {high.round(2)}"
            )


if __name__ == "__main__":
    main()
