from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

import promptda
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
    for words in ("vits", "vitl", "Apache-2.0", "CC-BY-NC-4.0"):
        assert words in lines


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
        (["download", "nothing"], "the names are vits"),
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
