"""How long the machine itself stands still: nobody who runs on it can be on time then.

A process that goes before all others sleeps for three milliseconds, again and again; what it
oversleeps is nobody's on this machine. More often it would itself be what others wait for.
``python benches/carry/still.py`` tells each time that is more than two milliseconds longer, with
the moment at which it ended, until its input is closed.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAP_S = 0.003
_LONG_S = 0.002


class Still:
    """What such a process has seen, by the system's steady clock."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Of a process that runs."""
        self._process = process
        self._seen: list[tuple[float, float]] = []

    def longest(self, since: float) -> float:
        """Milliseconds of the longest time since then."""
        assert self._process.stdout is not None
        while select.select([self._process.stdout], [], [], 0)[0]:
            ended, gap = map(float, self._process.stdout.readline().split())
            self._seen.append((ended, gap))
        return max((gap for ended, gap in self._seen if ended >= since), default=0.0) * 1e3


@contextmanager
def watched() -> Iterator[Still]:
    """Watch the machine meanwhile."""
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield Still(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def main() -> None:
    """Watch until the input ends."""
    # Without the right to, it shows other programs of this machine as well.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    last = time.monotonic()
    while not select.select([sys.stdin], [], [], _NAP_S)[0]:
        now = time.monotonic()
        if now - last > _LONG_S + _NAP_S:
            sys.stdout.write(f"{now} {now - last - _NAP_S}\n")
            sys.stdout.flush()
        last = now


if __name__ == "__main__":
    main()
