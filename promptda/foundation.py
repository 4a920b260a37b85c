"""A network to be trained, started from the weights of another one."""

from pathlib import Path
from typing import overload

from promptda import zoo
from promptda.checkpoints import check_standardisation, form_of
from promptda.depth_pro import DepthProArchitecture, PromptedDepthPro
from promptda.depth_pro_files import start_depth_pro
from promptda.network import Architecture, PromptedDepth
from promptda.published_forms import PROMPTING, Form, Tensors
from promptda.tensor_files import as_expected, check_fit, read

ENCODER = "encoder.vit."  # prefix of all that a bare DINOv2 has
UNCERTAINTY = "head.uncertainty."  # prefix of the tensors that only a LaplaceHead has
OPTIONAL = (PROMPTING, UNCERTAINTY)  # what a foundation need not have


@overload
def load_foundation(name_or_path: str | Path, architecture: Architecture) -> PromptedDepth: ...
@overload
def load_foundation(name_or_path: str | Path, architecture: DepthProArchitecture) -> PromptedDepthPro: ...


def load_foundation(
    name_or_path: str | Path, architecture: Architecture | DepthProArchitecture
) -> PromptedDepth | PromptedDepthPro:
    """A network of this architecture with the file's encoder, decoder and head; what the file lacks is new.

    The file may be Depth Anything V2, relative or metric, as released (``.pth``) or as in
    ``transformers``; a bare DINOv2 in either form, which gives the encoder alone; for a
    ``DepthProArchitecture`` Apple's ``depth_pro.pt`` or that of ``transformers``; or any file that
    ``promptda.load`` reads. Its prompt design is taken over where it fits the architecture's
    (``fusion`` fits ``masked-fusion`` too); another design starts anew, without effect. So does a
    predicted uncertainty.

    A metric Depth Anything multiplies a sigmoid by its greatest depth; that sigmoid is this network's
    normalised depth at once. The last layer of a relative model speaks of inverse depth and has to be
    turned by training.

    Raises:
        WeightsError: unknown name, no such file, damaged file, tensors that do not fit.
    """
    path = zoo.locate(name_or_path, foundations=True)
    tensors, metadata = read(path)
    check_standardisation(path, tensors)
    form = form_of(path, tensors, metadata)
    if isinstance(architecture, DepthProArchitecture):
        return start_depth_pro(path, tensors, form, architecture).train()
    return _start(path, tensors, form, architecture).train()


def _start(path: Path, tensors: Tensors, form: Form, architecture: Architecture) -> PromptedDepth:
    model = PromptedDepth(architecture)
    state = model.state_dict()
    has_design = _has_design(tensors, form, state)

    def is_taken(own_key: str) -> bool:
        return own_key in state and (has_design or not own_key.startswith(PROMPTING))

    names = {key: form.own_key(key) for key in tensors}
    taken = {key: tensors[key] for key, own in names.items() if not own.startswith(OPTIONAL) or is_taken(own)}
    present = {names[key] for key in taken}
    needed = {own: tensor for own, tensor in state.items() if own in present or _is_due(own, form)}
    check_fit(path, taken, form.from_ours(needed), architecture.encoder)
    model.load_state_dict(as_expected(form.to_ours(taken), state), strict=False)
    if not has_design:
        model.prompting.start_from(model.encoder)
    return model


def _is_due(own_key: str, form: Form) -> bool:
    """Whether a file of this form must have it."""
    return own_key.startswith(ENCODER) if form.encoder_only else not own_key.startswith(OPTIONAL)


def _has_design(tensors: Tensors, form: Form, state: Tensors) -> bool:
    """Whether the file holds a prompt design, all of which has a place in the network."""
    shapes = {form.own_key(key): tensor.shape for key, tensor in tensors.items()}
    designed = [own for own in shapes if own.startswith(PROMPTING)]
    return bool(designed) and all(own in state and state[own].shape == shapes[own] for own in designed)
