"""What waits for a destination lies on the disk: memory does not grow with it."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import psutil
import pytest
import uvloop
from wxgate.sim.demo.process import free_port

from .conftest import OFTEN
from .theatre import ask

if TYPE_CHECKING:
    from wxcore._wxcore import Received
    from wxgate.sim.call import Call

    from .conftest import Stage
    from .theatre import Theatre

FIRST, MORE, TIMES = 30_000, 100_000, 3
MOST = 4
"""Bytes a message that memory may grow by; twelve for each would be the least that a list takes."""


class EverNew:
    """Claims that remember nothing: those of the last minute would be memory for each message."""

    def claim(self, message: Received, now: int) -> bool:
        """Whatever it is, it is new."""
        del message, now
        return True

    def complete(self, messages: list[Received], now: int) -> None:
        """Forget it."""


@pytest.mark.timeout(180)
def test_memory_is_flat_while_a_backlog_grows(stage: Stage) -> None:
    """Once the windows are full, and a buffer of a segment's size has been used."""
    route = f'[[route]]\nto = "http://127.0.0.1:{free_port()}"\n{OFTEN}'
    theatre = stage(f"[overload]\nenabled = false\n[journal]\nsegment = 1048576\n{route}")
    calls = [theatre.call("shop", "text")[1] for _ in range(64)]

    async def scene() -> float:
        async with theatre.gateway:
            claims = EverNew()
            theatre.state.pipeline.admission._claims = claims  # type: ignore[assignment] # noqa: SLF001
            theatre.flights._claims = claims  # type: ignore[assignment] # noqa: SLF001
            await pile_up(theatre, calls, FIRST)
            grown = math.inf
            # An arena of 1 MB may be taken once, whatever for; what a backlog takes it takes again.
            for turn in range(1, TIMES + 1):
                before = psutil.Process().memory_info().rss
                await pile_up(theatre, calls, MORE)
                assert theatre.total("shop", "accepted") >= FIRST + turn * MORE
                assert not sum(theatre.deliveries().values())
                grown = (psutil.Process().memory_info().rss - before) / MORE
                if grown < MOST:
                    break
            return grown

    assert uvloop.run(scene()) < MOST


async def pile_up(theatre: Theatre, calls: list[Call], count: int) -> None:
    """Have so many messages acknowledged."""
    for _ in range(0, count, len(calls)):
        answers = await asyncio.gather(*(ask(theatre.gateway, call) for call in calls))
        assert all(answer.body == b"success" for answer in answers)
