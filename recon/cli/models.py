"""``recon models``: the networks that can be had by name."""

from rich.table import Table

from recon.cli import console


def models() -> None:
    """List the networks by name, with size and licence, and whether they are on this machine."""
    from promptda import zoo

    grid = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "MB", "here", "licence of the weights"):
        grid.add_column(column, justify="right" if column == "MB" else "left")
    for published in zoo.PUBLISHED:
        here = "yes" if zoo.cached(published) else "no"
        grid.add_row(published.name, str(published.size_mb), here, published.licence)
    console.out.print(grid)
