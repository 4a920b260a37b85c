"""Files of weights: every published form is read, everything else is one sentence."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PromptDepthAnythingConfig, PromptDepthAnythingForDepthEstimation

import promptda
from promptda import Architecture, PromptedDepth, WeightsError
from promptda.published_forms import FORMS, OFFICIAL, TRANSFORMERS, Form

Tensors = dict[str, Tensor]
STATISTICS = {
    "_mean": torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1),
    "_std": torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1),
}


def write_lightning(model: PromptedDepth, path: Path) -> None:
    tensors = OFFICIAL.from_ours(model.state_dict()) | STATISTICS
    torch.save({"state_dict": {f"pipeline.{key}": t for key, t in tensors.items()}, "epoch": 200}, path)


def write_state_dict(model: PromptedDepth, path: Path) -> None:
    torch.save(OFFICIAL.from_ours(model.state_dict()), path)


def write_transformers(model: PromptedDepth, path: Path) -> None:
    save_file(TRANSFORMERS.from_ours(model.state_dict()), path, {"format": "pt"})


def write_ours(model: PromptedDepth, path: Path) -> None:
    promptda.save(model, path)


def write_half(model: PromptedDepth, path: Path) -> None:
    save_file({key: t.half() for key, t in OFFICIAL.from_ours(model.state_dict()).items()}, path)


def assert_same(loaded: PromptedDepth, model: PromptedDepth, **tolerance: float) -> None:
    ours, theirs = loaded.state_dict(), model.state_dict()
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[key], **tolerance or {"rtol": 0, "atol": 0})


@pytest.mark.parametrize("write", [write_lightning, write_state_dict, write_transformers, write_ours])
def test_every_form_gives_the_same_network(
    write: Callable[[PromptedDepth, Path], None], vits: PromptedDepth, tmp_path: Path
) -> None:
    path = tmp_path / "weights"
    write(vits, path)
    loaded = promptda.load(path)
    assert loaded.architecture == vits.architecture
    assert not loaded.training
    assert_same(loaded, vits)


def test_a_loaded_network_predicts_as_the_saved_one(
    vits: PromptedDepth, tmp_path: Path, make_sample: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    promptda.save(vits, tmp_path / "ours.safetensors")
    image, prompt = make_sample(70, 98)
    with torch.inference_mode():
        assert torch.equal(promptda.load(tmp_path / "ours.safetensors")(image, prompt).depth, vits(image, prompt).depth)


def test_a_convolutional_network_returns(tmp_path: Path) -> None:
    model = PromptedDepth(Architecture("lite0", 8, "masked-fusion", "log", "laplace")).eval()
    promptda.save(model, tmp_path / "ours.safetensors")  # batch normalisation counts in whole numbers
    loaded = promptda.load(tmp_path / "ours.safetensors")
    assert loaded.architecture == model.architecture
    assert_same(loaded, model)


def test_a_file_of_ours_from_before_the_options_still_loads(vits: PromptedDepth, tmp_path: Path) -> None:
    save_file(vits.state_dict(), tmp_path / "old", {"architecture": '{"encoder": "vits", "features": 64}'})
    loaded = promptda.load(tmp_path / "old")
    assert loaded.architecture == vits.architecture
    assert_same(loaded, vits)


def test_half_precision_files_become_float32(vits: PromptedDepth, tmp_path: Path) -> None:
    write_half(vits, tmp_path / "half.safetensors")
    loaded = promptda.load(tmp_path / "half.safetensors")
    assert {t.dtype for t in loaded.state_dict().values()} == {torch.float32}
    assert_same(loaded, vits, rtol=2**-11, atol=1e-7)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_going_to_a_form_and_back_is_the_identity(form: Form, vits: PromptedDepth) -> None:
    ours = {k: t for k, t in vits.state_dict().items() if k.startswith("encoder.vit.") or not form.encoder_only}
    back = form.to_ours(form.from_ours(ours))
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], ours[key]) for key in ours)


def test_official_names_are_those_of_the_released_file(vits: PromptedDepth) -> None:
    official = OFFICIAL.from_ours(vits.state_dict()) | STATISTICS
    assert len(official) == 265
    scratch = "depth_head.scratch"
    shapes = {
        "pretrained.pos_embed": (1, 1370, 384),
        "pretrained.patch_embed.proj.weight": (384, 3, 14, 14),
        "pretrained.blocks.11.attn.qkv.weight": (1152, 384),
        "pretrained.blocks.11.ls2.gamma": (384,),
        "depth_head.projects.3.weight": (384, 384, 1, 1),
        "depth_head.resize_layers.0.weight": (48, 48, 4, 4),
        f"{scratch}.layer4_rn.weight": (64, 384, 3, 3),
        f"{scratch}.refinenet4.resConfUnit1.conv2.bias": (64,),
        f"{scratch}.refinenet1.resConfUnit_depth.0.weight": (64, 1, 3, 3),
        f"{scratch}.refinenet1.out_conv.weight": (64, 64, 1, 1),
        f"{scratch}.output_conv1.weight": (32, 64, 3, 3),
        f"{scratch}.output_conv2.2.weight": (1, 32, 1, 1),
    }
    assert {key: tuple(official[key].shape) for key in shapes} == shapes


def test_a_file_written_by_transformers_itself_loads(tmp_path: Path) -> None:
    config = PromptDepthAnythingConfig(
        backbone_config={
            "model_type": "dinov2",
            "image_size": 518,
            "patch_size": 14,
            "hidden_size": 384,
            "num_attention_heads": 6,
            "out_indices": [3, 6, 9, 12],
            "reshape_hidden_states": False,
        },
        depth_estimation_type="metric",
    )
    peer = PromptDepthAnythingForDepthEstimation(config)
    peer.save_pretrained(tmp_path)
    loaded = promptda.load(tmp_path)  # a folder as the Hub has it
    query, key, value = loaded.encoder.vit.blocks[3].attn.qkv.weight.chunk(3)
    attention = peer.backbone.encoder.layer[3].attention
    assert torch.equal(key, attention.k_proj.weight)
    assert torch.equal(query, attention.q_proj.weight)
    assert torch.equal(value, attention.v_proj.weight)
    assert sum(p.numel() for p in loaded.parameters()) == sum(p.numel() for p in peer.parameters())


def drop(key: str) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.__delitem__(key)


def put(key: str, tensor: Tensor) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({key: tensor})


NORM = "pretrained.norm.weight"
FIRST = "depth_head.scratch.refinenet1.resConfUnit_depth.0.weight"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (drop(NORM), f"does not fit a vits network; 1 missing: {NORM}$"),
        (put("extra", torch.zeros(1)), "does not fit a vits network; 1 unexpected: extra$"),
        (put(FIRST, torch.zeros(64, 2, 3, 3)), rf"1 of another shape: {FIRST} \(64, 2, 3, 3\) for \(64, 1, 3, 3\)$"),
        (put(NORM, torch.full((384,), torch.nan)), f"{NORM} is not made of finite numbers"),
        (put(NORM, torch.zeros(384, dtype=torch.int64)), f"{NORM} is not made of finite numbers"),
        (put("_mean", torch.full((1, 3, 1, 1), 0.5)), "_mean differs from ImageNet's"),
        (put("pretrained.cls_token", torch.zeros(1, 1, 1536)), "an encoder of width 1536 with 12 blocks is none of"),
        (put("pretrained.cls_token", torch.zeros(())), "an encoder of width  with 12 blocks is none of"),
        (drop("pretrained.cls_token"), "not the tensors of a Prompt Depth Anything network, it holds depth_head"),
        (put("depth_head.scratch.layer1_rn.weight", torch.zeros(7, 48, 3, 3)), r"\(7, 48, 3, 3\) for \(64, 48"),
        (put("depth_head.scratch.layer1_rn.weight", torch.zeros(())), r"layer1_rn.weight \(\) for"),
        (lambda tensors: tensors.clear(), "it holds nothing"),
    ],
)
@pytest.mark.parametrize("write", [save_file, torch.save])
def test_tensors_that_do_not_fit_are_named(
    write: Callable[[Tensors, Path], None],
    damage: Callable[[Tensors], None],
    words: str,
    vits: PromptedDepth,
    tmp_path: Path,
) -> None:
    tensors = OFFICIAL.from_ours(vits.state_dict())
    damage(tensors)
    write(tensors, tmp_path / "weights")
    with pytest.raises(WeightsError, match=words) as caught:
        promptda.load(tmp_path / "weights")
    assert str(caught.value).startswith(f"{tmp_path / 'weights'}: ")
    assert "\n" not in str(caught.value)


def test_hugging_face_names_are_reported_in_their_own_spelling(vits: PromptedDepth, tmp_path: Path) -> None:
    tensors = TRANSFORMERS.from_ours(vits.state_dict())
    missing = "backbone.encoder.layer.7.attention.attention.value.bias"
    del tensors[missing]
    save_file(tensors, tmp_path / "weights")
    with pytest.raises(WeightsError, match=f"1 missing: {missing}"):
        promptda.load(tmp_path / "weights")


class Exploit:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_refused_and_never_run(tmp_path: Path) -> None:
    torch.save({"state_dict": Exploit(tmp_path / "owned")}, tmp_path / "zip.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Exploit(tmp_path / "owned")))
    for name in ("zip.ckpt", "plain.ckpt"):
        with pytest.raises(WeightsError, match=f"{name}: not readable as weights"):
            promptda.load(tmp_path / name)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not readable as weights"),
        (b"<!DOCTYPE html><html>404</html>", "not readable as weights"),
        (b"\x80\x02}q\x00.", "not readable as weights"),
        (b"PK\x03\x04 but no archive", "not readable as weights"),
        (os.urandom(4096), "not readable as weights|damaged safetensors"),
        ((1 << 62).to_bytes(8, "little") + b"{}", "damaged safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    ],
    ids=["empty", "html", "pickle", "zip", "noise", "giant-header", "lfs"],
)
def test_what_is_not_weights_is_one_sentence(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        promptda.load(tmp_path / "weights")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("write", [write_lightning, write_transformers])
@pytest.mark.parametrize("kept", [0.0001, 0.5, 0.999])
def test_a_truncated_file_is_one_sentence(
    write: Callable[[PromptedDepth, Path], None], kept: float, vits: PromptedDepth, tmp_path: Path
) -> None:
    write(vits, tmp_path / "weights")
    os.truncate(tmp_path / "weights", int(kept * (tmp_path / "weights").stat().st_size))
    with pytest.raises(WeightsError, match="not readable as weights|damaged safetensors") as caught:
        promptda.load(tmp_path / "weights")
    assert "\n" not in str(caught.value)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", bytes(1 << 24))
    with pytest.raises(WeightsError, match="data.pkl inside is compressed"):
        promptda.load(tmp_path / "bomb.ckpt")


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": {"a": 1}}, {3: torch.zeros(1)}, torch.zeros(2)])
def test_other_pickles_are_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights")
    with pytest.raises(WeightsError, match="not a state dict|is not a plain tensor"):
        promptda.load(tmp_path / "weights")


def test_a_newer_architecture_is_refused(vits: PromptedDepth, tmp_path: Path) -> None:
    for text in (
        json.dumps({"encoder": "vits", "features": 64, "prompting": "magic"}),
        "[",
        '{"encoder": "vitz"}',
        '{"encoder": "vits", "features": 64, "head": ["depth"]}',
        "3",
    ):
        save_file(vits.state_dict(), tmp_path / "weights", {"architecture": text})
        with pytest.raises(WeightsError, match="unknown architecture"):
            promptda.load(tmp_path / "weights")


def test_an_interrupted_save_leaves_the_old_file(
    vits: PromptedDepth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ours.safetensors"
    path.write_text("before")

    def fail(_tensors: Tensors, target: str, _metadata: dict[str, str]) -> None:
        Path(target).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr("promptda.checkpoints.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        promptda.save(vits, path)
    assert [p.name for p in tmp_path.iterdir()] == ["ours.safetensors"]
    assert path.read_text() == "before"


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(WeightsError, match="loop"):
        promptda.load(tmp_path / "loop")


def test_a_saved_file_has_the_permissions_of_an_ordinary_one(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    promptda.save(PromptedDepth(Architecture("lite0", 16)), tmp_path / "saved.safetensors")
    assert (tmp_path / "saved.safetensors").stat().st_mode == ordinary.stat().st_mode
    assert {path.name for path in tmp_path.iterdir()} == {"ordinary", "saved.safetensors"}
