"""What stands before the journal turns while messages are under way: flow rules and overload."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from wxgate import pipeline, turnstile
from wxgate.guard.overload import LEVELS
from wxgate.sim import invent

from .conftest import LOG
from .reloading import flowing, is_refused, turn
from .theatre import ask_with_headers, until

if TYPE_CHECKING:
    from wxgate import Event
    from wxgate.guard.overload import Overload
    from wxgate.sim.call import Answer
    from wxgate.turnstile import Turnstile

    from .conftest import Stage
    from .theatre import Theatre

END = "\n# end\n"
"""Where limits come, and go."""


def limit(text: str) -> str:
    """One that holds for one account."""
    return f'\n[[limit]]\nname = "few"\nper = "account"\nwhen.account = "mini"\n{text}{END}'


async def statuses(theatre: Theatre, count: int) -> list[int]:
    """Play so many messages of the account that limits are for."""
    return [(await theatre.play("mini", "text")).status for _ in range(count)]


def test_a_limit_comes_changes_and_goes_under_load(stage: Stage) -> None:
    """Each time from the swap on; a file that cannot be used leaves the one that is in force."""
    theatre = stage(LOG + END)
    two, four = limit('rate = "1/h"\nburst = 2\n'), limit('rate = "1/h"\nburst = 4\n')

    async def run() -> None:
        async with flowing(theatre) as flow:
            assert await statuses(theatre, 4) == [200] * 4
            await turn(theatre, END, two)
            assert await statuses(theatre, 4) == [200, 200, 503, 503]
            wrong = two.replace('"1/h"', '"1/fortnight"')
            await is_refused(theatre, two, wrong, "limit[0].rate")
            assert await statuses(theatre, 1) == [503]
            await turn(theatre, two, four)
            # What was used up stays used up.
            assert await statuses(theatre, 4) == [200, 200, 503, 503]
            await turn(theatre, four, END)
            assert await statuses(theatre, 4) == [200] * 4
            flow.others = 12

    asyncio.run(run())


def test_what_becomes_of_messages_over_a_limit_changes_under_load(stage: Stage) -> None:
    """Refused; then paced, until the limit goes, by what has to wait as well; then dropped."""
    theatre = stage(LOG + END)
    rate = 'rate = "1/h"\nburst = 1\n'
    ways = [limit(rate), limit(f'{rate}action = "pace"\n')]
    ways.append(limit(f'{rate}action = "absorb"\nwhen.type = "text"\n'))

    async def run() -> None:
        async with flowing(theatre) as flow:
            await turn(theatre, END, ways[0])
            assert await statuses(theatre, 2) == [200, 503]
            await turn(theatre, ways[0], ways[1])
            assert await statuses(theatre, 3) == [200] * 3
            # All three do where the first of all was still on its way out.
            await until(lambda: waiting(theatre) >= 2)
            await turn(theatre, ways[1], ways[2])
            await until(lambda: waiting(theatre) == 0)
            assert await statuses(theatre, 2) == [200] * 2
            assert theatre.total("mini", "absorbed") == 2
            flow.others = theatre.total("mini", "accepted")
            assert flow.others == 4

    asyncio.run(run())


def waiting(theatre: Theatre) -> int:
    """How many keys wait for their turn."""
    (standing,) = theatre.state.dispatcher.snapshot()
    return standing.waiting


class Patient:
    """A handler that answers when it is told to."""

    def __init__(self, theatre: Theatre) -> None:
        """Take the texts of one account."""
        self.theatre = theatre
        self.come = 0
        self.may_answer = asyncio.Event()
        theatre.gateway.on("mini", type="text")(self.answer)

    async def answer(self, event: Event) -> str:
        """Answer one."""
        del event
        self.come += 1
        await self.may_answer.wait()
        return "done"

    async def one_more(self) -> asyncio.Task[Answer]:
        """Send one that is let in, and wait until it is here."""
        before = self.come
        sent = asyncio.create_task(self.theatre.play("mini", "text"))
        await until(lambda: self.come > before)
        return sent


def at_once(count: int) -> str:
    """A limit of so many."""
    return limit(f"concurrency = {count}\n")


def test_a_limit_of_concurrency_turns_under_load(stage: Stage) -> None:
    """Wider it lets more in beside who is there; narrower it waits until enough have left."""
    theatre = stage(LOG + at_once(1))

    async def run() -> None:
        patient = Patient(theatre)
        async with flowing(theatre) as flow:
            there = [await patient.one_more()]
            assert await statuses(theatre, 1) == [503]
            await is_refused(theatre, at_once(1), at_once(0), "limit[0].concurrency")
            assert await statuses(theatre, 1) == [503]
            await turn(theatre, at_once(1), at_once(2))
            there.append(await patient.one_more())
            assert await statuses(theatre, 1) == [503]
            await turn(theatre, at_once(2), END)
            there.append(await patient.one_more())
            await turn(theatre, END, at_once(1))
            assert await statuses(theatre, 1) == [503]
            patient.may_answer.set()
            answers = await asyncio.gather(*there)
            assert [answer.status for answer in answers] == [200] * 3
            # Nobody has kept a place that was taken under another configuration.
            assert await statuses(theatre, 3) == [200] * 3
            patient.may_answer.clear()
            last = await patient.one_more()
            assert await statuses(theatre, 1) == [503]
            patient.may_answer.set()
            assert (await last).status == 200
            flow.others = 7

    asyncio.run(run())


class Clock:
    """The time of day as it is when messages come, put forward by hand."""

    def __init__(self) -> None:
        """Show the right time."""
        self.ahead = 0

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns() + self.ahead * 10**9


def test_a_rule_begins_to_warm_up_and_stops_under_load(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from a third of its rate, which shows in when a message is to come again.

    What else is turned meanwhile does not make it begin anew.
    """
    clock, theatre = Clock(), stage(LOG + END)
    monkeypatch.setattr(pipeline, "time", clock)
    plain = per_user("")
    warm = per_user("warm_up = 20\n")

    async def run() -> None:
        async with flowing(theatre) as flow:
            await turn(theatre, END, plain)
            assert await seconds_told(theatre) <= 60
            await turn(theatre, plain, warm)
            wrong = per_user("warm_up = -1\n")
            await is_refused(theatre, warm, wrong, "limit[0].warm_up")
            assert 120 < await seconds_told(theatre) <= 180
            clock.ahead = 19
            assert await seconds_told(theatre) < 70
            await turn(theatre, "[server]\n", "[server]\nmax_in_flight = 999\n")
            assert await seconds_told(theatre) < 70
            await turn(theatre, warm, plain)
            assert await seconds_told(theatre) <= 60
            flow.others = 5

    asyncio.run(run())


