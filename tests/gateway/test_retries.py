"""All tries of one message are one delivery, and get the same bytes (G3, G4)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wxgate import Event, Gateway, flights
from wxgate.errors import StoreError

from .conftest import LOG
from .services import Scripted
from .theatre import Theatre, until

if TYPE_CHECKING:
    import pytest
    from wxgate.sim.call import Answer
    from wxgate.sim.message import Message
    from wxgate.stores import Claims

    from .conftest import Crew, Stage

TO_BOTH = f"{LOG}also = true\n"
FEW = "drain = 0.05\n"
"""For stops in the middle of something."""


class Elsewhere:
    """A store of claims that answers when the test wants it to."""

    def __init__(self, claims: Claims) -> None:
        """In front of another one."""
        self.abandon = claims.abandon
        self.asked: list[tuple[asyncio.Future[Any], tuple[Any, int]]] = []

    def claim(self, message: Any, now: int) -> asyncio.Future[Any]:
        """Note who is asked for."""
        self.asked.append((asyncio.get_running_loop().create_future(), (message, now)))
        return self.asked[-1][0]


class Answering:
    """A handler that answers with what it was told, as often as it is asked, once it may."""

    def __init__(self) -> None:
        """It may."""
        self.got: list[str] = []
        self.may = asyncio.Event()
        self.may.set()

    def join(self, theatre: Theatre) -> None:
        """Answer what comes to the shop."""

        @theatre.gateway.on("shop")
        async def answer(event: Event) -> str:
            self.got.append(event.id)
            await self.may.wait()
            return f"{event.text}, {len(self.got)}"


def restarted(theatre: Theatre) -> Theatre:
    """Return the theatre with a new gateway on the same folder; it has no handlers yet."""
    return replace(theatre, gateway=Gateway(theatre.folder / "wxgate.toml"))


def reply(theatre: Theatre, message: Message, answer: Answer) -> object:
    """Open what the user of the shop is told."""
    return theatre.players["shop"].read(message, answer).reply.get("Content")


def test_a_retry_waits_with_the_first_try(stage: Stage) -> None:
    """Both get the answer that is still being made, byte for byte."""
    theatre, handler = stage(), Answering()
    handler.join(theatre)
    handler.may.clear()

    async def run() -> None:
        async with theatre.gateway:
            message = theatre.players["shop"].message("text", "hi")
            tries = [asyncio.create_task(theatre.again("shop", message)) for _ in range(3)]
            await until(lambda: handler.got and theatre.state.pipeline.in_flight == 3)
            handler.may.set()
            first, *others = await asyncio.gather(*tries)
            assert reply(theatre, message, first) == "hi, 1"
            assert {(one.status, one.body) for one in others} == {(200, first.body)}
            await theatre.counted(1)
            assert theatre.total("shop", "accepted") == theatre.total("shop", "replied") == 1
            assert theatre.total("shop", "repeated") == 2

    asyncio.run(run())
    assert len(handler.got) == 1


def test_who_hangs_up_before_its_claim_arrives_leaves_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try is new: nobody else will ever give it back."""
    theatre = stage(LOG)

    async def run() -> None:
        async with theatre.gateway:
            admission = theatre.state.pipeline.admission
            claims = admission._claims  # noqa: SLF001 (there is no other way in)
            store = Elsewhere(claims)
            message = theatre.players["shop"].message("text")
            with monkeypatch.context() as patch:
                patch.setattr(admission, "_claims", store)
                first = asyncio.create_task(theatre.again("shop", message))
                await until(lambda: store.asked)
                ((future, of),) = store.asked
                first.cancel()
                await asyncio.wait({first})
                future.set_result(claims.claim(*of))
                await asyncio.sleep(0)
            assert (future.result(), first.cancelled()) == (True, True)
            assert (await theatre.again("shop", message)).status == 200
            assert theatre.total("shop", "accepted") == 1
            assert theatre.state.pipeline.in_flight == 0

    asyncio.run(run())


