"""What keeps WeChat's calls from arriving: keys, clock, disk, Redis, destinations, listeners.

And what makes them dearer than they need be: the interpreter.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wxgate.doctor.accounts import accounts
from wxgate.doctor.clock import clock
from wxgate.doctor.disk import disk
from wxgate.doctor.finding import Finding, Verdict
from wxgate.doctor.interpreter import interpreter
from wxgate.doctor.network import destinations, listeners
from wxgate.doctor.redis import redis
from wxgate.settings import core_problems

if TYPE_CHECKING:
    from wxgate.settings import Settings

__all__ = ["Finding", "Verdict", "examine"]


def examine(settings: Settings, now: int) -> list[Finding]:
    """Look at everything, at `now` in seconds. Waits for the network for a second at most."""
    core = [
        Finding("fail", problem.path, problem.reason, "a value that works", problem.path)
        for problem in core_problems(settings)
    ]
    return [
        *accounts(settings, now),
        *(core or [Finding("ok", "core", "compiles every account and route")]),
        interpreter(),
        clock(),
        *disk(settings),
        *asyncio.run(redis(settings)),
        *asyncio.run(destinations(settings)),
        *asyncio.run(listeners(settings)),
    ]
