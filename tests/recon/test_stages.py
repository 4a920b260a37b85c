import dataclasses
import gc
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.captures.base import Frame, FrameTable, SensorDepth
from recon.depth.cache import DepthCache
from recon.depth.predictor import Predictor
from recon.errors import CaptureError
from recon.fates import Fates
from recon.geometry.camera import Camera
from recon.prompts.prompt import Prompt
from recon.stages import (
    LESS_SHARP,
    NO_DEPTH,
    DepthView,
    Lost,
    MeasuredDepth,
    PredictedDepth,
    View,
    WithoutEdges,
    confident_depth,
    decode,
    each,
    in_groups,
    sensor_samples,
    surviving,
)
from recon.stream import Stopwatch, Stream, ahead

IMAGE = Camera.from_focal(64, 48, 50.0, 50.0, 31.5, 23.5)
DEPTH = IMAGE.resized(16, 12)
CHECKS = np.kron(np.indices((12, 16)).sum(0) % 2, np.ones((4, 4))).astype(np.uint8)[..., None] * np.uint8([255] * 3)
PLANE = np.linspace(1, 3, 12 * 16, dtype=np.float32).reshape(12, 16)


@dataclasses.dataclass
class Row:
    """What a made capture holds in one row."""

    blur: float = 0.0  # pixels
    image_error: str = ""
    depth_error: str = ""
    depth: np.ndarray = dataclasses.field(default_factory=lambda: PLANE)
    confidence: int = 2
    coloured: bool = True


class Made:
    """A capture whose frames are made when asked for, and counted while they live."""

    name, format, up, problems = "made", "made", "y", ()

    def __init__(self, rows: Sequence[Row]) -> None:
        count = len(rows)
        self._rows = rows
        T = np.tile(np.eye(4), (count, 1, 1))
        T[:, 0, 3] = 0.1 * np.arange(count)
        self.table = FrameTable(
            index=10 * np.arange(count),
            timestamp=np.arange(count) / 30,
            T_world_camera=T,
            has_image=np.array([row.coloured for row in rows]),
            has_depth=np.ones(count, bool),
        )
        self.images: list[weakref.ref] = []
        self.most_alive = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.table)

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        for row in rows:
            made = self._rows[row]
            yield Frame(
                row=row,
                index=int(self.table.index[row]),
                timestamp=float(self.table.timestamp[row]),
                T_world_camera=self.table.T_world_camera[row],
                camera=IMAGE if made.coloured else DEPTH,
                has_image=made.coloured,
                image=partial(self._image, made) if made.coloured and with_images else lambda: None,
                sensor=partial(sensor, made),
            )

    def _image(self, made: Row) -> np.ndarray:
        if made.image_error:
            raise CaptureError(made.image_error)
        image = CHECKS.copy() if not made.blur else cv2.GaussianBlur(CHECKS, (0, 0), made.blur)
        with self._lock:
            self.images.append(weakref.ref(image))
            self.most_alive = max(self.most_alive, sum(kept() is not None for kept in self.images))
        return image

    def close(self) -> None:
        pass

    def __enter__(self) -> "Made":
        return self

    def __exit__(self, *exception: object) -> None:
        pass


MEASURED = MeasuredDepth(2, 5.0)


def sensor(made: Row) -> SensorDepth:
    if made.depth_error:
        raise CaptureError(made.depth_error)
    return SensorDepth(made.depth, np.full(made.depth.shape, made.confidence, np.uint8), DEPTH)


def decoded(rows: Sequence[Row], windows: Sequence[Sequence[int]], workers: int = 2) -> list[View | Lost]:
    return list(decode(Made(rows), windows, 20.0, workers, Stopwatch()))


def stream(items: Sequence) -> Stream:
    yield from items


class Doubling(Predictor):
    """In place of a network: the prompt at twice its size."""

    def __init__(self, batch_size: int = 1) -> None:
        self.batch_size = batch_size
        self.calls = 0
        self.pictures = 0

    def predict_batch(self, images: Sequence[np.ndarray], prompts: Sequence[Prompt]) -> list[np.ndarray]:
        assert len(images) == len(prompts)
        assert len({(image.shape, prompt.depth.shape) for image, prompt in zip(images, prompts, strict=True)}) == 1
        self.calls += 1
        self.pictures += len(images)
        return [np.kron(prompt.depth, np.ones((2, 2), np.float32)) for prompt in prompts]


