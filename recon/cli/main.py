"""The ``recon`` command: its verbs, and how each kind of failure ends."""

import errno
import io
import logging
import os
import signal
import sys
import threading
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from recon.cli import depth, eval_depth, eval_tsdf, inspect, models, reconstruct, synth, train
from recon.errors import ReconError

DEFAULT_COMMAND = "reconstruct"
EXIT_USAGE, EXIT_BUG, EXIT_INTERRUPTED = 2, 1, 130
# What a full or forbidden disk or an unfit name answers, whichever file it was.
DISK_ERRORS = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG, errno.EMFILE,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR, errno.ENOTDIR,
)  # fmt: skip

_interrupted = threading.Event()


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
            result = super().invoke(ctx)
            if sys.stdout is not None:  # it was closed by who started this
                sys.stdout.flush()
            return result
        except ReconError as error:
            _say(f"error: {error}")
            raise typer.Exit(EXIT_USAGE) from error
        except KeyboardInterrupt as error:
            _end_interrupted(error)
        except BrokenPipeError as error:  # whoever read what is printed has seen enough, as `head` has
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                _bug(error)
            _say(f"error: {error.filename or 'output'}: {error.strerror}; make room or choose another place")
            raise typer.Exit(EXIT_USAGE) from error
        except MemoryError as error:
            _say("error: out of memory; use a larger --voxel-size, a smaller --resolution or fewer frames")
            raise typer.Exit(EXIT_USAGE) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if type(error).__module__.startswith(("typer", "click")):  # a usage error, which it prints itself
                raise
            _bug(error)


def _end_interrupted(error: BaseException) -> None:
    _say("interrupted; the same command takes up what was finished, if any")
    raise typer.Exit(EXIT_INTERRUPTED) from error


def _bug(error: Exception) -> None:
    if _interrupted.is_set():  # while a library was being imported, which calls it an ImportError
        _end_interrupted(error)
    _say(
        f"internal error: {type(error).__name__}: {error}; this is a fault of recon: "
        "please report it with the run's log.txt, or with what --verbose prints"
    )
    raise typer.Exit(EXIT_BUG) from error


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(version("promptda-recon"))
        raise typer.Exit
    return wanted


app = typer.Typer(cls=_CaptureFirst, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command(DEFAULT_COMMAND)(reconstruct.reconstruct)
app.command("inspect")(inspect.inspect)
app.command("depth")(depth.depth)
app.command("eval-depth")(eval_depth.eval_depth)
app.command("eval-tsdf")(eval_tsdf.eval_tsdf)
app.command("synth")(synth.synth)
app.command("train")(train.train)
app.add_typer(models.models, name="models")


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
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as who started this may wish, like nohup
            signal.signal(number, _interrupt)  # so that temporary files are removed, whichever it is
    if "--verbose" not in sys.argv and "-v" not in sys.argv:
        _silence_libraries()
    logging.raiseExceptions = False  # where the log's disk is full, the sentence that says so is enough
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not closed by who started this
            stream.reconfigure(errors="backslashreplace")  # names of files may hold what a terminal cannot show
    app(prog_name="recon")


def _interrupt(number: int, frame: object) -> None:
    _interrupted.set()
    raise KeyboardInterrupt


def _silence_libraries() -> None:
    """Keeps Python's standard error and gives the descriptor to nobody.

    The decoders of PNG, JPEG, EXR and video print there about each damaged file, which is counted and told anyway.
    """
    if sys.stderr is None:
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
