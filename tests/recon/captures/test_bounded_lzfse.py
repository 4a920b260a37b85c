import struct

import lzfse
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.captures.bounded_lzfse import declared_bytes, decompress
from recon.errors import CaptureError

PLAIN = np.random.default_rng(0).integers(0, 9, 100_000, np.uint8).tobytes()


def one_block(plain: bytes) -> bytearray:
    packed = bytearray(lzfse.compress(plain))
    assert packed[:4] == b"bvx2"
    return packed


@given(st.binary(min_size=1, max_size=2000), st.integers(1, 50))
def test_unpacking_undoes_packing(seed: bytes, repeats: int) -> None:
    plain = seed * repeats  # from stored through LZVN to LZFSE blocks
    packed = lzfse.compress(plain)
    assert declared_bytes(packed, "x") == len(plain)
    assert decompress(packed, len(plain), "x") == plain


@pytest.mark.parametrize("level_count", [1, 2, 200, 256])
def test_blocks_of_every_density_are_accepted(level_count: int) -> None:
    plain = np.random.default_rng(0).integers(0, level_count, 300_000, np.uint8).tobytes()
    assert decompress(lzfse.compress(plain), len(plain), "x") == plain


def test_another_length_than_expected_is_named() -> None:
    with pytest.raises(CaptureError, match=r"1\.depth: unpacks to 100,000 bytes instead of 99,999"):
        decompress(lzfse.compress(PLAIN), 99_999, "1.depth")


@pytest.mark.parametrize("length", [0, 3, 4, 10, 40, -1, -5, 30_000])
def test_data_cut_short_is_refused(length: int) -> None:
    with pytest.raises(CaptureError, match=r"1\.depth: not readable LZFSE data, perhaps cut short"):
        decompress(lzfse.compress(PLAIN)[:length], len(PLAIN), "1.depth")


def test_data_of_another_kind_is_refused() -> None:
    with pytest.raises(CaptureError, match="not readable LZFSE"):
        decompress(PLAIN, len(PLAIN), "x")


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = lzfse.compress(bytes(10_000_000))  # 6 kB
    monkeypatch.setattr(lzfse, "decompress", pytest.fail)
    with pytest.raises(CaptureError, match="unpacks to 10,000,000 bytes instead of 196,608"):
        decompress(bomb, 196_608, "x")


def test_a_bomb_that_declares_less_than_its_matches_make_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = one_block(bytes(20_000_000))
    struct.pack_into("<I", bomb, 4, 1000)  # the decoder does not look at this, nor would it stop there
    assert len(lzfse.decompress(bytes(bomb))) == 20_000_000
    monkeypatch.setattr(lzfse, "decompress", pytest.fail)
    with pytest.raises(CaptureError, match="not readable LZFSE"):
        decompress(bytes(bomb), 1000, "x")


def test_a_block_that_makes_more_than_it_declares_is_found_out() -> None:
    packed = one_block(PLAIN[:30_000])
    struct.pack_into("<I", packed, 4, 29_999)
    with pytest.raises(CaptureError, match="unpacks to 30,000 bytes instead of 29,999"):
        decompress(bytes(packed), 29_999, "x")


def test_blocks_without_end_are_refused() -> None:
    with pytest.raises(CaptureError, match="not readable LZFSE"):
        declared_bytes(b"bvx-\0\0\0\0" * 20_000, "x")
