"""Turns: when messages have to take them, how many begin with each, and when it is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dispatch.clockwork import loop, play
from wxgate.guard.overload import Overload, OverloadRules
from wxgate.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Try:
    """One that waits for its turn."""

    number: int
    begun: list[int]
    is_over: bool = False

    def enter(self) -> None:
        """Note that it has it."""
        self.begun.append(self.number)


def turnstile(relieved: Callable[[], None] = lambda: None) -> Turnstile:
    """One whose clock is that of the test."""
    clock = loop().time
    one = Turnstile(loop(), Overload(OverloadRules()), clock=clock, wall=clock, cpu=clock)
    one.relieved = relieved
    return one


def test_short_turns_press_nobody() -> None:
    """The third millisecond is the first that counts."""

    async def run() -> None:
        one = turnstile()
        one.turned(0.0029)
        assert not one.pressed
        one.turned(0.0031)
        assert one.pressed

    play(run())


def test_it_ends_after_a_window_of_short_turns() -> None:
    """Then whoever stood back is told, once."""

    async def run() -> None:
        told: list[float] = []
        one = turnstile(lambda: told.append(loop().time()))
        start = loop().time()
        one.turned(0.05)
        assert one.tries < 10
        await loop().rest()
        assert not one.pressed
        assert one.standing()["pressed"] is False
        assert [round(at - start, 1) for at in told] == [0.2]

    play(run())


def test_few_begin_with_each_turn_in_the_order_of_their_coming() -> None:
    """The loop turns in between: whoever comes then is seen at once."""

    async def run() -> None:
        one = turnstile()
        one.turned(0.05)
        begun: list[int] = []
        for number in range(20):
            one.turn(Try(number, begun))
        seen = []
        while len(begun) < 20:
            seen.append(len(begun))
            await asyncio.sleep(0)
        seen.append(len(begun))
        assert begun == list(range(20))
        assert sorted({8, 16, 20} & set(seen)) == [8, 16, 20]
        assert set(seen) <= {0, 8, 16, 20}
        await loop().rest()

    play(run())


def test_who_hangs_up_while_waiting_holds_up_nobody() -> None:
    """Its turn passes."""

    async def run() -> None:
        one = turnstile()
        one.turned(0.05)
        begun: list[int] = []
        first, second = (Try(number, begun) for number in range(2))
        one.turn(first)
        one.turn(second)
        first.is_over = True
        await loop().rest()
        assert begun == [1]

    play(run())


def test_what_is_refused_unread_is_told_and_keeps_it_pressed() -> None:
    """Window by window; then all may wait again."""

    async def run() -> None:
        told: list[tuple[str, int]] = []
        one = turnstile()
        one.shed = lambda account, count: told.append((account, count))
        shedder = one.shedder
        shedder.apply(["shop", "mch"], ["mch"], (503, "text/plain", b""))
        calm = sum(shedder.refuses("/cb/shop") for _ in range(512))
        one.turned(0.05)
        assert (calm, shedder.refuses("/cb/shop"), shedder.refuses("/cb/mch")) == (0, True, False)
        await asyncio.sleep(0.15)
        assert told == [("shop", 1)]
        assert shedder.refuses("/cb/shop/wx1")
        await asyncio.sleep(0.1)
        assert (told, one.pressed) == ([("shop", 1)] * 2, True)
        for _ in range(513):
            shedder.begin()
        assert not shedder.refuses("/cb/shop")
        await loop().rest()
        assert not one.pressed
        assert sum(shedder.refuses("/cb/shop") for _ in range(100)) == 0

    play(run())
