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
    from wxgate.flight import End

    from .conftest import Stage


class Try:
    """One that waits."""

    def __init__(self) -> None:
        """It has heard nothing yet."""
        self.is_over = False
        self.heard: list[End] = []

    def told(self, end: End) -> None:
        """Note what it hears."""
        self.heard.append(end)


def test_an_end_is_told_to_all_who_wait() -> None:
    """But not to one that has hung up."""
    flight = Flight("shop", "id", None)
    first, second, gone = tries = [Try() for _ in range(3)]
    for one in tries:
        flight.wait(one)
    gone.is_over = True
    assert flight.is_awaited
    flight.end("code")
    assert [one.heard for one in (first, second, gone)] == [["code"], ["code"], []]
    assert not flight.is_awaited


def test_who_waits_too_long_is_told_nothing() -> None:
    """And has nothing left to leave; who has left is told nothing at all."""

    async def run() -> None:
        deadlines = waits(asyncio.get_running_loop(), 0.01)
        late, left = Try(), Try()
        deadlines.enter(late)
        deadlines.enter(left)
        assert deadlines.leave(left)
        async with asyncio.timeout(5):
            while not late.heard:  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0.001)
        assert (late.heard, left.heard) == ([None], [])
        assert not deadlines.leave(late)

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
