"""``recon models``: the networks that can be had by name, and their files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from recon.cli import console
from recon.errors import UsageError, WeightsError


class _ListByDefault(TyperGroup):
    """Takes ``recon models`` for ``recon models list``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["list"])


models = typer.Typer(cls=_ListByDefault, help="List networks; fetch, convert or export their weights.")

NameOrFile = Annotated[str, typer.Argument(help="A network's name, or a file of weights.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


@models.command("list")
def list_models() -> None:
    """List the networks by name, with size and licence, and whether they are on this machine."""
    from rich.table import Table

    from promptda import zoo

    grid = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "MB", "here", "licence of the weights"):
        grid.add_column(column, justify="right" if column == "MB" else "left")
    for published in zoo.PUBLISHED:
        here = "yes" if zoo.cached(published) else "no"
        grid.add_row(published.name, str(published.size_mb), here, published.licence)
    console.out.print(grid)


@models.command()
def download(name: NameOrFile) -> None:
    """Fetch a network's weights once and print where they lie."""
    from promptda import zoo

    with _in_our_words():
        typer.echo(zoo.locate(name))


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
        agreement = to_onnx(promptda.load(source), out, half)
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
