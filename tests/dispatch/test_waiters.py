"""Who waits for which answer."""

from __future__ import annotations

import asyncio

import pytest
from wxgate.dispatch.waiters import Waiters
from wxgate.errors import SinkRefusedError

from .clockwork import play


def test_only_the_first_destination_that_is_named_answers() -> None:
    """Others may finish before it, or fail."""

    async def run() -> None:
        waiters = Waiters(asyncio.get_running_loop())
        answer = waiters.ask(7)
        for destination in (2, 1):
            waiters.assign(7, destination)
        waiters.answer(7, 1, b"no")
        waiters.fail(7, 0, SinkRefusedError("no"))
        assert not answer.done()
        waiters.answer(7, 2, b"yes")
        waiters.answer(7, 2, b"again")
        assert await answer == b"yes"
        await asyncio.sleep(0)
        assert len(waiters) == 0

    play(run())


def test_whoever_leaves_is_forgotten() -> None:
    """Nothing is kept of messages that nobody waits for."""

    async def run() -> None:
        waiters = Waiters(asyncio.get_running_loop())
        waiters.ask(1).cancel()
        refused = waiters.ask(2)
        waiters.assign(3, 0)
        waiters.fail(2, 0, SinkRefusedError("no"))
        await asyncio.sleep(0)
        assert len(waiters) == 0
        waiters.answer(1, 0, b"late")
        with pytest.raises(SinkRefusedError):
            await refused

    play(run())


def test_what_is_said_before_anybody_asks_is_kept_for_who_does() -> None:
    """It is of the destination whose answer is waited for, and not more than so many."""

    async def run() -> None:
        waiters = Waiters(asyncio.get_running_loop())
        waiters.keep(7, 1, b"no")
        waiters.keep(7, 2, b"yes")
        waiters.keep(8, 2, SinkRefusedError("no"))
        yes, no, later = (waiters.ask(seq) for seq in (7, 8, 9))
        for seq in (7, 8, 9):
            waiters.assign(seq, 2)
        waiters.keep(9, 2, b"at once")
        assert (await yes, await later) == (b"yes", b"at once")
        with pytest.raises(SinkRefusedError):
            await no
        for seq in range(100, 100 + 2 * 1024):
            waiters.keep(seq, 0, b"old")
        old = waiters.ask(100)
        waiters.assign(100, 0)
        assert not old.done()

    play(run())
