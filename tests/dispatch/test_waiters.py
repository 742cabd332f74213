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
