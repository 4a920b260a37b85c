"""Seconds a picture of our network and of its peers with the same weights, side by side in one run.

    python benchmarks/prediction.py [--encoder vits] [--width 1008 --height 756] [--repeats 5] [--memory]
    python benchmarks/prediction.py --device cuda --encoder vitl --batch 1 8 --rows transformers-bf16,recon-bf16

Weights are random but drawn so that the depth varies. A row's speed is printed only where its depth agrees with
that of ``transformers`` in float32: to 1e-4 of the prompt's range at most for float32, to 2 % of the depth's
standard deviation (rms) for our reduced precision, 5 % for the peers'. A row of another network (``recon-lite0``,
at the nearest size that it takes) is held to nothing. Repeats alternate between the rows; a ratio is the median
over the repeats, each against ``transformers``, or else the first row, in the same repeat. With ``--memory`` each
row runs in two more processes of its own: the first converts what it needs; the greatest resident memory of the
second is printed, weights and libraries included.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from machine import write_result
from prediction_rows import EXACT, ROWS, Case, Row, Run
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from recon.errors import ReconError
from recon.memory import peak_memory_mb

PEER = "transformers"
KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}
ON_CPU = [
    PEER, "released", "onnxruntime", "openvino", "recon", "recon-bf16", "recon-openvino", "recon-openvino-bf16",
    "recon-lite", "recon-lite0", "recon-openvino-lite0",
]  # fmt: skip
ON_CUDA = ["transformers-bf16", "released-bf16", "recon-bf16", "recon-bf16-compiled", "recon-fp16", "recon-lite"]
PACKAGES = ["torch", "transformers", "onnxruntime", "openvino"]

Entry = tuple[str, str | None]  # a row and the attention kernel it is made to use


def main() -> None:
    options = _options()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        for name in options.rows:
            print(f"{name:24} not measured: this machine shows no CUDA device")
        raise SystemExit(1)
    torch.backends.cudnn.allow_tf32 = False  # 10 bits are not float32
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CACHE_HOME"] = temporary  # else conversions of random networks stay in the user's cache
        case = Case(options.encoder, options.width, options.height, 1, options.device, Path(temporary), options.model)
        kernels = list(KERNELS) if options.attention == "all" else [options.attention]
        entries: list[Entry] = [
            (name, kernel) for name in options.rows for kernel in (kernels if ROWS[name].chooses_kernel else [None])
        ]
        batches = {}
        for batch in options.batch:
            batches[batch] = measure(replace(case, batch=batch), entries, options.repeats)
            if options.memory:
                for name, result in batches[batch].items():
                    if "seconds_min_median_max" in result:
                        result["peak_memory_mb"] = peak_memory(replace(case, batch=batch), name.partition(" ")[0])
            show(f"{options.encoder}, {options.width}x{options.height}, {batch} at a time", batches[batch])
    path = write_result(
        f"prediction_{options.encoder}_{options.width}x{options.height}_{torch.device(options.device).type}",
        [name for name in PACKAGES if find_spec(name)],
        {
            "encoder": options.encoder,
            "weights": options.model.name if options.model else "random",
            "size": [options.width, options.height],
            "device": torch.cuda.get_device_name() if options.device.startswith("cuda") else "cpu",
            "threads": torch.get_num_threads(),
            "repeats": options.repeats,
            "pictures_at_a_time": batches,
        },
    )
    print(f"written to {path}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="vits", choices=("vits", "vitl"))
    parser.add_argument("--model", type=Path, help="weights of this encoder; random ones unless given")
    parser.add_argument("--width", type=int, default=1008, help="pixels, a multiple of 14")
    parser.add_argument("--height", type=int, default=756, help="pixels, a multiple of 14")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", help=f"of {', '.join(ROWS)}; separated by commas")
    parser.add_argument("--batch", type=int, nargs="+", default=[1], help="pictures at a time")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument(
        "--attention", choices=(*KERNELS, "all"), help="kernel of PyTorch; it chooses itself unless given"
    )
    parser.add_argument("--memory", action="store_true", help="each row's peak memory too")
    options = parser.parse_args()
    usual = ON_CUDA if options.device.startswith("cuda") else ON_CPU
    options.rows = options.rows.split(",") if options.rows else usual
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"--rows: {', '.join(unknown)} is none of {', '.join(ROWS)}")
    return options


def measure(case: Case, entries: list[Entry], repeats: int) -> dict[str, dict[str, Any]]:
    """Of each entry its error and seconds, or why there are none."""
    results: dict[str, dict[str, Any]] = {}
    runs: dict[str, tuple[Run, str | None]] = {}
    span = _span(case)
    reference = ROWS[PEER].build(case)().cpu()
    for name, kernel in entries:
        title = name if kernel is None else f"{name} [{kernel}]"
        try:
            run = _built(ROWS[name], case)
            with attention(kernel):
                depth = run().cpu()  # the warm-up too
                if case.device.startswith("cuda"):
                    run()  # by now every kernel has been chosen
        except (ImportError, RuntimeError, ReconError) as problem:
            results[title] = {"not_measured": str(problem).splitlines()[0].split(". ")[0]}
            continue
        results[title] = compare(ROWS[name], depth, reference, span)
        if "differs" not in results[title]:
            runs[title] = run, kernel
    taken = interleaved(case, runs, repeats)
    baseline = PEER if PEER in taken else next(iter(taken), None)
    for title, seconds in taken.items():
        results[title]["seconds_min_median_max"] = [
            round(function(seconds) / case.batch, 5) for function in (min, statistics.median, max)
        ]
        pairs = zip(seconds, taken[baseline], strict=True)
        results[title]["time_over"] = {baseline: round(statistics.median(a / b for a, b in pairs), 3)}
    return results


def _built(row: Row, case: Case) -> Run:
    if torch.device(case.device).type not in row.devices:
        raise RuntimeError(f"does not run on {case.device}")
    return row.build(case)


def _span(case: Case) -> float:
    _, prompts = case.pictures()
    return float(prompts.max() - prompts.min())


def compare(row: Row, depth: Tensor, reference: Tensor, span: float) -> dict[str, Any]:
    """How far the depth is from the peer's."""
    if row.tolerance is None:
        return {}
    error = (depth.float() - reference).abs()
    found = {
        "max_error_of_range": float(error.max()) / span,
        "rms_error_of_deviation": float(error.square().mean().sqrt() / reference.std()),
    }
    decisive = found["max_error_of_range" if row.tolerance == EXACT else "rms_error_of_deviation"]
    if not decisive <= row.tolerance:
        found["differs"] = True
    return found


