"""``recon models``: the weights that can be had by name, and their files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from recon.cli import console, options
from recon.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from promptda import zoo


class _ListByDefault(TyperGroup):
    """Takes ``recon models`` for ``recon models list``, and options without a verb for the list's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


models = typer.Typer(cls=_ListByDefault, help="List networks; fetch, convert or export their weights.")

NameOrFile = Annotated[str, typer.Argument(help="A network's name, or a file of weights.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


@models.command("list")
def list_models(as_json: options.Json = False) -> None:
    """List the weights by name, with size and licence, and whether they are on this machine.

    A network predicts; a foundation is what training starts from.
    """
    from rich.table import Table

    from promptda import zoo

    rows = [(published, zoo.cached(published)) for published in zoo.PUBLISHED]
    size_mb = round(zoo.SHIPPED_FILE.stat().st_size / 1e6)
    if as_json:
        shipped = {
            "name": zoo.SHIPPED, "kind": "network", "repository": None, "file": zoo.SHIPPED_FILE.name,
            "size_mb": size_mb, "licence": zoo.SHIPPED_LICENCE, "cached": str(zoo.SHIPPED_FILE),
        }  # fmt: skip
        console.print_json({"models": [shipped, *(_facts(published, cached) for published, cached in rows)]})
        return
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "kind", "MB", "cached", "licence"):
        grid.add_column(column, justify="right" if column == "MB" else "left", no_wrap=column == "name")
    grid.add_row(zoo.SHIPPED, "network", str(size_mb), "ships", zoo.SHIPPED_LICENCE)
    for published, cached in rows:
        here = "yes" if cached else "no"
        grid.add_row(published.name, published.kind, str(published.size_mb), here, published.licence)
    console.out.print(grid)
    console.out.print("base: what the weights were trained from, whose licence may bind them too")


@models.command()
def download(
    name: Annotated[str, typer.Argument(help="A name that recon models lists.", show_default=False)],
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Fetch weights into the Hugging Face cache, verified, and print where they lie.

    Weights that are there already are verified too, and fetched again if they are damaged.
    """
    from promptda import hub, zoo

    published = zoo.find(name)
    if published is None:
        raise UsageError(f"{name}: nothing to download has that name; {zoo.names(foundations=True)}")
    path = zoo.cached(published)
    if path is not None and hub.is_damaged(path):
        hub.discard(path)
        if not (quiet or as_json):
            console.err.print(f"{path}: damaged in the cache and removed; fetching it again", markup=False)
        path = None
    if path is None:
        with _in_our_words(), _progress_bar(shown=not (quiet or as_json)):
            path = zoo.download(published)
    if as_json:
        console.print_json(_facts(published, path))
    elif not quiet:
        typer.echo(path)


def _facts(published: "zoo.Published", cached: Path | None) -> dict[str, Any]:
    return {
        "name": published.name, "kind": published.kind, "repository": published.repository, "file": published.file,
        "size_mb": published.size_mb, "licence": published.licence, "cached": str(cached) if cached else None,
    }  # fmt: skip


@contextmanager
def _progress_bar(shown: bool) -> Iterator[None]:
    """Of the download; where the environment speaks of it already, that counts."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if shown or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@models.command()
def convert(
    source: NameOrFile,
    out: Annotated[Path, typer.Argument(help="The .safetensors file to write.", show_default=False)],
    overwrite: Overwrite = False,
) -> None:
    """Write any published form of the weights as one safetensors file that says what network it holds."""
    _require_place(out, ".safetensors", overwrite)
    import promptda

    with _in_our_words():
        promptda.save(promptda.load(source), out)
    typer.echo(out)


@models.command()
def export(
    source: NameOrFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .onnx file to write.", show_default=False)],
    half: Annotated[bool, typer.Option("--half", help="In half precision, at half the size.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a network as one ONNX file for phones and other runtimes, checked against PyTorch first.

    Height and width are free; prompts of any size; needs the extra promptda-recon[export].
    """
    _require_place(out, ".onnx", overwrite)
    import promptda
    from promptda.export import to_onnx

    with _in_our_words():
        network = promptda.load(source)
        if isinstance(network, promptda.PromptedDepthPro):
            raise UsageError(f"{source}: a prompted Depth Pro, for which there is no export; use it in PyTorch")
        agreement = to_onnx(network, out, half)
    typer.echo(f"{out}: differs from PyTorch by at most {agreement.greatest_error:.1e} of the prompt's range")


def _require_place(out: Path, suffix: str, overwrite: bool) -> None:
    if out.suffix.lower() != suffix:
        raise UsageError(f"{out}: the file must end in {suffix}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: exists already; give --overwrite or another name")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: no such folder; make it or choose another")


@contextmanager
def _in_our_words() -> Iterator[None]:
    """``promptda`` knows nothing of our errors."""
    from promptda.errors import ExportError
    from promptda.errors import WeightsError as TheirWeightsError

    try:
        yield
    except (TheirWeightsError, ExportError) as error:
        raise WeightsError(str(error)) from error
