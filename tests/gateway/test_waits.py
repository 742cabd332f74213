"""Whoever waits for the end of a message, until then and no longer."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import uvloop
from wxgate.deadlines import Deadlines
from wxgate.flight import Flight, waits

from .conftest import LOG

if TYPE_CHECKING:
    from .conftest import Stage


def test_an_end_is_told_to_all_who_wait() -> None:
    """Each by a future of its own, so that one that hangs up takes no other along."""

    async def run() -> None:
        flight = Flight("shop", "id", None)
        deadlines = waits(asyncio.get_running_loop(), 60.0)
        first, second, gone = (flight.wait(deadlines) for _ in range(3))
        gone.cancel()
        assert flight.is_awaited
        flight.end("code")
        assert (await first, await second) == ("code", "code")
        assert not flight.is_awaited
        assert [deadlines.leave(one) for one in (first, second, gone)] == [True] * 3

    uvloop.run(run())


def test_who_waits_too_long_is_told_nothing() -> None:
    """And has nothing left to leave."""

    async def run() -> None:
        flight = Flight("shop", "id", None)
        deadlines = waits(asyncio.get_running_loop(), 0.01)
        told = flight.wait(deadlines)
        assert await told is None
        assert not deadlines.leave(told)

    uvloop.run(run())


def test_who_was_answered_is_watched_no_more(stage: Stage) -> None:
    """Neither its body nor its answer: thousands would be looked through for nothing."""

    def watched() -> int:
        every = (one for one in gc.get_objects() if isinstance(one, Deadlines))
        return sum(len(one._open) for one in every)  # noqa: SLF001 (it tells nobody)

    async def run() -> None:
        theatre = stage(LOG)
        async with theatre.gateway:
            answer = await theatre.play("shop", "text", "hi")
            assert answer.status == 200
            assert watched() == 0

    uvloop.run(run())
