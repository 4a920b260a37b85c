"""The one error of this package that a person can cause."""


class WeightsError(ValueError):
    """A network that is unknown, not at hand or does not fit its file; carries one sentence."""