def predicted(items: Stream, network: Predictor, cache: DepthCache | None = None, min_confidence: int = 1) -> Stream:
    source = PredictedDepth(network, cache, min_confidence, 20.0, False, MEASURED)
    return in_groups(items, network.batch_size, source, Stopwatch())


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_frames_come_out_in_order(workers: int) -> None:
    items = decoded(
        [Row(depth_error="cut off" if row % 5 == 3 else "") for row in range(40)], [[r] for r in range(40)], workers
    )
    assert [item.row for item in items] == list(range(40))
    assert [item.row for item in items if isinstance(item, Lost)] == list(range(3, 40, 5))


def test_the_sharpest_frame_of_a_window_is_taken() -> None:
    first, second = decoded([Row(3), Row(1), Row(2), Row(4), Row(0)], [[0, 1, 2], [3, 4]])
    assert (first.row, second.row) == (1, 4)
    assert first.passed_over == {0: LESS_SHARP, 2: LESS_SHARP}
    assert second.passed_over == {3: LESS_SHARP}


def test_a_frame_with_a_picture_goes_before_one_without() -> None:
    (view,) = decoded([Row(coloured=False), Row(9), Row(coloured=False)], [[0, 1, 2]])
    assert view.row == 1


def test_an_unreadable_picture_is_told_though_another_frame_stands_in() -> None:
    (view,) = decoded([Row(image_error="000000.jpg: cut off"), Row(5)], [[0, 1]])
    assert isinstance(view, View)
    assert (view.row, view.note) == (1, "")
    assert view.passed_over == {0: "picture unreadable: 000000.jpg: cut off"}


def test_depth_is_kept_without_colour_where_no_picture_of_a_window_can_be_read() -> None:
    (view,) = decoded([Row(image_error="a.jpg: cut off"), Row(image_error="b.jpg: empty")], [[0, 1]])
    assert isinstance(view, View)
    assert view.image is None
    assert (view.row, view.note) == (0, "picture unreadable: a.jpg: cut off")
    assert view.passed_over == {1: "picture unreadable: b.jpg: empty"}


def test_any_number_of_broken_pictures_costs_colour_and_no_geometry() -> None:
    rows, fates = survivors([Row(image_error="a.jpg: cut off")] * 30, [[row] for row in range(30)])
    assert rows == list(range(30))
    assert fates.noted() == {"picture unreadable": 30}
    assert ",used,picture unreadable: a.jpg: cut off" in fates.to_csv()


def test_a_frame_of_nothing_but_edges_is_skipped_and_told() -> None:
    spikes = np.where(np.indices((12, 16)).sum(0) % 2, 1.0, 2.0).astype(np.float32)
    depths = each(stream(decoded([Row(depth=spikes)], [[0]])), MeasuredDepth(2, 5.0), Stopwatch())
    (lost,) = each(depths, WithoutEdges(5.0, 0.03), Stopwatch())
    assert lost == Lost(0, "nothing left of its depth once edges are removed", False, {})


@pytest.mark.parametrize(
    ("row", "reason", "failed"),
    [
        (Row(depth_error="d.png: cut off"), "depth unreadable: d.png: cut off", True),
        (Row(depth=np.zeros((12, 16), np.float32)), "no depth in the frame", False),
        (Row(depth=np.ones((12, 16), np.float32)), "depth constant", False),
    ],
)
def test_only_what_broke_is_a_failure(row: Row, reason: str, failed: bool) -> None:
    (lost,) = decoded([row], [[0]])
    assert lost == Lost(0, reason, failed, {})


def test_few_pictures_live_at_a_time_however_long_the_capture() -> None:
    alive = {}
    for count in (30, 120):
        capture = Made([Row(blur=row % 4) for row in range(count)])
        windows = [list(range(row, row + 3)) for row in range(0, count, 3)]
        for view in ahead(decode(capture, windows, 20.0, 2, Stopwatch()), 2):
            time.sleep(0.002)
            del view
        alive[count] = capture.most_alive
    # Two workers hold the best and the current picture each, done ones wait: 3 here, 2 + 1 there, 1 in use.
    assert max(alive.values()) <= 4 + 3 + 3 + 1


def test_leaving_early_stops_the_threads_and_lets_go_of_the_pictures() -> None:
    capture = Made([Row()] * 100)
    before = threading.active_count()
    views = ahead(decode(capture, [[row] for row in range(100)], 20.0, 2, Stopwatch()), 2)
    next(views)
    views.close()
    assert threading.active_count() == before
    gc.collect()
    assert len(capture.images) < 20
    assert not any(image() is not None for image in capture.images)


