"""What a claim takes in a node's memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wxcore._wxcore import Claims

_LIFE_MS = 60_000
_PAGE = 4096
_STATM = Path("/proc/self/statm")


def claim_bytes(count: int) -> float:
    """Ask a fresh process: this one may have memory to use again, and not grow at all."""
    program = f"from {__name__} import grown; print(grown({count}))"
    command = (sys.executable, "-c", program)
    return float(subprocess.run(command, capture_output=True, check=True).stdout)  # noqa: S603


def grown(count: int) -> float:
    """Fill a table, and see by how much this process has grown for each claim."""
    ids = [f"shop:m:{number}" for number in range(count)]
    before = _resident()
    claims = Claims(count, 0, 0)
    for identity in ids:
        claims.restore(claims.lease(identity, _LIFE_MS), _LIFE_MS, b"")
    return (_resident() - before) / len(claims)


def _resident() -> int:
    return int(_STATM.read_text().split()[1]) * _PAGE
