"""The clock: WeChat Pay's notices and partners' calls are refused beyond 300 s."""

from __future__ import annotations

import ctypes
import time

from wxgate.doctor.finding import Finding

_ERROR = 5
"""``TIME_ERROR`` of ``adjtimex(2)``: nothing keeps the clock right."""
_EXPECTED = "NTP: Pay and partners are refused beyond 300 s"


def clock() -> Finding:
    """Ask the kernel whether something keeps its clock right, and nobody else."""
    today = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    state = _adjtimex()
    if state is None:
        found = f"{today}; the kernel does not say whether it is kept"
        return Finding("unknown", "clock", found, _EXPECTED)
    if state == _ERROR:
        return Finding("warn", "clock", f"{today}; the kernel says: not synchronised", _EXPECTED)
    return Finding("ok", "clock", f"{today}; the kernel says: synchronised")


def _adjtimex() -> int | None:
    """The state that `adjtimex(2)` returns for a question that changes nothing."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    state = int(call(ctypes.create_string_buffer(512)))
    return None if state < 0 else state
