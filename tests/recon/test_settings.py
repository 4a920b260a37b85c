import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import UsageError
from recon.settings import Settings, read_toml

text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)
settings = st.builds(
    Settings,
    depth=st.sampled_from(["auto", "sensor"]),
    model=st.none() | text,
    device=st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:3"]),
    precision=st.sampled_from(["auto", "fp32", "bf16", "fp16"]),
    compile=st.booleans(),
    batch_size=st.none() | st.integers(1, 256),
    resolution=st.sampled_from(["auto", "native"]) | st.builds("{}x{}".format, *[st.integers(1, 8192)] * 2),
    keyframes=st.sampled_from(["auto", "all"]) | st.integers(1, 99).map(str),
    max_frames=st.none() | st.integers(1),
    start=st.none() | st.integers(-9, 100),
    stop=st.none() | st.integers(101, 10**9),
    poses=text,
    min_confidence=st.none() | st.integers(0, 2),
    max_depth=st.floats(0.01, 999),
    voxel_size=st.none() | st.floats(0.0005, 10),
    simplify=st.none() | st.integers(4),
    workers=st.integers(1, 64),
)


@given(settings)
def test_settings_come_back_from_their_file(tmp_path_factory: pytest.TempPathFactory, values: Settings) -> None:
    path = tmp_path_factory.getbasetemp() / "settings.toml"
    path.write_bytes(values.to_toml().encode())
    assert Settings.from_toml(path) == values


def test_the_defaults_are_within_their_own_limits() -> None:
    assert dataclasses.replace(Settings()) == Settings()
    assert Settings().size is None
    assert Settings(resolution="1008x756").size == (1008, 756)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("device", "cuda:", "auto, cpu, cuda, cuda:N or mps"),
        ("device", "tpu", "auto, cpu, cuda, cuda:N or mps"),
        ("engine", "onnx", "torch or openvino"),
        ("precision", "fp8", "auto, fp32, bf16, fp16"),
        ("precision", "int8", "auto, fp32, bf16, fp16"),
        ("batch_size", 0, "from 1 to 256"),
        ("batch_size", 257, "from 1 to 256"),
        ("resolution", "0x756", "native or WIDTHxHEIGHT"),
        ("resolution", "1008", "native or WIDTHxHEIGHT"),
        ("resolution", "8193x756", "up to 8192"),
        ("resolution", "9" * 5000 + "x1", "native or WIDTHxHEIGHT"),
        ("keyframes", "0", "auto, all or a positive number"),
        ("keyframes", "-3", "auto, all or a positive number"),
        ("max_frames", 0, "at least 1"),
        ("min_confidence", 3, "0, 1 or 2"),
        ("max_depth", 0.0, "between 0 and 1000"),
        ("max_depth", float("nan"), "between 0 and 1000"),
        ("max_depth", float("inf"), "between 0 and 1000"),
        ("voxel_size", 0.0, "metres from 0.0005 to 10"),
        ("voxel_size", float("nan"), "metres from 0.0005 to 10"),
        ("simplify", 3, "at least 4 triangles"),
        ("workers", 0, "from 1 to 64"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_wanted(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Settings().updated({name: value}, "options")
    assert str(caught.value).startswith(f"options: {name.replace('_', '-')} is {value}")


@pytest.mark.parametrize(
    ("name", "value"), [("device", "cuda"), ("device", "mps"), ("precision", "fp16"), ("compile", True)]
)
def test_what_openvino_cannot_do_is_refused(name: str, value: object) -> None:
    assert Settings(engine="openvino", device="cpu", precision="bf16").engine == "openvino"
    assert Settings().updated({name: value}, "options") != Settings()
    with pytest.raises(UsageError, match=f"options: {name} is .* with --engine openvino"):
        Settings(engine="openvino").updated({name: value}, "options")


def test_an_unknown_depth_source_is_refused() -> None:
    with pytest.raises(UsageError, match="must be auto, model or sensor"):
        Settings().updated({"depth": "laser"}, "options")


def test_a_range_of_frames_must_not_be_empty() -> None:
    with pytest.raises(UsageError, match="stop is 5; it must be above start, which is 5"):
        Settings(start=5, stop=5)


def test_whole_numbers_are_good_lengths() -> None:
    assert Settings().updated({"voxel_size": 1, "max_depth": 4}, "options").voxel_size == 1.0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("voxels = 1", "no setting is called 'voxels'; there are depth, model"),
        ('workers = "two"', "workers is 'two'"),
        ("workers = true", "workers is True"),
        ("compile = 1", "compile is 1; it must be true or false"),
        ("workers = 1.5", "workers is 1.5"),
        ("model = 3", "model is 3"),
        ("[depth]\nx = 1", "depth is"),
        ("workers = 99", "workers is 99; it must be from 1 to 64"),
        ("not toml", "not a TOML file"),
    ],
)
def test_a_settings_file_that_does_not_fit_is_one_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=words) as caught:
        Settings.from_toml(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_settings_file_that_is_not_there_or_not_text_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_toml(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a TOML file"):
        read_toml(tmp_path / "binary.toml")
    with pytest.raises(UsageError, match="too long for settings"):
        read_toml(Path("/dev/zero"))
