"""The errors that a person can cause, each carrying one sentence for that person.

    ReconError
    ├── UsageError      an option, a path or a settings file
    ├── CaptureError    what is in the capture
    ├── WeightsError    a network's name or file
    ├── MeshError       nothing to mesh, or a mesh that cannot be written
    └── ResourceError   memory or disk would not suffice

A sentence says where (file, frame), what is wrong with the value seen, and what to do. The command
line prints it and exits with 2; anything that is not a ``ReconError`` is our bug.
"""


class ReconError(Exception):
    """A failure with its reason in one sentence."""


class UsageError(ReconError):
    """An option, a path or a settings file that cannot be used."""


class CaptureError(ReconError):
    """A capture, or one file of it, that cannot be read or makes no sense."""


class WeightsError(ReconError):
    """A network that is unknown, not at hand or does not fit its file."""


class MeshError(ReconError):
    """A reconstruction without a surface, or a mesh that cannot be written."""


class ResourceError(ReconError):
    """More memory or disk needed than there is."""