def test_a_store_elsewhere_that_fails_has_a_message_taken_for_new(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather twice than never."""
    theatre = stage(LOG)

    async def run() -> None:
        async with theatre.gateway:
            admission = theatre.state.pipeline.admission
            store = Elsewhere(admission._claims)  # noqa: SLF001 (as above)
            monkeypatch.setattr(admission, "_claims", store)
            first = asyncio.create_task(theatre.play("shop", "text"))
            await until(lambda: store.asked)
            store.asked[0][0].set_exception(StoreError("gone"))
            assert (await first).status == 200
            assert theatre.total("shop", "accepted") == 1

    asyncio.run(run())


def test_a_retry_gets_the_first_answer_again(stage: Stage) -> None:
    """Nothing is delivered twice, to whichever destination."""
    theatre, handler = stage(TO_BOTH), Answering()
    handler.join(theatre)

    async def run() -> None:
        async with theatre.gateway:
            for account, text in (("shop", b"hi, 1"), ("mini", b"success")):
                message = theatre.players[account].message("text", "hi")
                first = await theatre.again(account, message)
                assert theatre.players[account].read(message, first).satisfied
                assert account == "shop" or first.body == text
                for _ in range(3):
                    again = await theatre.again(account, message)
                    assert (again.status, again.body) == (200, first.body)
                assert theatre.total(account, "accepted") == 1
                assert theatre.total(account, "repeated") == 3
            await theatre.counted(2)

    asyncio.run(run())
    assert len(handler.got) == 1


def test_a_retry_after_a_restart_gets_the_first_answer_too(stage: Stage) -> None:
    """From the journal: the reply of one message, the acknowledgement of another."""
    theatre, handler = stage(), Answering()
    handler.join(theatre)

    async def run() -> None:
        answers = []
        players = theatre.players
        text, paid = players["shop"].message("text", "hi"), players["mch"].message("pay")
        messages = [("shop", text), ("mch", paid)]
        async with theatre.gateway:
            answers += [await theatre.again(*one) for one in messages]
            await theatre.counted(2)
        assert reply(theatre, text, answers[0]) == "hi, 1"
        for _ in range(2):
            after = restarted(theatre)
            handler.join(after)
            async with after.gateway:
                again = [await after.again(*one) for one in messages]
                assert [(one.status, one.body) for one in again] == [
                    (one.status, one.body) for one in answers
                ]
                assert after.total("shop", "repeated") == after.total("mch", "repeated") == 1
                assert after.total("shop", "accepted") == after.total("mch", "accepted") == 0
                await after.counted(0)

    asyncio.run(run())
    assert len(handler.got) == 1


def test_two_events_of_one_user_in_one_second_are_two_messages(stage: Stage) -> None:
    """They have no MsgId: what else they say tells them apart, and a retry of each is known."""
    theatre = stage()
    got: list[str] = []

    @theatre.gateway.on("shop")
    async def take(event: Event) -> None:
        got.append(event.data["EventKey"])

    async def run() -> None:
        player, now = theatre.players["shop"], str(int(time.time()))
        clicks = [
            player.message("event", "CLICK", openid="oUser", changes=changes)
            for changes in (
                [("CreateTime", now), ("EventKey", "left")],
                [("CreateTime", now), ("EventKey", "right")],
            )
        ]
        async with theatre.gateway:
            for message in clicks * 2:
                assert (await theatre.again("shop", message)).body == b"success"
            await theatre.counted(2)
            assert theatre.total("shop", "accepted") == theatre.total("shop", "repeated") == 2

    asyncio.run(run())
    assert got == ["left", "right"]


def test_copies_of_a_payment_in_parallel_are_one_delivery(stage: Stage) -> None:
    """Twenty at once, each signed anew: all are acknowledged."""
    theatre = stage()

    async def run() -> None:
        async with theatre.gateway:
            message = theatre.players["mch"].message("pay")
            answers = await asyncio.gather(*(theatre.again("mch", message) for _ in range(20)))
            read = theatre.players["mch"].read
            assert all(read(message, answer).satisfied for answer in answers)
            assert len({(answer.status, answer.body) for answer in answers}) == 1
            await theatre.counted(1)
            assert theatre.total("mch", "accepted") == 1
            assert theatre.total("mch", "repeated") == 19

    asyncio.run(run())


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
        after = restarted(theatre)
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
        last = restarted(theatre)
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
        after = restarted(theatre)
        handler.join(after)
        async with after.gateway:
            await after.counted(1)
        last = restarted(theatre)
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
            after = restarted(theatre)
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


def test_a_try_at_another_worker_gets_the_same_answer(crew: Crew) -> None:
    """While the first is being answered, and afterwards."""
    one, two = crew()
    handler = Answering()
    handler.join(one)
    handler.join(two)
    handler.may.clear()

    async def run() -> None:
        async with one.gateway, two.gateway:
            message = one.players["shop"].message("text", "hi")
            first = asyncio.create_task(one.again("shop", message))
            await until(lambda: handler.got)
            second = asyncio.create_task(two.again("shop", message))
            await asyncio.sleep(0.05)
            assert not second.done()
            handler.may.set()
            assert reply(one, message, await first) == "hi, 1"
            assert (await second).body == (await first).body
            assert (await two.again("shop", message)).body == (await first).body
            await one.counted(1)
            assert one.total("shop", "accepted") == 1
            assert one.total("shop", "repeated") == 2

    asyncio.run(run())
    assert len(handler.got) == 1


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
