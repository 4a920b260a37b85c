"""Files that a command is asked to write beside its answer."""

from pathlib import Path

from recon.errors import UsageError


def require_place(path: Path | None, suffix: str, overwrite: bool) -> None:
    """Refuses, before any work, a file of another kind, one that is there already, and one in no folder."""
    if path is None:
        return
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path}: the file must end in {suffix}")
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: exists already; give --overwrite or another name")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent}: no such folder; make it or choose another")
