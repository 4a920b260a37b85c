"""What every training dataset is: samples by number."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from recon.errors import UsageError
from train.sample import Sample


@runtime_checkable  # for the shape checks of the test run
class Dataset(Protocol):
    """Samples in a fixed order, read when asked for, in any process: a dataset can be pickled.

    A sample's ``pseudo`` is the depth that gradients are held against; None where no gradient term counts for it.
    """

    name: str  # tells it from the other datasets of a mixture

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample:
        """The sample of this number, always the same.

        Raises ``Unusable`` where it is not fit for training, and ``CaptureError`` where a file cannot be read.
        """
        ...


class Unusable(Exception):
    """A sample that is passed over, with the reason; no fault of the person's."""


def require_folder(folder: Path, holds: str, source: str) -> None:
    """``UsageError`` where there is no such folder.

    Args:
        folder: where the dataset should be.
        holds: what is expected inside, in words.
        source: where it is to be had, and under which terms.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; it should hold {holds}; {source}")
