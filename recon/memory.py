"""How much memory this process has taken and may still take."""

import os
import re
import resource
import sys
from pathlib import Path

CGROUP_FILES = (  # of version 2, then 1: the limit, what is in use, and of what it consists
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


def peak_memory_mb() -> float:
    """The most that this process has had in memory so far, megabytes of 2^20 bytes."""
    status = Path("/proc/self/status")
    match = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.is_file() else None
    if match:  # the other call counts on Linux what the process that started this one has had
        return int(match[1]) / (1 << 10)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)  # bytes on macOS, kilobytes on Linux


def available_memory() -> int:
    """Bytes that can still be taken: of the machine, or of the container that this process runs in."""
    available = _available_on_machine()
    for limit_path, usage_path, stat_path in CGROUP_FILES:
        limit, usage = _number(limit_path), _number(usage_path)
        if limit is not None and usage is not None:
            available = min(available, max(0, limit - usage + _cached_files(stat_path)))
    return available


def _available_on_machine() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    # Elsewhere only the size of the machine is known; half of it is a fair share.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _cached_files(path: str) -> int:
    """Bytes counted as in use that hold copies of files and are given up when needed."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return 0
    counts = dict(line.split(maxsplit=1) for line in lines if " " in line)
    # Version 1 counts its children apart.
    return int(counts.get("total_inactive_file", counts.get("inactive_file", 0)))


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # no such control group, or "max"
        return None
