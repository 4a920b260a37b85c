"""The errors of this package that a person can cause, each carrying one sentence."""


class WeightsError(ValueError):
    """A network that is unknown, not at hand or does not fit its file."""


class ExportError(ValueError):
    """A network that cannot be written for another runtime."""
