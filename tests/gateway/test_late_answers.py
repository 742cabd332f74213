"""Answers that come late: who waits for them, for how long, and who gets them (G4)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wxgate import flights

from .answering import Answering, reply
from .services import Scripted
from .theatre import until

if TYPE_CHECKING:
    import pytest

    from .conftest import Crew, Stage

FEW = "drain = 0.05\n"
"""For stops in the middle of something."""


def test_a_late_answer_is_given_to_the_next_try(stage: Stage) -> None:
    """Whether that comes before the answer or after it."""
    theatre, handler = stage(server="reply_budget = 0.05"), Answering()
    handler.join(theatre)
    handler.may.clear()

    async def run() -> None:
        async with theatre.gateway:
            message = theatre.players["shop"].message("text", "hi")
            for _ in range(2):
                assert (await theatre.again("shop", message)).body == b"success"
            handler.may.set()
            await theatre.counted(1)
            late = await theatre.again("shop", message)
            assert reply(theatre, message, late) == "hi, 1"
            assert (await theatre.again("shop", message)).body == late.body
            assert theatre.total("shop", "late") == theatre.total("shop", "replied") == 1

    asyncio.run(run())
    assert len(handler.got) == 1


def test_an_answer_is_not_waited_for_without_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it can interest nobody, a try is acknowledged at once, without a wait of its own."""
    monkeypatch.setattr(flights, "_LATE_FOR_S", 0.01)
    theatre, handler = stage(server="reply_budget = 0.05"), Answering()
    handler.join(theatre)
    handler.may.clear()

    async def run() -> None:
        async with theatre.gateway:
            message = theatre.players["shop"].message("text", "hi")
            assert (await theatre.again("shop", message)).body == b"success"
            known = theatre.flights.find
            await until(lambda: known(handler.got[0]) is None)
            assert (await theatre.again("shop", message)).body == b"success"
            assert theatre.total("shop", "late") == theatre.total("shop", "repeated") == 1
            handler.may.set()
            await theatre.counted(1)

    asyncio.run(run())


def test_who_hangs_up_leaves_no_message_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is out for hours would have them all kept in memory."""
    monkeypatch.setattr(flights, "_LATE_FOR_S", 0.01)
    theatre, handler = stage(), Answering()
    handler.join(theatre)
    handler.may.clear()

    async def run() -> None:
        async with theatre.gateway:
            message = theatre.players["shop"].message("text", "hi")
            tries = [asyncio.create_task(theatre.again("shop", message)) for _ in range(2)]
            await until(lambda: handler.got and theatre.state.pipeline.in_flight == 2)
            flight = theatre.flights.find(handler.got[0])
            assert flight is not None
            tries[0].cancel()
            await asyncio.wait(tries[:1])
            assert flight not in theatre.flights._late  # noqa: SLF001 (one waits on)
            tries[1].cancel()
            await asyncio.wait(tries)
            await until(lambda: theatre.flights.find(handler.got[0]) is None)
            assert (await theatre.again("shop", message)).body == b"success"
            handler.may.set()
            await theatre.counted(1)
            assert theatre.total("shop", "late") == 0

    asyncio.run(run())


def test_only_so_many_answers_are_waited_for_beyond_their_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest is given up first; its message is delivered all the same."""
    monkeypatch.setattr(flights, "_MAX_LATE", 1)
    theatre, handler = stage(server="reply_budget = 0.05"), Answering()
    handler.join(theatre)
    handler.may.clear()

    async def run() -> None:
        async with theatre.gateway:
            for _ in range(2):
                assert (await theatre.play("shop", "text")).body == b"success"
            known = theatre.flights.find
            assert [known(one) is None for one in handler.got] == [True, False]
            handler.may.set()
            await theatre.counted(2)

    asyncio.run(run())


def test_an_answer_that_was_awaited_at_a_stop_is_awaited_by_the_next_start(stage: Stage) -> None:
    """The message is delivered again, and the try that finds it under way gets the answer."""
    theatre, handler = stage(server=FEW), Answering()
    handler.join(theatre)
    handler.may.clear()

    async def run() -> None:
        message = theatre.players["shop"].message("text", "hi")
        async with theatre.gateway:
            first = asyncio.create_task(theatre.again("shop", message))
            await until(lambda: handler.got)
        assert (await first).body == b"success"
        after = theatre.restarted()
        handler.join(after)
        async with after.gateway:
            tries = [asyncio.create_task(after.again("shop", message)) for _ in range(2)]
            await until(lambda: len(handler.got) == 2 and after.state.pipeline.in_flight == 2)
            handler.may.set()
            second, third = await asyncio.gather(*tries)
            assert reply(theatre, message, second) == "hi, 2"
            assert second.body == third.body
            assert (await after.again("shop", message)).body == second.body
            await after.counted(1)
            assert after.total("shop", "repeated") == 3
        last = theatre.restarted()
        handler.join(last)
        async with last.gateway:
            assert (await last.again("shop", message)).body == second.body

    asyncio.run(run())
    assert len(set(handler.got)) == 1


