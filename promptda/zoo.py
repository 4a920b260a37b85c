"""Published networks by name, fetched through the Hugging Face cache."""

from dataclasses import dataclass
from pathlib import Path

from promptda.errors import WeightsError

REPLY_TIMEOUT_S = 5.0  # for the server's first answer, so that being offline is noticed soon
FILES_OF_A_REPOSITORY = ("model.safetensors", "model.ckpt")  # in order of preference


@dataclass(frozen=True)
class Published:
    """One file of weights on the Hugging Face Hub."""

    name: str
    repository: str
    file: str
    size_mb: int  # four bytes a parameter
    licence: str


_ON_NON_COMMERCIAL = "Apache-2.0 as published; starts from Depth Anything V2 Large, which is CC-BY-NC-4.0"

PUBLISHED = (
    Published("vits", "depth-anything/prompt-depth-anything-vits-hf", "model.safetensors", 100, "Apache-2.0"),
    Published("vitl", "depth-anything/prompt-depth-anything-vitl-hf", "model.safetensors", 1360, _ON_NON_COMMERCIAL),
    Published(
        "vits-transparent",
        "depth-anything/prompt-depth-anything-vits-transparent-hf",
        "model.safetensors",
        100,
        "Apache-2.0",
    ),
    Published("vits-ckpt", "depth-anything/prompt-depth-anything-vits", "model.ckpt", 100, "Apache-2.0"),
    Published("vitl-ckpt", "depth-anything/prompt-depth-anything-vitl", "model.ckpt", 1360, _ON_NON_COMMERCIAL),
    Published(
        "vits-transparent-ckpt",
        "depth-anything/prompt-depth-anything-vits-transparent",
        "model.ckpt",
        100,
        "Apache-2.0",
    ),
)


def locate(name_or_path: str | Path) -> Path:
    """The file of weights that this names: a published name or its repository, a file, or a folder with one.

    A published name wins over a file of that name (write ``./vits`` for the file). A download
    happens once, into the Hugging Face cache.
    """
    name = str(name_or_path)
    for published in PUBLISHED:
        if name in (published.name, published.repository):
            return cached(published) or download(published)
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        for file in FILES_OF_A_REPOSITORY:
            if (path / file).is_file():
                return path / file
        raise WeightsError(f"{path}: no {' or '.join(FILES_OF_A_REPOSITORY)} inside; give the file of weights itself")
    if not path.is_file():
        names = ", ".join(published.name for published in PUBLISHED)
        raise WeightsError(f"{name}: neither a file nor the name of a network; the names are {names}")
    return path


def cached(published: Published) -> Path | None:
    """The file in the Hugging Face cache, None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(published.repository, published.file)
    return Path(found) if isinstance(found, str) else None


def download(published: Published) -> Path:
    """The file, fetched into the Hugging Face cache; an interrupted download continues."""
    import huggingface_hub as hub

    if hub.constants.HF_HUB_OFFLINE:
        raise WeightsError(
            f"{published.name}: not in the Hugging Face cache and HF_HUB_OFFLINE is set; "
            f"unset it once to download {published.size_mb} MB from {published.repository}"
        )
    try:
        # Asked first because the download itself repeats a failed question for half a minute.
        hub.get_hf_file_metadata(hub.hf_hub_url(published.repository, published.file), timeout=REPLY_TIMEOUT_S)
        return Path(hub.hf_hub_download(published.repository, published.file, etag_timeout=REPLY_TIMEOUT_S))
    except Exception as problem:  # of whichever HTTP client this version of huggingface_hub uses, or the disk
        reason = str(problem).strip().splitlines() or [type(problem).__name__]
        raise WeightsError(
            f"{published.name}: not in the Hugging Face cache and {published.repository} cannot be fetched "
            f"({reason[0]}); connect to the network, or give the path of a file of weights"
        ) from problem