def test_sensor_depth_is_passed_on_where_it_is_confident_and_near() -> None:
    (item,) = each(stream(decoded([Row()], [[0]])), MeasuredDepth(2, 2.0), Stopwatch())
    assert isinstance(item, DepthView)
    np.testing.assert_array_equal(item.depth_map.depth, np.where(PLANE <= 2, PLANE, 0))
    assert item.depth_map.camera is DEPTH


def test_a_frame_without_confident_depth_is_skipped_and_no_failure() -> None:
    views = decoded([Row(confidence=1)], [[0]])
    assert list(each(stream(views), MeasuredDepth(2, 5.0), Stopwatch())) == [Lost(0, NO_DEPTH, False, {})]
    assert list(predicted(stream(views), Doubling(), min_confidence=2)) == [Lost(0, NO_DEPTH, False, {})]


def test_predicted_depth_belongs_to_the_pictures_camera_at_its_size() -> None:
    (item,) = predicted(stream(decoded([Row()], [[0]])), Doubling())
    assert isinstance(item, DepthView)
    assert item.depth_map.depth.shape == (24, 32)
    np.testing.assert_array_equal(item.depth_map.camera.K, IMAGE.resized(32, 24).K)


def test_a_frame_without_a_picture_keeps_its_confident_sensor_depth() -> None:
    network = Doubling()
    (item,) = predicted(stream(decoded([Row(coloured=False)], [[0]])), network)
    assert isinstance(item, DepthView)
    assert network.calls == 0
    assert item.depth_map.camera is DEPTH


def test_depth_that_was_kept_is_not_predicted_again_and_is_the_same(tmp_path: Path) -> None:
    network, runs = Doubling(), []
    for _ in range(2):
        cache = DepthCache(tmp_path / "depth", {"weights": "doubling"})
        (item,) = predicted(stream(decoded([Row()], [[0]])), network, cache)
        assert isinstance(item, DepthView)
        runs.append(item.depth_map.depth)
    assert network.calls == 1
    np.testing.assert_array_equal(runs[0], runs[1])


def test_a_network_that_gives_nothing_has_failed(tmp_path: Path) -> None:
    class Silent(Doubling):
        def predict_batch(self, images: Sequence[np.ndarray], prompts: Sequence[Prompt]) -> list[np.ndarray]:
            return [np.zeros((24, 32), np.float32)]

    cache = DepthCache(tmp_path / "depth", {"weights": "silent"})
    (item,) = predicted(stream(decoded([Row()], [[0]])), Silent(), cache)
    assert item == Lost(0, "the network gave no depth", True, {})
    assert cache.load(0) is None


# What a frame may be on its way to the network, and a size for those that get there.
KINDS = st.sampled_from(["lost", "without picture", "not confident", "kept", "small", "large"])


def view_of(row: int, kind: str) -> View | Lost:
    """A view whose depth tells its row."""
    if kind == "lost":
        return Lost(row, "cut off", True, {})
    size = (12, 16) if kind == "large" else (6, 8)
    camera = IMAGE if kind == "large" else IMAGE.resized(32, 24)
    depth = np.full(size, 1 + row / 16, np.float32)
    depth[0, 0] = 0.5  # not constant
    confidence = np.full(size, 0 if kind == "not confident" else 2, np.uint8)
    image = None if kind == "without picture" else np.zeros((camera.height, camera.width, 3), np.uint8)
    frame = Frame(row, row, 0.0, np.eye(4), camera, image is not None, lambda: image, lambda: None)
    return View(frame, image, SensorDepth(depth, confidence, camera.resized(*size[::-1])), None, {})


class Kept(DepthCache):
    """Depth of some rows, known beforehand; what is stored stays as it is."""

    def __init__(self, rows: set[int]) -> None:
        self.rows = rows

    def load(self, row: int) -> np.ndarray | None:
        return np.full((12, 16), 100.0 + row, np.float32) if row in self.rows else None

    def store(self, row: int, depth: np.ndarray) -> np.ndarray:
        assert row not in self.rows
        self.rows.add(row)
        return depth


def outcome(item: DepthView | Lost) -> object:
    return item if isinstance(item, Lost) else (item.row, item.depth_map.depth.shape, item.depth_map.depth.tobytes())


