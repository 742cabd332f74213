"""Plain functions of the team's own: in threads, in order, and never twice at once."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from wxgate.dispatch.pool import PlainFunctionSink, Pool

if TYPE_CHECKING:
    from wxgate import Event

EVENT = msgspec.json.encode(
    {
        "id": "1",
        "source": "/wxgate/shop",
        "type": "wechat.official.text",
        "time": "2026-01-01T00:00:00Z",
        "partitionkey": "o1",
        "traceparent": "00-1-1-00",
        "data": {"Content": "你好"},
    }
)


def test_a_function_may_block_without_blocking_the_loop() -> None:
    """As many at once as there are threads; the loop goes on all the time."""
    meeting = threading.Barrier(3, timeout=10)
    threads = set()

    def function(event: Event) -> str:
        meeting.wait()
        threads.add(threading.get_ident())
        return f"{event.text}!"

    async def run() -> None:
        sink = PlainFunctionSink(function, Pool(2))
        calls = [asyncio.ensure_future(sink.deliver(EVENT, ())) for _ in range(2)]
        # The third to meet is the loop's own: it would wait for ever if the loop were blocked.
        await asyncio.to_thread(meeting.wait)
        answers = await asyncio.gather(*calls)
        assert [msgspec.json.decode(answer)["content"] for answer in answers] == ["你好!"] * 2
        await sink.aclose()

    asyncio.run(run())
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_what_a_function_raises_reaches_the_caller() -> None:
    """And the thread serves the next one."""
    raised = [KeyError("x"), None]

    def function(_: Event) -> None:
        if (error := raised.pop(0)) is not None:
            raise error

    async def run() -> None:
        sink = PlainFunctionSink(function, Pool(1))
        with pytest.raises(KeyError):
            await sink.deliver(EVENT, ())
        assert await sink.deliver(EVENT, ()) == b""
        await sink.aclose()

    asyncio.run(run())


def test_a_caller_who_left_and_a_loop_that_closed_do_no_harm() -> None:
    """The thread finishes what it does and ends."""
    go = threading.Event()
    begun = threading.Event()

    def function(_: Event) -> None:
        begun.set()
        go.wait(10)

    async def run() -> Pool:
        pool = Pool(1)
        call = asyncio.ensure_future(PlainFunctionSink(function, pool).deliver(EVENT, ()))
        await asyncio.to_thread(begun.wait, 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return pool

    pool = asyncio.run(run())
    (thread,) = pool._threads  # noqa: SLF001 (to see it end)
    pool.close()
    go.set()
    thread.join(10)
    assert not thread.is_alive()
