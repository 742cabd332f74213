"""What a process and its children have used, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


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
    """``utime`` + ``stime`` of a process and all below it."""
    return sum(map(own_cpu_seconds, family(pid)))


def own_cpu_seconds(pid: int) -> float:
    """The same of one process alone."""
    after_name = (_PROC / f"{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def memory(pid: int) -> Memory:
    """Of one process."""
    lines = (_PROC / f"{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines[1:]}
    return Memory(sizes["Rss:"], sizes["Pss:"])
