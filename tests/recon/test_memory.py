import subprocess
import sys
from pathlib import Path

import pytest

from recon import memory

GIB = 1 << 30


def test_the_peak_rises_with_what_is_taken() -> None:
    script = (
        "from recon.memory import peak_memory_mb\n"
        "before = peak_memory_mb()\n"
        "block = b'x' * (int('64') << 20)\n"
        "print(peak_memory_mb() - before)"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert 63 <= float(told) < 70


def test_some_memory_is_available_and_no_more_than_a_machine_has() -> None:
    assert 0 < memory.available_memory() < 1 << 50


def cgroup(folder: Path, limit: str, usage: int, cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "max").write_text(f"{limit}\n")
    (folder / "current").write_text(f"{usage}\n")
    (folder / "stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 7\n")
    files = tuple(str(folder / name) for name in ("max", "current", "stat"))
    monkeypatch.setattr(memory, "CGROUP_FILES", (files,))
    monkeypatch.setattr(memory, "_available_on_machine", lambda: 64 * GIB)


def test_a_container_has_its_limit_less_what_it_uses_for_more_than_copies_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cgroup(tmp_path, str(8 * GIB), 6 * GIB, 3 * GIB, monkeypatch)
    assert memory.available_memory() == 5 * GIB


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cgroup(tmp_path, "max", 6 * GIB, 0, monkeypatch)
    assert memory.available_memory() == 64 * GIB


def test_a_full_container_has_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cgroup(tmp_path, str(GIB), 2 * GIB, 0, monkeypatch)
    assert memory.available_memory() == 0
