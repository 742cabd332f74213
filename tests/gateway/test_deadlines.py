"""Many who wait equally long: who is late is told, in order, and nobody else."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from wxgate.deadlines import Deadlines, tasks, within


def test_only_who_stays_too_long_expires_in_order() -> None:
    """One timer serves all, also those who come after it has gone off."""

    async def scene() -> list[str]:
        expired: list[str] = []
        loop = asyncio.get_running_loop()
        third, last = loop.create_future(), loop.create_future()
        seen = {"third": third, "last": last}

        def expire(who: str) -> None:
            expired.append(who)
            if who in seen:
                seen[who].set_result(None)

        deadlines = Deadlines[str](loop, 0.02, expire)
        for who in ("first", "second", "third"):
            deadlines.enter(who)
        assert deadlines.leave("second")
        await third
        assert not deadlines.leave("first")
        deadlines.enter("left")
        deadlines.leave("left")
        await asyncio.sleep(0.05)
        deadlines.enter("last")
        await last
        return expired

    assert uvloop.run(scene()) == ["first", "third", "last"]


def test_a_task_that_is_late_gets_a_timeout() -> None:
    """And goes on: it is not cancelled for good."""

    async def scene() -> str:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            await within(tasks(loop, 0.01), loop.create_future())
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        return "went on"

    assert uvloop.run(scene()) == "went on"


@pytest.mark.parametrize("late", [False, True])
def test_who_is_cancelled_by_another_is_cancelled(*, late: bool) -> None:
    """Whether or not its time is up as well."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        deadlines = tasks(loop, 0.0 if late else 60.0)
        task = loop.create_task(within(deadlines, loop.create_future()))
        await asyncio.sleep(0)
        if late:
            loop.call_later(0.0, task.cancel)
            loop.call_later(0.0, task.cancel)
        else:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    uvloop.run(scene())


def test_an_answer_in_time_is_given() -> None:
    """And nothing is left behind."""

    async def scene() -> bytes:
        loop = asyncio.get_running_loop()
        deadlines = tasks(loop, 60.0)
        future = loop.create_future()
        loop.call_soon(future.set_result, b"body")
        return await within(deadlines, future)

    assert uvloop.run(scene()) == b"body"
