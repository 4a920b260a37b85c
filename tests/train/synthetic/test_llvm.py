"""LLVM is asked for its version before Dr.Jit loads it."""

from pathlib import Path

import pytest

from recon.errors import UsageError
from train.synthetic.llvm import VARIABLE, require_llvm


def test_a_library_that_is_no_recent_llvm_is_an_error_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "libLLVM-15.so"
    library.write_bytes(b"no library")
    monkeypatch.setenv(VARIABLE, str(library))
    with pytest.raises(UsageError, match="libLLVM-15.so; install it"):
        require_llvm()