def per_user(more: str) -> str:
    """A limit that everybody has for himself."""
    text = limit(f'rate = "60/h"\nburst = 1\n{more}')
    return text.replace('per = "account"', 'per = "openid"')


async def seconds_told(theatre: Theatre) -> int:
    """After how many seconds somebody new is to come again who has come twice."""
    player, user = theatre.players["mini"], invent.openid()
    statuses, after = [], 0
    for _ in range(2):
        call = player.call(player.message("text", openid=user), int(time.time()))
        answer, headers = await ask_with_headers(theatre.gateway, call)
        statuses.append(answer.status)
        after = int(dict(headers).get(b"retry-after", b"0"))
    assert statuses == [200, 503]
    return after


ON = "[overload]\nenabled = true\n"
OFF = "[overload]\nenabled = false\n"


@pytest.fixture
def pressed_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage on which levels stay where a test puts them."""
    monkeypatch.setattr(turnstile, "_WINDOW", 3600.0)
    return stage


def press(theatre: Theatre) -> Turnstile:
    """Have a turn of the loop take far too long; return what then decides."""
    stands = theatre.state.way.turnstile
    stands.turned(1.0)
    return stands


def test_overload_is_turned_off_and_on_in_the_middle_of_one(pressed_stage: Stage) -> None:
    """Off, nobody is refused from then on, read or unread; on, all are let in until it is felt."""
    theatre = pressed_stage(LOG + ON)

    async def run() -> None:
        async with theatre.gateway:
            stands = press(theatre)
            stands.overload.level = 1
            stands.shedder.room = (0, 0)
            assert await statuses(theatre, 2) == [503, 503]
            await is_refused(theatre, ON, f"{ON}wait = 6\n", "overload.wait")
            assert await statuses(theatre, 2) == [503, 503]
            await turn(theatre, ON, OFF)
            assert await statuses(theatre, 2) == [200, 200]
            press(theatre)
            assert not stands.pressed
            assert await statuses(theatre, 2) == [200, 200]
            await turn(theatre, OFF, ON)
            press(theatre)
            assert stands.pressed
            assert await statuses(theatre, 2) == [200, 200]
            stands.overload.level = 1
            assert await statuses(theatre, 2) == [503, 503]
            await theatre.counted(6)

    asyncio.run(run())


def test_who_waits_for_a_turn_gets_one_though_overload_is_turned_off(pressed_stage: Stage) -> None:
    """In the order of their coming, and none is lost."""
    theatre = pressed_stage(LOG + ON)

    async def run() -> None:
        async with theatre.gateway:
            press(theatre)
            plays = [asyncio.create_task(theatre.play("shop", "text")) for _ in range(24)]
            while not theatre.state.way.turnstile.standing()["queued"]:  # noqa: ASYNC110
                await asyncio.sleep(0)  # the next turn of the loop may be the one
            await turn(theatre, ON, OFF)
            assert [(await one).status for one in plays] == [200] * 24
            await theatre.counted(24)

    asyncio.run(run())


@pytest.mark.parametrize(("more", "refuses"), [("wait = 5.0\n", False), ("wait = 0.02\n", True)])
def test_how_long_may_be_waited_turns(
    pressed_stage: Stage,
    more: str,
    refuses: bool,  # noqa: FBT001
) -> None:
    """The same queue is too long before, and is not afterwards; or the other way round."""
    before = f"{ON}wait = {0.02 if not refuses else 5.0}\n"
    theatre = pressed_stage(LOG + before)

    async def run() -> None:
        async with theatre.gateway:
            overload = press(theatre).overload
            crowd(overload)
            assert overload.admits_all == refuses
            overload.level = LEVELS
            await turn(theatre, before, ON + more)
            crowd(overload)
            assert overload.admits_all != refuses

    asyncio.run(run())


def crowd(overload: Overload) -> None:
    """Have a hundred messages wait for a tenth of a second each, and the window end."""
    for at in range(100):
        overload.admits(400 + at, 0)
    for _ in range(100):
        overload.served(0.1)
    overload.end_window(0.1, 0.0, 0, unread=0, busy=True)
