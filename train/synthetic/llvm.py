"""Whether a recent enough LLVM is at hand, asked before Dr.Jit loads one: with LLVM 15 it aborts the process."""

import ctypes
import os
import re
from pathlib import Path

from recon.errors import UsageError

OLDEST = 16
FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/opt/llvm/lib", "/usr/lib/llvm-*/lib")
VARIABLE = "DRJIT_LIBLLVM_PATH"  # where Dr.Jit looks first


def require_llvm() -> None:
    """Points Dr.Jit at the newest LLVM; raises if none is new enough."""
    if VARIABLE in os.environ:
        found = [Path(os.environ[VARIABLE])]
    else:
        found = sorted(_libraries(), key=_named_version, reverse=True)
    for path in found:
        if _version(path) >= OLDEST:
            os.environ[VARIABLE] = str(path)
            return
    seen = ", ".join(str(path) for path in found[:3]) or "none"
    raise UsageError(
        f"photoreal rendering: needs LLVM {OLDEST} or newer, found {seen}; "
        "install it (Debian: apt-get install libllvm19), or render with the ray caster"
    )


def _libraries() -> list[Path]:
    folders = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))]
    folders += [child for folder in folders for child in folder.glob("*-linux-gnu")]
    return [path for folder in folders for path in folder.glob("libLLVM*") if path.suffix not in (".a", ".py")]


def _named_version(path: Path) -> float:
    numbers = re.findall(r"\d+(?:\.\d+)?", path.name)
    return float(numbers[-1]) if numbers else 0.0


def _version(path: Path) -> int:
    """The library's own answer; those before 16 cannot answer and count as 0."""
    try:
        library = ctypes.CDLL(str(path))
        major = ctypes.c_uint()
        library.LLVMGetVersion(ctypes.byref(major), None, None)
    except (OSError, AttributeError):
        return 0
    return int(major.value)
