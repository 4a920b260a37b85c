"""Stages of a line that run at the same time, joined by short queues."""

import queue
import threading
import time
from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
Stream = Generator[T, None, None]
Progress = Callable[[str, int, int], None]  # stage, done, of how many
_END = object()


class Stopwatch:
    """Seconds that a stage was busy, apart from those it waited for its neighbours."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        self.seconds += time.perf_counter() - self._started


def counted(source: Stream[T], stage: str, total: int, progress: Progress) -> Stream[T]:
    """The same items; tells the progress of each."""
    progress(stage, 0, total)
    try:
        for done, item in enumerate(source, 1):
            progress(stage, done, total)
            yield item
    finally:
        source.close()


def ahead(source: Stream[T], size: int) -> Stream[T]:
    """The same items, made in a thread that keeps up to ``size`` of them waiting and one in the making.

    ``size`` is at least 1. An exception of the source is raised here, in its place among the items.
    Closing stops the thread after the item it is at, waits for it and closes the source.
    """
    items: queue.Queue[object] = queue.Queue(size)
    stop = threading.Event()

    def put(item: object) -> None:
        while not stop.is_set():
            try:
                return items.put(item, timeout=0.1)
            except queue.Full:
                continue
        return None

    def run() -> None:
        try:
            for item in source:
                put(item)
                if stop.is_set():
                    break
            put(_END)
        except BaseException as error:  # handed over, not handled
            put(_Raised(error))
        finally:
            source.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while (item := items.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]  # the queue's items are the source's
    finally:
        stop.set()
        thread.join()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error