def interleaved(case: Case, runs: dict[str, tuple[Run, str | None]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each run, one after another in every repeat."""
    seconds: dict[str, list[float]] = {title: [] for title in runs}
    for _ in range(repeats):
        for title, (run, kernel) in runs.items():
            with attention(kernel), timed(case.device, seconds[title]):
                run()
    return seconds


def attention(kernel: str | None) -> AbstractContextManager[Any]:
    return nullcontext() if kernel is None else sdpa_kernel(KERNELS[kernel])


@contextmanager
def timed(device: str, seconds: list[float]) -> Iterator[None]:
    """Appends what passes until the device is done."""
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    yield
    if on_gpu:
        torch.cuda.synchronize(device)
    seconds.append(time.perf_counter() - started)


def peak_memory(case: Case, name: str) -> int:
    """Megabytes of 2^20 bytes that a process takes which does nothing but load and predict once."""
    for _ in range(2):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            peak = pool.submit(_peak_of_one_run, case, name).result()
    return peak


def _peak_of_one_run(case: Case, name: str) -> int:
    ROWS[name].build(case)()
    return round(peak_memory_mb())


def show(title: str, results: dict[str, dict[str, Any]]) -> None:
    """One line an entry."""
    print(f"{title:32} {'s/picture':>10} {'/s':>8} {'ratio':>7} {'max/range':>10} {'rms/std':>9} {'peak MB':>8}")
    for name, row in results.items():
        errors = " ".join(
            f"{row[error]:{width}.1e}" if error in row else " " * width
            for error, width in (("max_error_of_range", 10), ("rms_error_of_deviation", 9))
        )
        if "not_measured" in row:
            print(f"{name:32} not measured: {row['not_measured']}")
        elif "seconds_min_median_max" not in row:
            print(f"{name:32} {'differs from ' + PEER:>27} {errors}")
        else:
            seconds = row["seconds_min_median_max"][1]
            (ratio,) = row["time_over"].values()
            peak = f"{row['peak_memory_mb']:8,}" if "peak_memory_mb" in row else ""
            print(f"{name:32} {seconds:10.3f} {1 / seconds:8.2f} {ratio:7.3f} {errors} {peak}")


if __name__ == "__main__":
    main()
