"""Pictures a second of the ray caster, on whatever device there is.

    python benchmarks/ray_caster.py --size 640x480 --batch 8 --device auto

casts made rooms, checks every picture (finite, mostly with depth) and writes ``results/ray_caster_<device>.json``:
milliseconds a picture, minimum, median and maximum over rooms, after a warm-up.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from machine import write_result

from train.synthetic.production import Production, build_scene
from train.synthetic.ray_caster import RayCaster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x480", help="WxH in pixels")
    parser.add_argument("--batch", type=int, default=1, help="pictures of a room cast together")
    parser.add_argument("--rooms", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    width, height = map(int, options.size.split("x"))
    order = Production(Path("unused"), views=options.batch, width=width, height=height)
    milliseconds, primitives = [], []
    for number in range(options.rooms):
        scene = build_scene(order, number)
        caster = RayCaster(scene, device)
        generator = torch.Generator(device).manual_seed(number)
        primitives.append(caster.primitives)
        for _ in range(2):  # the first warms up
            started = time.perf_counter()
            radiance, depth = caster.render_batch(scene.views, generator)
            known = (depth > 0).float().mean().item()  # which waits for the device
            seconds = time.perf_counter() - started
            if not radiance.isfinite().all() or known < 0.5:
                raise SystemExit(f"room {number}: {known:.0%} of the pixels have depth; no speed for such pictures")
        milliseconds.append(1000 * seconds / options.batch)
        print(f"room {number}: {primitives[-1]} primitives, {milliseconds[-1]:.0f} ms a picture")
    values = {
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else "cpu",
        "threads": options.threads,
        "size": [width, height],
        "batch": options.batch,
        "primitives": primitives,
        "ms_per_picture": {
            "min": round(min(milliseconds), 1),
            "median": round(statistics.median(milliseconds), 1),
            "max": round(max(milliseconds), 1),
        },
        "pictures_per_second": round(1000 / statistics.median(milliseconds), 2),
    }
    print(f"wrote {write_result(f'ray_caster_{device}', ['torch', 'numpy'], values)}")


if __name__ == "__main__":
    main()
