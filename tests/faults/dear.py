"""A gateway whose messages are dear: ``dear.py serve …`` runs ``wxgate serve …``.

Each that it takes costs its loop so much time of a processor that whoever plays WeChat beside it
can send many times more than it can do.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from wxgate.admit import Admission
from wxgate.cli import main

if TYPE_CHECKING:
    from wxcore._wxcore import Received
    from wxgate.stores import Waiter

COST = 0.004
"""Seconds of a processor. Not of a clock: what else the machine has to do is not in it."""
CAPACITY = 1 / COST
"""Messages a second, if it had nothing else to do."""


def make_dear() -> None:
    """Have each message cost that once it was let in."""
    claim = Admission.claim

    def dearly(self: Admission, account: str, message: Received, now: int, waiter: Waiter) -> Any:
        until = time.thread_time() + COST
        while time.thread_time() < until:
            pass
        return claim(self, account, message, now, waiter)

    Admission.claim = dearly  # type: ignore[method-assign]


if __name__ == "__main__":
    make_dear()
    sys.exit(main())
