"""LZFSE decompression of data that is not trusted, up to the size that the caller expects."""

import struct

import lzfse

from recon.errors import CaptureError

SHORTEST_MATCH_BYTES = 3  # of the encoder; only runs of literals are cut into parts without a match
LONGEST_LITERALS_BYTES = 315
LITERALS_PADDING = 3  # their number is rounded up to a multiple of four
MAX_BLOCKS = 10_000  # of at most some 40,000 literals each; a picture has a few dozen


def decompress(data: bytes, expected_bytes: int, name: str) -> bytes:
    """Exactly ``expected_bytes`` unpacked bytes; ``CaptureError`` where there are more, fewer or none."""
    size = declared_bytes(data, name)
    if size == expected_bytes:
        try:
            unpacked: bytes = lzfse.decompress(data)
        except lzfse.error as error:
            raise _damaged(name) from error
        size = len(unpacked)
    if size != expected_bytes:
        raise CaptureError(f"{name}: unpacks to {size:,} bytes instead of {expected_bytes:,}; export the capture again")
    return unpacked


def declared_bytes(data: bytes, name: str) -> int:
    """The unpacked size that the block headers declare, without unpacking.

    The decoder trusts the counts of literals and matches instead, so these are held against the
    declared size: a match of 3 bytes at least may claim 2359, which bounds memory to some 800 times
    the declared size, in place of 100,000 times the packed one.
    """
    at = total = 0
    for _ in range(MAX_BLOCKS):
        magic = data[at : at + 4]
        if magic == b"bvx$":
            return total
        try:
            unpacked, literals, matches, packed = _block(data, at, magic)
        except struct.error as error:
            raise _damaged(name) from error
        fewest_matches_bytes = SHORTEST_MATCH_BYTES * (matches - 1 - literals // LONGEST_LITERALS_BYTES)
        if packed == 0 or literals - LITERALS_PADDING > unpacked or fewest_matches_bytes > unpacked:
            break
        at += packed
        total += unpacked
    raise _damaged(name)


def _block(data: bytes, at: int, magic: bytes) -> tuple[int, int, int, int]:
    """Unpacked bytes, literals, matches and packed bytes (0 for an unknown kind) of the block at ``at``.

    Fields as in Apple's lzfse_internal.h; the kind "bvx1" exists in memory only.
    """
    if magic == b"bvx-":  # stored
        (unpacked,) = struct.unpack_from("<I", data, at + 4)
        return unpacked, 0, 0, 8 + unpacked
    if magic == b"bvxn":  # LZVN, whose decoder stops at the declared size
        unpacked, payload = struct.unpack_from("<II", data, at + 4)
        return unpacked, 0, 0, 12 + payload
    if magic == b"bvx2":  # LZFSE
        unpacked, fields, more_fields, last_fields = struct.unpack_from("<IQQQ", data, at + 4)
        literals, literal_payload, matches = (fields >> shift & 0xFFFFF for shift in (0, 20, 40))
        match_payload = more_fields >> 40 & 0xFFFFF
        header = last_fields & 0xFFFFFFFF
        return unpacked, literals, matches, header + literal_payload + match_payload
    return 0, 0, 0, 0


def _damaged(name: str) -> CaptureError:
    return CaptureError(f"{name}: not readable LZFSE data, perhaps cut short; export the capture again")
