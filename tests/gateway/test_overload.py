"""More than can be done: who is refused first, who is answered anyway, who is not even read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from wxgate import turnstile
from wxgate.guard.overload import CLASSES, PER_CLASS

from .conftest import LOG
from .theatre import ask, ask_with_headers

if TYPE_CHECKING:
    from wxgate.guard.overload import Overload

    from .conftest import Stage
    from .theatre import Theatre

ON = f"{LOG}\n[overload]\nenabled = true\n"
PLAYED = [
    ("pay", "mch", "pay", "TRANSACTION.SUCCESS"),
    ("pay", "mch_v2", "pay", None),
    ("pay", "shop", "event", "xpay_goods_deliver_notify"),
    ("refund", "mch", "pay", "REFUND.SUCCESS"),
    ("refund", "mch_v2", "refund", None),
    ("authorisation", "platform", "component_verify_ticket", None),
    ("authorisation", "suite", "suite_ticket", None),
    ("user", "shop", "text", None),
    ("user", "work", "text", None),
    ("user", "shop", "event", "subscribe"),
    ("passing", "shop", "event", "LOCATION"),
    ("passing", "shop", "event", "VIEW"),
]
"""Genuine calls, with the class of each."""


@pytest.fixture
def pressed_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage on which levels stay where a test puts them."""
    monkeypatch.setattr(turnstile, "_WINDOW", 3600.0)
    return stage


def press(theatre: Theatre) -> Overload:
    """Have a turn of the loop take far too long; return what then decides."""
    stands = theatre.state.pipeline.turnstile
    stands.turned(1.0)
    assert stands.pressed
    return stands.overload


def test_what_matters_most_is_refused_last(pressed_stage: Stage) -> None:
    """Class by class; what is refused is refused as everything is, and may come again."""
    theatre = pressed_stage(ON)

    async def run() -> None:
        async with theatre.gateway:
            overload = press(theatre)
            for refused in range(len(CLASSES)):
                overload.level = max(1, refused * PER_CLASS)
                for name, account, kind, what in PLAYED:
                    if refused == 0 == CLASSES.index(name):
                        continue  # but for one in 128 users
                    answer = await theatre.play(account, kind, what)
                    taken = CLASSES.index(name) < refused
                    assert (answer.status < 300) == taken, (name, account, kind, what)
            assert theatre.total("shop", "admit.overloaded") > 0

    asyncio.run(run())


def test_a_refusal_says_when_to_come_again(pressed_stage: Stage) -> None:
    """With 503, the body of every refusal, and Retry-After."""
    theatre = pressed_stage(ON)

    async def run() -> None:
        async with theatre.gateway:
            press(theatre).level = 1
            message, call = theatre.call("shop", "text")
            answer, headers = await ask_with_headers(theatre.gateway, call)
            assert answer.status == 503
            assert answer.body == (await ask(theatre.gateway, call)).body
            assert b"retry-after" in dict(headers)
            press(theatre).level = 640
            assert (await theatre.again("shop", message)).status == 200
            assert theatre.total("shop", "accepted") == 1

    asyncio.run(run())


def test_a_retry_of_what_is_on_disk_is_answered(pressed_stage: Stage) -> None:
    """It costs no more than a refusal, and is the last try."""
    theatre = pressed_stage(ON)

    async def run() -> None:
        async with theatre.gateway:
            message, call = theatre.call("shop", "text")
            first = await ask(theatre.gateway, call)
            press(theatre).level = 1
            again = await theatre.again("shop", message)
            assert (again.status, again.body) == (first.status, first.body) == (200, b"success")
            assert theatre.total("shop", "repeated") == 1
            assert (await theatre.play("shop", "text")).status == 503

    asyncio.run(run())


def test_far_too_many_are_refused_unread_but_never_payments(pressed_stage: Stage) -> None:
    """Before the body, whatever it says; a notice of WeChat Pay has an account of its own."""
    theatre = pressed_stage(ON)

    async def run() -> None:
        async with theatre.gateway:
            press(theatre)
            theatre.state.way.turnstile.shedder.room = (0, 0)
            message, call = theatre.call("shop", "text")
            answer, headers = await ask_with_headers(theatre.gateway, call)
            assert (answer.status, dict(headers)[b"retry-after"]) == (503, b"1")
            assert (await theatre.play("mch", "pay")).status < 300
            assert (await theatre.play("platform", "component_verify_ticket")).status == 200
            theatre.state.way.turnstile.shedder.room = (1, 1)
            assert (await theatre.again("shop", message)).status == 200

    asyncio.run(run())


def test_messages_take_turns_while_the_loop_is_pressed(pressed_stage: Stage) -> None:
    """All of them get one, each is answered, and deliveries stand back without being lost."""
    theatre = pressed_stage(ON)

    async def run() -> None:
        async with theatre.gateway:
            overload = press(theatre)
            plays = (theatre.play("shop", "text") for _ in range(24))
            answers = await asyncio.gather(*plays)
            assert [answer.status for answer in answers] == [200] * 24
            assert overload.admits_all
            await theatre.counted(24)

    asyncio.run(run())


def test_it_can_be_turned_off(stage: Stage) -> None:
    """Then whatever comes is queued."""
    theatre = stage(f"{LOG}\n[overload]\nenabled = false\n")

    async def run() -> None:
        async with theatre.gateway:
            stands = theatre.state.pipeline.turnstile
            stands.turned(1.0)
            assert not stands.pressed

    asyncio.run(run())
