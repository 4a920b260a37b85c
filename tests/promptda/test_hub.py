"""Downloads from a Hub on the loopback: verified before they are believed, and taken up where they broke off."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
from fake_hub import Behaviour, serve

from promptda import WeightsError, hub, zoo

PUBLISHED = zoo.PUBLISHED[0]
CONTENT = bytes(range(256)) * 40
HALF = len(CONTENT) // 2


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


@pytest.fixture
def start(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Behaviour], Behaviour]]:
    """Serves a behaviour as if it were the Hub."""
    servers = []

    def start(behaviour: Behaviour) -> Behaviour:
        server = serve(behaviour)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        return behaviour

    # So small that a broken connection loses little, and no second of waiting before it is taken up.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 256)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _seconds: None)
    huggingface_hub.utils.disable_progress_bars()
    yield start
    huggingface_hub.utils.enable_progress_bars()
    for server in servers:
        server.shutdown()
        server.server_close()


Start = Callable[[Behaviour], Behaviour]


def blobs(cache: Path) -> list[Path]:
    return list(cache.glob("models--*/blobs/*"))


def test_a_download_lies_in_the_cache_under_its_name_and_is_not_fetched_twice(start: Start, cache: Path) -> None:
    behaviour = start(Behaviour(CONTENT))
    path = zoo.download(PUBLISHED)
    assert path.read_bytes() == CONTENT
    assert cache in path.parents
    assert zoo.cached(PUBLISHED) == path
    assert zoo.locate(PUBLISHED.name) == path
    zoo.download(PUBLISHED)
    assert behaviour.asked_from == [0]
    assert not hub.is_damaged(path)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(start: Start) -> None:
    behaviour = start(Behaviour(CONTENT, breaks_after=[HALF, 512]))
    assert zoo.download(PUBLISHED).read_bytes() == CONTENT
    assert behaviour.asked_from == [0, HALF, HALF + 512]


def test_a_download_that_failed_is_taken_up_by_the_next(start: Start, cache: Path) -> None:
    partial = cache / f"models--{PUBLISHED.repository.replace('/', '--')}" / "blobs" / f"{sha256(CONTENT)}.incomplete"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[:HALF])
    behaviour = start(Behaviour(CONTENT, fails=True))
    with pytest.raises(WeightsError, match=r"cannot be fetched \(.*403"):
        zoo.download(PUBLISHED)
    assert zoo.cached(PUBLISHED) is None
    behaviour.fails = False
    assert zoo.download(PUBLISHED).read_bytes() == CONTENT
    assert behaviour.asked_from == [HALF]
    assert not partial.exists()


@pytest.mark.parametrize("stray", [b"other" * HALF, CONTENT[:-1] + b"!"], ids=["too long", "as long"])
def test_a_partial_file_of_other_bytes_ends_in_no_wrong_weights(start: Start, cache: Path, stray: bytes) -> None:
    partial = cache / f"models--{PUBLISHED.repository.replace('/', '--')}" / "blobs" / f"{sha256(CONTENT)}.incomplete"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(stray)
    start(Behaviour(CONTENT))
    if len(stray) == len(CONTENT):  # complete, so it is verified
        with pytest.raises(WeightsError, match="was removed; download it again"):
            zoo.download(PUBLISHED)
    assert zoo.download(PUBLISHED).read_bytes() == CONTENT


def test_wrong_bytes_of_the_right_size_are_removed_and_told(start: Start, cache: Path) -> None:
    start(Behaviour(CONTENT, stated=sha256(CONTENT[::-1])))
    with pytest.raises(WeightsError, match="vits: what came from .* is not what the Hub states, and was removed; "):
        zoo.download(PUBLISHED)
    assert blobs(cache) == []
    assert zoo.cached(PUBLISHED) is None


def test_a_file_without_a_stated_sha256_is_not_downloaded(start: Start) -> None:
    behaviour = start(Behaviour(CONTENT, stated="0123456789abcdef0123456789abcdef01234567"))
    with pytest.raises(WeightsError, match="comes without a size and a SHA-256"):
        zoo.download(PUBLISHED)
    assert behaviour.asked_from == []


def test_damage_in_the_cache_is_seen_and_can_be_removed(start: Start, cache: Path) -> None:
    start(Behaviour(CONTENT))
    path = zoo.download(PUBLISHED)
    path.resolve().write_bytes(CONTENT[:-1])
    assert hub.is_damaged(path)
    hub.discard(path)
    assert zoo.cached(PUBLISHED) is None
    assert blobs(cache) == []
    assert zoo.download(PUBLISHED).read_bytes() == CONTENT


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
