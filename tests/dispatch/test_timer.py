"""The one timer of a destination."""

from __future__ import annotations

import asyncio

import uvloop
from wxgate.dispatch.timer import Timer


def test_a_time_that_has_passed_can_be_set_again() -> None:
    """As it is on a machine so busy that a retry is due before it is waited for."""

    async def run() -> int:
        loop = asyncio.get_running_loop()
        fired: list[float] = []
        timer = Timer(loop, lambda: fired.append(loop.time()))
        past = loop.time() - 1.0
        timer.set(past)
        timer.set(past)
        timer.set_no_later(loop.time() + 60.0)
        timer.set_no_later(past - 1.0)
        await asyncio.sleep(0.01)  # a turn of the loop, whatever it schedules by
        timer.set(loop.time() + 60.0)
        timer.set(None)
        return len(fired)

    assert uvloop.run(run()) == 1
