"""Names of published networks and where their files are."""

import os
import subprocess
import sys
import time
from pathlib import Path

import huggingface_hub
import pytest

import promptda
from promptda import WeightsError, zoo


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put_in_cache(cache: Path, published: zoo.Published, content: bytes) -> Path:
    """As huggingface_hub lays it out."""
    repository = cache / f"models--{published.repository.replace('/', '--')}"
    file = repository / "snapshots" / "abc" / published.file
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    return file


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_arguments: object, **_options: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", ask)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", ask)


def test_names_and_repositories_are_unique() -> None:
    assert len({p.name for p in zoo.PUBLISHED}) == len({p.repository for p in zoo.PUBLISHED}) == len(zoo.PUBLISHED)


@pytest.mark.parametrize("published", zoo.PUBLISHED, ids=lambda published: published.name)
def test_a_cached_file_is_found_by_name_and_repository_without_asking_the_network(
    published: zoo.Published, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put_in_cache(empty_cache, published, b"weights")
    forbid_network(monkeypatch)
    assert zoo.locate(published.name, foundations=True) == zoo.locate(published.repository, foundations=True) == file


@pytest.mark.parametrize(
    "published", [p for p in zoo.PUBLISHED if p.kind == "foundation"], ids=lambda published: published.name
)
def test_a_foundation_is_not_loaded_to_predict_nor_downloaded_for_it(
    published: zoo.Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_network(monkeypatch)
    with pytest.raises(WeightsError, match=f"^{published.name}: a foundation, which takes no prompt; "):
        promptda.load(published.name)


def test_the_cache_lies_where_the_environment_says(tmp_path: Path) -> None:
    for variable in ("HF_HUB_CACHE", "HF_HOME"):
        cache = tmp_path / variable if variable == "HF_HUB_CACHE" else tmp_path / variable / "hub"
        file = put_in_cache(cache, zoo.PUBLISHED[0], b"weights")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")} | {
            variable: str(tmp_path / variable)
        }
        program = "from promptda import zoo; print(zoo.locate('vits'))"
        answer = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert answer.stdout.strip() == str(file), answer.stderr


def test_offline_and_not_cached_is_one_sentence_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_network(monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="vits: not in the Hugging Face cache and HF_HUB_OFFLINE is set; .* 100 MB"):
        promptda.load("vits")


def test_an_unreachable_server_is_one_sentence_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "hf_hub_url", lambda *_arguments: "http://127.0.0.1:9/nobody-listens")
    started = time.monotonic()
    with pytest.raises(WeightsError, match="vitl: not in the Hugging Face cache and .* cannot be fetched") as caught:
        promptda.load("vitl")
    assert time.monotonic() - started < 10
    assert "\n" not in str(caught.value)


def test_a_path_is_itself(tmp_path: Path) -> None:
    file = tmp_path / "some.ckpt"
    file.write_bytes(b"")
    assert zoo.locate(file) == zoo.locate(str(file)) == file


def test_a_folder_holds_a_file_of_the_published_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no model.safetensors or model.ckpt inside"):
        zoo.locate(tmp_path)
    (tmp_path / "model.ckpt").write_bytes(b"")
    assert zoo.locate(tmp_path) == tmp_path / "model.ckpt"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        WeightsError, match=r"vitq: neither a file nor the name of a network; .* vits, vits-ckpt, vitl, "
    ):
        promptda.load("vitq")