@given(kinds=st.lists(KINDS, max_size=20), batch_size=st.integers(1, 7))
def test_whatever_goes_together_gives_the_same_depth_in_the_same_order(kinds: list[str], batch_size: int) -> None:
    outcomes, networks = [], []
    for size in (1, batch_size):
        network = Doubling(size)
        cache = Kept({row for row, kind in enumerate(kinds) if kind == "kept"})
        items = stream([view_of(row, kind) for row, kind in enumerate(kinds)])
        outcomes.append([outcome(item) for item in predicted(items, network, cache)])
        networks.append(network)
    alone, together = networks
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) == len(kinds)
    wanted = sum(kind in ("small", "large") for kind in kinds)
    assert alone.calls == alone.pictures == together.pictures == wanted
    # Two sizes at most, and every view that is predicted went with those of its group.
    assert together.calls <= 2 * -(-len(kinds) // batch_size)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_no_more_views_are_taken_than_go_together(batch_size: int) -> None:
    taken = 0

    def counted_views() -> Iterator[View | Lost]:
        nonlocal taken
        for row in range(10):
            taken += 1
            yield view_of(row, "small")

    depths = predicted(counted_views(), Doubling(batch_size))
    for row in range(10):
        assert next(depths).row == row
        assert taken == min(10, (row // batch_size + 1) * batch_size)
    with pytest.raises(StopIteration):
        next(depths)


def test_leaving_early_closes_the_stage_before() -> None:
    closed = []

    def views() -> Iterator[View | Lost]:
        try:
            for row in range(10):
                yield view_of(row, "small")
        finally:
            closed.append(True)

    depths = predicted(views(), Doubling(3))
    next(depths)
    depths.close()
    assert closed == [True]


def survivors(rows: Sequence[Row], windows: Sequence[Sequence[int]]) -> tuple[list[int], Fates]:
    capture = Made(rows)
    fates = Fates(capture.table)
    depths = each(decode(capture, windows, 20.0, 2, Stopwatch()), MeasuredDepth(2, 5.0), Stopwatch())
    return [item.row for item in surviving(depths, fates)], fates


def test_every_frame_that_went_in_gets_its_fate() -> None:
    rows, fates = survivors([Row(2), Row(), Row(depth_error="d.png: cut off"), Row(confidence=0)], [[0, 1], [2], [3]])
    assert rows == fates.used == [1]
    assert not fates.undecided
    assert fates.skipped() == {LESS_SHARP: 1, "depth unreadable": 1, NO_DEPTH: 1}


def test_any_number_of_frames_without_confident_depth_does_not_end_a_run() -> None:
    rows, fates = survivors([Row(), *[Row(confidence=0)] * 30, Row()], [[row] for row in range(32)])
    assert rows == [0, 31]
    assert fates.skipped() == {NO_DEPTH: 30}


def test_ten_broken_frames_in_a_row_end_a_run() -> None:
    with pytest.raises(CaptureError, match="10 frames in a row failed; the last: depth unreadable: d.png: cut off"):
        survivors([Row(), *[Row(depth_error="d.png: cut off")] * 30], [[row] for row in range(31)])


def test_no_frame_at_all_is_an_error_with_the_reasons() -> None:
    with pytest.raises(CaptureError, match="no frame could be used: 3 no confident depth in range"):
        survivors([Row(confidence=0)] * 3, [[0], [1], [2]])


def test_a_frame_is_used_only_once_the_next_is_asked_for() -> None:
    capture = Made([Row(), Row()])
    fates = Fates(capture.table)
    depths = surviving(
        each(decode(capture, [[0], [1]], 20.0, 1, Stopwatch()), MeasuredDepth(2, 5.0), Stopwatch()), fates
    )
    next(depths)
    assert fates.used == []
    next(depths)
    depths.close()
    assert fates.used == [0]
    assert fates.undecided == [1]


def test_samples_are_one_from_each_stretch_and_pass_over_what_cannot_be_read() -> None:
    capture = Made([Row(image_error="never decoded", depth_error="cut off" if row < 10 else "") for row in range(50)])
    samples = sensor_samples(capture, list(range(50)), 5, 2, 2.0)
    assert [row // 10 for row, _ in samples] == [1, 2, 3, 4]
    assert len({row % 10 for row, _ in samples}) > 1, "at the same places of a walk to and fro"
    np.testing.assert_array_equal(samples[0][1].depth, confident_depth(sensor(Row()), 2, 2.0).depth)


def test_where_no_depth_can_be_read_the_reason_is_told() -> None:
    with pytest.raises(CaptureError, match="cut off"):
        sensor_samples(Made([Row(depth_error="cut off")] * 3), [0, 1, 2], 12, 2, 5.0)
    with pytest.raises(CaptureError, match="no depth of confidence 2 within 5 m in any frame; lower --min-confidence"):
        sensor_samples(Made([Row(confidence=1)] * 3), [0, 1, 2], 2, 2, 5.0)


def test_fewer_rows_than_samples_are_each_sampled_once() -> None:
    assert [row for row, _ in sensor_samples(Made([Row()] * 3), [0, 2], 12, 2, 5.0)] == [0, 2]
