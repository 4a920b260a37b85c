"""Networks by name, the one that ships and published ones, and the file that a name or a path means."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from promptda import hub
from promptda.errors import WeightsError

FILES_OF_A_REPOSITORY = ("model.safetensors", "model.ckpt")  # in order of preference
NOT_PROMPTED = (
    "a foundation, which takes no prompt; promptda.load_foundation starts training from it, "
    "networks that predict are vits and vitl"
)

SHIPPED = "lite"  # the network inside this package
SHIPPED_FILE = Path(__file__).with_name("weights") / "lite.safetensors"
SHIPPED_LICENCE = "Apache-2.0"

Kind = Literal["network", "foundation"]  # takes a prompt, or is what training starts from


@dataclass(frozen=True)
class Published:
    """One file of weights on the Hugging Face Hub, as its main branch has it.

    No revision is pinned: what the Hub states about the file at the time is what it is held against.
    """

    name: str
    repository: str
    file: str
    size_mb: int  # rounded
    licence: str
    kind: Kind


_APACHE = "Apache-2.0"
_NON_COMMERCIAL = "CC-BY-NC-4.0"
_APPLE = "apple-amlr: for research"
_DERIVED = f"{_APACHE} (base: {_NON_COMMERCIAL})"  # what the card says, and what the weights it started from are under


def _prompted(name: str, size_mb: int, licence: str) -> tuple[Published, Published]:
    repository = f"depth-anything/prompt-depth-anything-{name}"
    return (
        Published(name, f"{repository}-hf", "model.safetensors", size_mb, licence, "network"),
        Published(f"{name}-ckpt", repository, "model.ckpt", size_mb, licence, "network"),
    )


def _depth_anything(name: str, repository: str, file: str, larger: str) -> tuple[Published, ...]:
    return tuple(
        Published(f"{name}-{vit}", f"{repository}-{size}", f"{file}_{vit}.pth", size_mb, licence, "foundation")
        for vit, size, size_mb, licence in (
            ("vits", "Small", 99, _APACHE),
            ("vitb", "Base", 390, larger),
            ("vitl", "Large", 1341, larger),
        )
    )


def _dinov2(vit: str, size: str, size_mb: int) -> tuple[Published, Published]:
    file = "model.safetensors"
    plain, registers = f"facebook/dinov2-{size}", f"facebook/dinov2-with-registers-{size}"
    return (
        Published(f"dinov2-{vit}", plain, file, size_mb, _APACHE, "foundation"),
        Published(f"dinov2-{vit}-registers", registers, file, size_mb, _APACHE, "foundation"),
    )


_V2, _FILE = "depth-anything/Depth-Anything-V2", "depth_anything_v2"

PUBLISHED = (
    *_prompted("vits", 100, _APACHE),
    *_prompted("vitl", 1360, _DERIVED),
    *_prompted("vits-transparent", 100, _APACHE),
    *_depth_anything("depth-anything-v2", _V2, _FILE, _NON_COMMERCIAL),
    *_depth_anything("depth-anything-v2-indoor", f"{_V2}-Metric-Hypersim", f"{_FILE}_metric_hypersim", _DERIVED),
    *_depth_anything("depth-anything-v2-outdoor", f"{_V2}-Metric-VKITTI", f"{_FILE}_metric_vkitti", _DERIVED),
    *_dinov2("vits", "small", 88),
    *_dinov2("vitb", "base", 346),
    *_dinov2("vitl", "large", 1217),
    *_dinov2("vitg", "giant", 4546),
    Published("depth-pro", "apple/DepthPro", "depth_pro.pt", 1904, _APPLE, "foundation"),
    Published("depth-pro-hf", "apple/DepthPro-hf", "model.safetensors", 1904, _APPLE, "foundation"),
)


def find(name: str) -> Published | None:
    """What is published under this name or in this repository."""
    for published in PUBLISHED:
        if name in (published.name, published.repository):
            return published
    return None


def locate(name_or_path: str | Path, foundations: bool = False) -> Path:
    """The file of weights that this names: a published name or its repository, a file, or a folder with one.

    A name wins over a file of that name (write ``./vits`` for the file). A download
    happens once, into the Hugging Face cache; names of foundations count only with ``foundations``.

    Raises:
        WeightsError: nothing has that name, or it is neither cached nor to be had.
    """
    if str(name_or_path) == SHIPPED:
        return SHIPPED_FILE
    published = find(str(name_or_path))
    if published is not None:
        if published.kind == "foundation" and not foundations:
            raise WeightsError(f"{published.name}: {NOT_PROMPTED}")
        return cached(published) or download(published)
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        for file in FILES_OF_A_REPOSITORY:
            if (path / file).is_file():
                return path / file
        raise WeightsError(f"{path}: no {' or '.join(FILES_OF_A_REPOSITORY)} inside; give the file of weights itself")
    if not path.is_file():
        raise WeightsError(f"{name_or_path}: neither a file nor the name of a network; {names(foundations)}")
    return path


def names(foundations: bool) -> str:
    """The names there are, for a sentence."""
    published = [p.name for p in PUBLISHED if foundations or p.kind == "network"]
    return f"the names are {', '.join([SHIPPED, *published])}"


def cached(published: Published) -> Path | None:
    """The file in the Hugging Face cache, None if it is not there."""
    return hub.cached(published.repository, published.file)


def download(published: Published) -> Path:
    """The file, fetched into the Hugging Face cache and held against the size and SHA-256 that the Hub states.

    What an interrupted download has left is taken up.

    Raises:
        WeightsError: offline, no answer within seconds, no room, or other bytes than stated.
    """
    try:
        return hub.fetch(published.repository, published.file)
    except hub.OfflineError as problem:
        raise WeightsError(
            f"{published.name}: not in the Hugging Face cache and HF_HUB_OFFLINE is set; "
            f"unset it once to download {published.size_mb} MB from {published.repository}"
        ) from problem
    except hub.MismatchError as problem:
        raise WeightsError(f"{published.name}: {problem}, and was removed; download it again") from problem
    except Exception as problem:  # of whichever HTTP client this version of huggingface_hub uses, or the disk
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
        raise WeightsError(
            f"{published.name}: not in the Hugging Face cache and {published.repository} cannot be fetched "
            f"({reason}); connect to the network or make room, or give the path of a file of weights"
        ) from problem
