"""Handlers inside the gateway's process that take every message and say nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate import Event

_WORK_S = 0.001


async def take(event: Event) -> None:
    """Read what a handler reads first."""
    assert event.text


async def work(event: Event) -> None:
    """Keep the processor busy, as a handler of some size does."""
    assert event.account
    until = time.perf_counter() + _WORK_S
    while time.perf_counter() < until:
        pass
