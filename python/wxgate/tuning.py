"""What a process of wxgate asks of its C library, its kernel and its interpreter, for good."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress

_M_MMAP_THRESHOLD = -3
"""Of ``mallopt(3)``; setting it also ends the library's own adjustments."""
_GENERATIONS = (10_000, 20, 20)
"""Of ``gc.set_threshold``; Python's own are 700, 10 and 10."""


def settle_in() -> None:
    """Tune a process that has one thread still."""
    _return_large_blocks()
    _let_others_finish()


def has_started() -> None:
    """Have the collector of cycles pass over all that is there by now, and look less often.

    A message leaves no cycle behind. With Python's own thresholds some would be looked for every
    fifty messages, and among all that was ever imported every 5,000, for 10 ms each time (decision
    30).
    """
    gc.freeze()
    gc.set_threshold(*_GENERATIONS)


def _return_large_blocks() -> None:
    """Have the C library give blocks of a megabyte back to the system, and keep to that.

    Left alone, glibc takes the first large block that is freed, of a segment's size, as a sign to
    keep all that are smaller: some 10 MB of a worker that it never uses again.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 20)


def _let_others_finish() -> None:
    """Have no thread of this process take the place of another one by waking up.

    Granian's wakes the loop with the GIL in its hands: in that thread's place the loop could only
    wait for it (decision 30). An operator's own choice of a policy stays. Threads to come inherit
    it.
    """
    if not hasattr(os, "SCHED_BATCH") or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
