"""What a process and its children have used, as Linux tells it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_CPU_CLOCK = 2
"""What ``clock_getcpuclockid(3)`` adds to a process's number: its scheduler's clock."""


@dataclass(frozen=True, slots=True)
class Memory:
    """MB (10^6 bytes) as the kernel counts them."""

    rss: float
    """Resident, shared pages in full."""
    pss: float
    """Resident, shared pages by share."""


def family(pid: int) -> list[int]:
    """A process and all below it, the oldest first."""
    found = [pid]
    for one in found:
        children = (_PROC / f"{one}/task/{one}/children").read_text()
        found += [int(child) for child in children.split()]
    return found


def worker(pid: int) -> int:
    """The process that answers: the youngest below ``pid``, or itself."""
    return family(pid)[-1]


def cpu_seconds(pid: int) -> float:
    """Of all threads, in user and kernel mode, of a process and all below it."""
    return sum(map(own_cpu_seconds, family(pid)))


def own_cpu_seconds(pid: int) -> float:
    """The same of one process alone, to the nanosecond: ``/proc/PID/stat`` counts 10 ms.

    Raises ``OSError`` where there is no such process.
    """
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK)


def memory(pid: int) -> Memory:
    """Of one process."""
    lines = (_PROC / f"{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines[1:]}
    return Memory(sizes["Rss:"], sizes["Pss:"])
