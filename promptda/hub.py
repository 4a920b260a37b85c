"""Single files from the Hugging Face Hub into its cache: taken up where a download broke off, and verified."""

import hashlib
import re
from pathlib import Path

REPLY_TIMEOUT_S = 5.0  # for the server's first answer, so that being offline is noticed soon
SHA256 = re.compile("[0-9a-f]{64}")


class OfflineError(Exception):
    """The settings of huggingface_hub forbid to ask the network."""


class MismatchError(Exception):
    """The bytes of a file are not those that the Hub states."""


def cached(repository: str, file: str) -> Path | None:
    """The file in the cache, None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file)
    return Path(found) if isinstance(found, str) else None


def fetch(repository: str, file: str) -> Path:
    """The file, downloaded into the cache unless it is there; no byte of it is in the cache before all are verified.

    huggingface_hub finds its way and shows its progress, but starts anew after an interrupted
    process, and compares only the size.

    Raises:
        OfflineError: offline by the settings of huggingface_hub.
        MismatchError: the download is not what the Hub states, or it states no SHA-256.
        Exception: of its HTTP client or the disk.
    """
    import huggingface_hub as hub
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import WeakFileLock

    if hub.constants.HF_HUB_OFFLINE:
        raise OfflineError
    url = hub.hf_hub_url(repository, file)
    # Asked first because hf_hub_download repeats a failed question for half a minute.
    stated = hub.get_hf_file_metadata(url, timeout=REPLY_TIMEOUT_S)
    if stated.size is None or stated.etag is None or not SHA256.fullmatch(stated.etag):
        raise MismatchError(f"{url} comes without a size and a SHA-256 to verify it by")
    cache, folder = Path(hub.constants.HF_HUB_CACHE), repo_folder_name(repo_id=repository, repo_type="model")
    blob = cache / folder / "blobs" / stated.etag
    lock = cache / ".locks" / folder / f"{stated.etag}.lock"  # where huggingface_hub has its own
    for parent in (blob.parent, lock.parent):
        parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.exists():
            partial = blob.with_name(f"{stated.etag}.incomplete")
            _append(url, partial, stated.size)
            if partial.stat().st_size != stated.size or sha256(partial) != stated.etag:
                partial.unlink()
                raise MismatchError(f"what came from {url} is not what the Hub states")
            partial.replace(blob)
    # The bytes are there: this puts their name to them.
    return Path(hub.hf_hub_download(repository, file, etag_timeout=REPLY_TIMEOUT_S))


def _append(url: str, partial: Path, size: int) -> None:
    """Download what the partial file lacks."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    have = partial.stat().st_size if partial.exists() else 0
    if have == size:
        return
    with partial.open("ab" if have < size else "wb") as file:
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # compressed bytes would count differently
        http_get(url, file, resume_size=file.tell(), headers=headers, expected_size=size)


def is_damaged(file: Path) -> bool:
    """Whether the bytes of a cached file are others than the SHA-256 by which the cache names them.

    Where the cache is made without links, and names its files by no SHA-256, they cannot be compared.
    """
    name = file.resolve().name
    return SHA256.fullmatch(name) is not None and sha256(file) != name


def discard(file: Path) -> None:
    """Remove a file from the cache, its name and its bytes."""
    file.resolve().unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
