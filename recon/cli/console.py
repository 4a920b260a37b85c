"""What the commands share towards a person: logs, progress, tables."""

import fcntl
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from recon.atomic import make_folder
from recon.errors import UsageError
from recon.settings import Settings
from recon.stream import Progress as Tell

PLAIN_SECONDS = 5.0  # between two lines of progress where there is no terminal
RATE_UNIT = "frames/s"


class _Console(Console):
    """Rich's, which would end the program where whoever reads it has seen enough."""

    def on_broken_pipe(self) -> None:
        raise  # the BrokenPipeError that Rich is handling, for the command to decide


err = _Console(stderr=True, highlight=False, soft_wrap=True)
out = _Console(highlight=False)


@contextmanager
def logging_to(handler: logging.Handler | None) -> Iterator[None]:
    """Our log, and the traceback of whatever ends the block, go to the handler as well."""
    logger = logging.getLogger("recon")
    if handler is None:
        yield
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    except BaseException as error:
        handler.handle(logger.makeRecord(logger.name, logging.INFO, "", 0, "ended early", (), _about(error)))
        raise
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):  # of a full disk, which would hide what ended the block
            handler.close()


def verbose_log(verbose: bool) -> AbstractContextManager[None]:
    """The log on standard error, if wanted."""
    return logging_to(logging.StreamHandler() if verbose else None)


def log_file(path: Path) -> AbstractContextManager[None]:
    """The log in a file, whose folder is made, and which only one run at a time may write."""
    make_folder(path.parent)
    handler = logging.FileHandler(path, mode="a", encoding="utf-8", errors="backslashreplace")
    assert handler.stream is not None  # it is open at once
    try:
        fcntl.flock(handler.stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the log is closed
    except BlockingIOError as error:
        handler.close()
        raise UsageError(
            f"{path.parent}: another run is writing there; wait for it or choose another folder"
        ) from error
    except OSError:  # a disk that knows no locks
        pass
    handler.stream.truncate(0)
    return logging_to(handler)


def _about(error: BaseException) -> Any:
    return type(error), error, error.__traceback__


@contextmanager
def progress(quiet: bool) -> Iterator[Tell]:
    """Live bars on a terminal, a line now and then elsewhere, nothing when quiet."""
    if quiet:
        yield lambda stage, done, total: None
    elif err.is_terminal:
        with _bars() as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


def _bars() -> Progress:
    rate = TextColumn("{task.fields[rate]}")
    return Progress(
        TextColumn("{task.description:>7}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), console=err
    )


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, rate="")
        task = self._bars.tasks[self._tasks[stage]]
        rate = f"{task.speed:.1f} {RATE_UNIT}" if task.speed else ""
        self._bars.update(self._tasks[stage], completed=done, total=total, rate=rate)


class _Lines:
    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        started = self._started.setdefault(stage, now)
        if done == 0 or (done < total and now - self._last < PLAIN_SECONDS):
            return
        self._last = now
        if total == 1:
            err.print(f"{stage}: {now - started:.1f} s")
            return
        rate = done / max(now - started, 1e-6)
        left = f", {(total - done) / rate:.0f} s left" if done < total else ""
        err.print(f"{stage}: {done} of {total}, {rate:.1f} {RATE_UNIT}{left}")


@contextmanager
def downloads(silent: bool) -> Iterator[None]:
    """Weights fetched within show no bar if silent."""
    if not silent:
        yield
        return
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    were_disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_disabled:
            enable_progress_bars()


def announce(settings: Settings) -> None:
    """Whose depth it will be, in a line; ``UsageError`` for a device that is not there."""
    if not settings.uses_model:
        err.print("depth: the sensor's own; a network's is --depth model (see recon models)")
        return
    from promptda.zoo import SHIPPED
    from recon.depth.placement import placement  # which loads torch

    larger = "; larger ones are --model NAME (see recon models)" if settings.model == SHIPPED else ""
    err.print(f"depth: by the network {settings.model}, {placement(settings)}{larger}", markup=False)


def print_table(title: str, rows: list[tuple[str, Any]]) -> None:
    """A title, then what and its value on each line, on standard output; never cut, however narrow the terminal."""
    width = max(len(name) for name, _ in rows)
    out.print(title, soft_wrap=True, markup=False)
    for name, value in rows:
        out.print(Text.assemble((name.ljust(width), "bold"), f"  {value}"), soft_wrap=True)


def fate_lines(metrics: dict[str, Any]) -> list[tuple[str, Any]]:
    """What became of the frames and what was wrong with the capture, for ``print_table``."""
    return [
        ("frames used", f"{metrics['used']} of {metrics['frames']}"),
        *[(f"  skipped: {reason}", count) for reason, count in metrics["skipped"].items()],
        *[(f"  used although {reason}", count) for reason, count in metrics["noted"].items()],
        *problem_lines(metrics["problems"]),
    ]


def problem_lines(problems: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """What a reader found in the capture, for ``print_table``."""
    lines = []
    for problem in problems:
        example = f" (first: {problem['example']})" if problem["example"] else ""
        lines.append((problem["effect"], f"{problem['count']}: {problem['what']}{example}"))
    return lines


def print_json(values: dict[str, Any]) -> None:
    """The summary alone on standard output."""
    import json

    sys.stdout.write(json.dumps(values, indent=2) + "\n")
