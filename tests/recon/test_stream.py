import threading
import time

import pytest

from recon.stream import Stopwatch, Stream, ahead, counted

PATIENCE = 5.0  # seconds after which a thread counts as stuck


class Source:
    """Counts upwards and tells what it did."""

    def __init__(self, count: int, fails_at: int | None = None) -> None:
        self.made = 0
        self.closed = threading.Event()
        self._count, self._fails_at = count, fails_at

    def stream(self) -> Stream[int]:
        try:
            for number in range(self._count):
                if number == self._fails_at:
                    raise KeyError("broken")
                self.made = number + 1
                yield number
        finally:
            self.closed.set()


def wait_until(holds) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("size", [1, 2, 7, 200])
def test_items_come_in_order_and_all_of_them(size: int) -> None:
    source = Source(100)
    assert list(ahead(source.stream(), size)) == list(range(100))
    assert source.closed.is_set()


def test_an_exception_is_raised_in_its_place_among_the_items() -> None:
    source, seen = Source(10, fails_at=4), []
    with pytest.raises(KeyError, match="broken"):
        seen.extend(ahead(source.stream(), 8))
    assert seen == [0, 1, 2, 3]
    assert source.closed.is_set()


@pytest.mark.parametrize("size", [1, 3])
def test_the_source_is_never_more_than_size_and_one_ahead(size: int) -> None:
    source = Source(1000)
    stream = ahead(source.stream(), size)
    for taken in range(1, 6):
        next(stream)
        wait_until(lambda taken=taken: source.made == taken + size + 1)
        time.sleep(0.02)
        assert source.made == taken + size + 1
    stream.close()


def test_closing_early_stops_the_thread_and_closes_the_source() -> None:
    source = Source(10**9)
    before = threading.active_count()
    stream = ahead(source.stream(), 2)
    assert next(stream) == 0
    stream.close()
    assert source.closed.is_set()
    assert threading.active_count() == before


def test_a_chain_closes_from_its_end_to_its_beginning() -> None:
    source = Source(10**9)
    before = threading.active_count()
    stream = counted(ahead(counted(ahead(source.stream(), 2), "first", 9, tell_nobody), 2), "second", 9, tell_nobody)
    for _ in range(3):
        next(stream)
    stream.close()
    assert source.closed.is_set()
    assert threading.active_count() == before


def test_stages_work_at_the_same_time() -> None:
    both_at_work = threading.Barrier(2, timeout=PATIENCE)

    def source() -> Stream[int]:
        yield 0
        for number in range(1, 5):
            both_at_work.wait()
            yield number

    for item in ahead(source(), 2):
        if item < 4:
            both_at_work.wait()


def test_progress_hears_of_the_start_and_of_each_item() -> None:
    told: list[tuple[str, int, int]] = []
    assert list(counted(Source(3).stream(), "decode", 3, lambda *step: told.append(step))) == [0, 1, 2]
    assert told == [("decode", 0, 3), ("decode", 1, 3), ("decode", 2, 3), ("decode", 3, 3)]


def test_a_stopwatch_adds_up_only_what_it_is_held_for() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch:
            time.sleep(0.02)
        time.sleep(0.2)
    assert 0.04 <= watch.seconds < 0.2


def tell_nobody(stage: str, done: int, total: int) -> None:
    pass