def test_an_answer_that_came_before_the_try_after_a_restart_is_kept(stage: Stage) -> None:
    """Nobody was there whom it could be sealed for."""
    theatre, handler = stage(server=FEW), Answering()
    handler.join(theatre)
    handler.may.clear()

    async def run() -> None:
        message = theatre.players["shop"].message("text", "hi")
        async with theatre.gateway:
            first = asyncio.create_task(theatre.again("shop", message))
            await until(lambda: handler.got)
        await first
        handler.may.set()
        after = theatre.restarted()
        handler.join(after)
        async with after.gateway:
            await after.counted(1)
        last = theatre.restarted()
        handler.join(last)
        async with last.gateway:
            second = await last.again("shop", message)
            assert reply(theatre, message, second) == "hi, 2"
            assert (await last.again("shop", message)).body == second.body
            await last.counted(0)

    asyncio.run(run())


def test_after_a_restart_only_who_is_asked_answers(stage: Stage) -> None:
    """Not a destination that merely gets a copy, though it takes that first."""

    async def run() -> None:
        spec = b'{"type": "text", "content": "me"}'
        async with Scripted() as copied, Scripted(body=spec) as asked:
            asked.ready.clear()
            copied.ready.clear()
            copies = f'[[route]]\nto = "{copied.url}"\nalso = true\n'
            theatre = stage(f'{copies}[[route]]\nto = "{asked.url}"\nreply = "wait"\n', FEW)
            message = theatre.players["shop"].message("text", "hi")
            async with theatre.gateway:
                first = asyncio.create_task(theatre.again("shop", message))
                await until(lambda: asked.got and copied.got)
            assert (await first).body == b"success"
            after = theatre.restarted()
            copied.ready.set()
            async with after.gateway:
                await until(lambda: len(asked.got) == 2)
                await after.counted(1)
                trying = asyncio.create_task(after.again("shop", message))
                await until(lambda: after.state.pipeline.in_flight == 1 or trying.done())
                asked.ready.set()
                assert reply(theatre, message, await trying) == "me"

    asyncio.run(run())


def test_a_dead_letter_ends_the_wait(stage: Stage) -> None:
    """Its sender need not wait until the time is up: it is acknowledged, and kept aside."""

    async def run() -> None:
        async with Scripted(status=400) as service:
            theatre = stage(f'[[route]]\nto = "{service.url}"\nreply = "wait"\n')
            async with theatre.gateway:
                message, _ = theatre.call("shop", "text")
                for _ in range(2):
                    answer = await theatre.again("shop", message)
                    assert (answer.status, answer.body) == (200, b"success")
                await theatre.counted(1, "buried")
                await theatre.counted(0)
                assert theatre.total("shop", "late") == 0
                assert theatre.total("shop", "repeated") == 1
            assert len(service.got) == 1

    asyncio.run(run())


def test_who_asks_a_service_that_is_out_is_not_kept_waiting(stage: Stage) -> None:
    """Not the first try, and not the next; the late answer is kept for one that comes then."""

    async def run() -> None:
        async with Scripted(status=410, body=b'{"type":"text","content":"hi"}') as service:
            theatre = stage(f'[[route]]\nto = "{service.url}"\nreply = "wait"\n')
            async with theatre.gateway:
                earlier = asyncio.create_task(theatre.play("shop", "text"))
                dispatcher = theatre.state.dispatcher
                await until(lambda: dispatcher.snapshot()[0].parked)
                message = theatre.players["shop"].message("text", "hi")
                for _ in range(2):
                    assert (await theatre.again("shop", message)).body == b"success"
                assert not earlier.done()
                assert theatre.total("shop", "late") == theatre.total("shop", "repeated") == 1
                service.status = 200
                dispatcher.unpark(dispatcher.snapshot()[0].name)
                await theatre.counted(2)
                assert reply(theatre, message, await theatre.again("shop", message)) == "hi"
                await earlier

    asyncio.run(run())


def test_a_worker_that_stops_leaves_nobody_waiting(
    crew: Crew, caplog: pytest.LogCaptureFixture
) -> None:
    """A try at another worker is acknowledged: the answer comes too late for it, if at all."""
    one, two = crew(server=FEW)
    handler = Answering()
    handler.join(one)
    handler.join(two)
    handler.may.clear()

    async def run() -> None:
        async with two.gateway:
            message = one.players["shop"].message("text", "hi")
            async with one.gateway:
                first = asyncio.create_task(one.again("shop", message))
                await until(lambda: handler.got)
            assert (await first).body == b"success"
            assert (await two.again("shop", message)).body == b"success"
            assert two.total("shop", "repeated") == 1

    asyncio.run(run())
    assert not [line for line in caplog.records if line.name == "wxgate.admit"]
