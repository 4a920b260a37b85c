from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.captures.base import FrameTable
from recon.depth.cache import DepthCache, table_identity
from recon.errors import UsageError

KEY = {"weights": "a", "confidence": 1}
DEPTH = np.random.default_rng(0).uniform(0.5, 4, (12, 16)).astype(np.float32)
depths = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.just(0.0) | st.floats(0.125, 500, width=32)
)


@given(depths)
def test_what_is_kept_is_off_by_at_most_half_a_step_of_the_range(
    tmp_path_factory: pytest.TempPathFactory, depth: np.ndarray
) -> None:
    cache = DepthCache(tmp_path_factory.getbasetemp() / "cache", KEY)
    kept = cache.store(3, depth)
    loaded = cache.load(3)
    assert loaded is not None
    np.testing.assert_array_equal(loaded, kept)
    np.testing.assert_allclose(loaded, depth, atol=0.5001 * max(depth.max(), 1e-3) / 65535 + 1e-6 * depth.max())
    assert loaded.dtype == kept.dtype == np.float32


def test_a_second_run_with_the_same_key_finds_the_depth(tmp_path: Path) -> None:
    kept = DepthCache(tmp_path / "depth", KEY).store(5, DEPTH)
    again = DepthCache(tmp_path / "depth", dict(reversed(KEY.items())))
    np.testing.assert_array_equal(again.load(5), kept)
    assert again.load(6) is None


@pytest.mark.parametrize(("key", "keep"), [({**KEY, "weights": "b"}, True), (KEY, False)])
def test_another_key_or_a_wish_empties_the_cache(tmp_path: Path, key: dict[str, str | int], keep: bool) -> None:
    DepthCache(tmp_path / "depth", KEY).store(5, DEPTH)
    cache = DepthCache(tmp_path / "depth", key, keep)
    assert cache.load(5) is None
    assert len(list((tmp_path / "depth").iterdir())) == 1
    assert DepthCache(tmp_path / "depth", key).load(5) is None


def test_emptying_that_is_broken_off_never_leaves_old_depth_under_a_new_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DepthCache(tmp_path / "depth", KEY)
    for row in range(3):
        cache.store(row, DEPTH)
    removed = []

    def unlink_two(path: Path, missing_ok: bool = False) -> None:
        if len(removed) == 2:
            raise KeyboardInterrupt
        removed.append(path.name)
        path.rename(tmp_path / path.name)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink_two)
        with pytest.raises(KeyboardInterrupt):
            DepthCache(tmp_path / "depth", {"weights": "b"})
    other = DepthCache(tmp_path / "depth", {"weights": "b"})
    assert [other.load(row) for row in range(3)] == [None] * 3


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"metres_per_unit": NaN}', b"\xff", b'{"metres_per_unit": 0}']
)
def test_a_damaged_sidecar_is_a_miss(tmp_path: Path, content: bytes) -> None:
    cache = DepthCache(tmp_path / "depth", KEY)
    cache.store(5, DEPTH)
    (tmp_path / "depth" / "000005.json").write_bytes(content)
    assert cache.load(5) is None


def test_a_damaged_or_missing_picture_is_a_miss_and_can_be_replaced(tmp_path: Path) -> None:
    cache = DepthCache(tmp_path / "depth", KEY)
    cache.store(5, DEPTH)
    picture = tmp_path / "depth" / "000005.png"
    picture.write_bytes(picture.read_bytes()[:40])
    assert cache.load(5) is None
    picture.unlink()
    assert cache.load(5) is None
    kept = cache.store(5, 2 * DEPTH)
    np.testing.assert_array_equal(cache.load(5), kept)


def test_a_folder_of_somebody_elses_depth_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "scan" / "depth" / "000000.png"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"a capture's depth")
    with pytest.raises(UsageError, match="holds files that are not of a run"):
        DepthCache(theirs.parent, KEY)
    assert list(theirs.parent.iterdir()) == [theirs]


def test_captures_are_told_apart_by_their_tables() -> None:
    def table(x: float) -> FrameTable:
        T = np.tile(np.eye(4), (2, 1, 1))
        T[1, 0, 3] = x
        return FrameTable(np.arange(2), np.arange(2.0), T, np.ones(2, bool), np.ones(2, bool))

    assert table_identity(table(1.0)) == table_identity(table(1.0))
    assert table_identity(table(1.0)) != table_identity(table(1.0 + 1e-12))
