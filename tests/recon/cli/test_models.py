import hashlib
import json
from pathlib import Path

import pytest
import torch
from huggingface_hub.utils import tqdm
from typer.testing import CliRunner, Result

import promptda
from promptda import zoo
from promptda.errors import ExportError
from recon.cli.main import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    torch.manual_seed(0)
    promptda.save(promptda.PromptedDepth(promptda.Architecture("lite0", 16, prompting="masked-fusion")), path)
    return path


def test_networks_are_listed_with_their_licences() -> None:
    lines = run().stdout
    for words in (
        "lite",
        "ships",
        "vits",
        "vitl",
        "depth-pro",
        "network",
        "foundation",
        "Apache-2.0",
        "CC-BY-NC-4.0",
        "apple-amlr",
    ):
        assert words in lines


@pytest.mark.parametrize("verb", [["list"], []])
def test_the_list_is_there_as_json(verb: list[str]) -> None:
    listed = {model["name"]: model for model in json.loads(run(*verb, "--json").stdout)["models"]}
    assert Path(listed["lite"]["cached"]).is_file()
    assert listed["vitl"]["licence"] == "Apache-2.0 (base: CC-BY-NC-4.0)"
    assert listed["depth-pro"] | {"cached": None} == {
        "name": "depth-pro", "kind": "foundation", "repository": "apple/DepthPro", "file": "depth_pro.pt",
        "size_mb": 1904, "licence": "apple-amlr: for research", "cached": None,
    }  # fmt: skip


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was downloaded, into a cache that is empty at first."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    names: list[str] = []

    def download(published: zoo.Published) -> Path:
        with tqdm(total=2, name="huggingface_hub.http_get") as bar:
            bar.update(2)
        names.append(published.name)
        repository = tmp_path / "hub" / f"models--{published.repository.replace('/', '--')}"
        link = repository / "snapshots" / "abc" / published.file
        blob = repository / "blobs" / hashlib.sha256(b"weights").hexdigest()
        for path in (link, blob, repository / "refs" / "main"):
            path.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(b"weights")
        (repository / "refs" / "main").write_text("abc")
        link.symlink_to(blob)
        return link

    monkeypatch.setattr(zoo, "download", download)
    return names


def test_a_download_happens_once_and_says_where_it_lies(fetched: list[str]) -> None:
    for name in ("vits", "vits", "dinov2-vits"):
        result = run("download", name)
        assert Path(result.stdout.strip()).read_bytes() == b"weights", result.output
    assert fetched == ["vits", "dinov2-vits"]


def test_a_download_is_silent_when_asked(fetched: list[str]) -> None:
    assert "100%" in run("download", "vitl").stderr
    for name, option in (("vits", "--quiet"), ("vits-ckpt", "--json")):
        result = run("download", name, option)
        assert result.stderr == ""
        assert result.stdout == "" or Path(json.loads(result.stdout)["cached"]).is_file()


def test_what_is_damaged_in_the_cache_is_fetched_again(fetched: list[str]) -> None:
    path = Path(run("download", "vits").stdout.strip())
    path.resolve().write_bytes(b"weight!")
    result = run("download", "vits")
    assert "damaged in the cache and removed" in result.stderr
    assert path.read_bytes() == b"weights"
    assert fetched == ["vits", "vits"]


def test_a_converted_file_holds_the_same_network(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.safetensors"
    assert run("convert", weights, out).exit_code == 0
    before, after = promptda.load(str(weights)), promptda.load(str(out))
    assert before.architecture == after.architecture
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["convert", "nothing", "OUT/x.safetensors"], "nothing: neither a file nor the name of a network"),
        (["convert", "WEIGHTS", "OUT/x.ckpt"], "the file must end in .safetensors"),
        (["convert", "WEIGHTS", "OUT/none/x.safetensors"], "no such folder"),
        (["convert", "WEIGHTS", "WEIGHTS"], "exists already"),
        (["export", "WEIGHTS", "--out", "OUT/x.bin"], "the file must end in .onnx"),
        (["download", "nothing"], "the names are lite, vits"),
        (["convert", "depth-pro", "OUT/x.safetensors"], "depth-pro: a foundation, which takes no prompt"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence(
    weights: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    result = run(*[word.replace("WEIGHTS", str(weights)).replace("OUT", str(tmp_path)) for word in arguments])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_an_export_that_fails_is_told_and_one_that_succeeds_says_how_close_it_is(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptda import export

    def refused(model: object, path: Path, half: bool) -> None:
        raise ExportError(f"{path}: needs onnx; pip install 'promptda-recon[export]'")

    monkeypatch.setattr(export, "to_onnx", refused)
    result = run("export", weights, "--out", tmp_path / "x.onnx")
    assert result.exit_code == 2
    assert "pip install 'promptda-recon[export]'" in result.stderr
    monkeypatch.setattr(export, "to_onnx", lambda model, path, half: export.Agreement(2e-6, 1e-6, 0.2))
    assert "at most 2.0e-06 of the prompt's range" in run("export", weights, "--out", tmp_path / "x.onnx").stdout
