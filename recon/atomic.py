"""Files that are either whole or not there."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from recon.errors import UsageError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` with its extension, which takes its place when the block succeeds."""
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}{path.suffix}")  # short, as the name may be the longest
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file, and nobody knows the temporary one
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """The data as a file; an interrupted call leaves the earlier file or none."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def make_folder(folder: Path) -> None:
    """Makes the folder and tries to write into it; ``UsageError`` says why that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{uuid.uuid4().hex[:8]}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"{folder}: nothing can be written there ({error.strerror}); choose another folder") from error
