"""The ``recon`` command: its verbs, and how each kind of failure ends."""

import errno
import logging
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from recon.cli import depth, inspect, models, reconstruct
from recon.errors import ReconError

DEFAULT_COMMAND = "reconstruct"
EXIT_USAGE, EXIT_BUG, EXIT_INTERRUPTED = 2, 1, 130
# What a full or forbidden disk answers, whichever file it was.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)

logger = logging.getLogger(__name__)


class _CaptureFirst(TyperGroup):
    """Takes ``recon scan.zip`` for ``recon reconstruct scan.zip``, and turns failures into exit codes.

    A verb's name wins over a file of that name, which ``./depth`` still reaches.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ReconError as error:
            _say(f"error: {error}")
            logger.debug("%s", error, exc_info=True)
            raise typer.Exit(EXIT_USAGE) from error
        except KeyboardInterrupt as error:
            _say("interrupted; what was predicted so far is kept and the same command goes on from there")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                _bug(error)
            _say(f"error: {error.filename or 'output'}: {error.strerror}; make room or choose another place")
            raise typer.Exit(EXIT_USAGE) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if type(error).__module__.startswith(("typer", "click")):  # a usage error, which it prints itself
                raise
            _bug(error)


def _bug(error: Exception) -> None:
    logger.error("internal error", exc_info=error)
    _say(f"internal error: {type(error).__name__}: {error}; this is a fault of recon, please report it with the log")
    raise typer.Exit(EXIT_BUG) from error


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("promptda-recon"))
        raise typer.Exit


app = typer.Typer(cls=_CaptureFirst, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command(DEFAULT_COMMAND)(reconstruct.reconstruct)
app.command("inspect")(inspect.inspect)
app.command("depth")(depth.depth)
app.command("models")(models.models)


@app.callback(
    help="Turn phone and vehicle LiDAR captures into metric depth and meshes.\n\n"
    "recon CAPTURE --out mesh.ply reconstructs without a verb; all its options: recon reconstruct --help.",
    epilog="Examples: recon scan.zip --out room.ply  |  recon inspect scan.zip  |  recon depth scan.zip --out depth/",
)
def _main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the ``recon`` script."""
    app(prog_name="recon")
