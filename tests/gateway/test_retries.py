"""All tries of one message are one delivery, and get the same bytes (G3, G4)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from wxgate.errors import StoreError

from .answering import Answering, reply
from .conftest import LOG
from .theatre import until

if TYPE_CHECKING:
    import pytest
    from wxgate import Event
    from wxgate.stores import Claims

    from .conftest import Crew, Stage

TO_BOTH = f"{LOG}also = true\n"


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
            after = theatre.restarted()
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
