"""``python -m recon.cli``, and the ``recon`` script: catches Ctrl-C before the command is even loaded."""

import sys


def main() -> None:
    """Entry point of the ``recon`` script."""
    try:
        from recon.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
