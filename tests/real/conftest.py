"""Where the real captures lie: they are not part of the repository."""

import os
from pathlib import Path

import pytest

VARIABLE = "RECON_TEST_DATA"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A folder with ``captures/`` inside."""
    named = os.environ.get(VARIABLE)
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(named) if named else beside
    if not (folder / "captures").is_dir():
        pytest.skip(f"no real captures at {folder}; put them there or name their folder in ${VARIABLE}")
    return folder
