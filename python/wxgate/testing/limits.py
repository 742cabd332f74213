"""What everything that counts limits promises, as tests: burst, and rate times the time."""

from __future__ import annotations

import asyncio
import inspect
from itertools import count
from typing import TYPE_CHECKING, Protocol

from wxgate.testing.messages import Rule, limited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from wxcore._wxcore import Received

    from wxgate.stores import Denied

_MINUTE, _HOUR, _YEAR = 60_000_000, 3_600_000_000, 365 * 86_400_000_000
_SLOW = Rule("slow", "1/h", burst=3)
"""As good as no rate while a test runs: what passes is the burst, and what the test lets come."""


class LimitsNode(Protocol):
    """What one gateway asks: as `wxgate.limits.Store`, but that it may answer later."""

    def admit(self, message: Received, now: int, /) -> Denied | Awaitable[Denied | None] | None:
        """Let a new message pass all its limits, or none: then, which denies it, and the wait.

        ``now`` is the site's, in µs: a store with a clock of its own goes by that.
        """
        ...

    def leave(self, message: Received, /) -> None:
        """Free the places of an admitted message under limits of concurrency."""
        ...


class LimitsSite(Protocol):
    """Where limits are counted, and as many gateways as are wanted that count there."""

    @property
    def now(self) -> int:
        """Microseconds, as ``advance`` has moved them."""
        ...

    @property
    def is_set_back(self) -> bool:
        """Whether the clock that counts may be set back; a steady one never is."""
        ...

    async def node(self) -> LimitsNode:
        """Return what one more gateway asks. For limits of one process, always the same."""
        ...

    async def advance(self, us: int, /) -> None:
        """Let time pass where limits are counted; less than nothing, if ``is_set_back``."""
        ...


class LimitsConformance:
    """Inherit from it, call it ``Test…``, and return a new, empty site from ``site``.

    Nothing is limited in less than an hour: a clock that goes on by itself may, during a test.
    """

    def site(self) -> AbstractAsyncContextManager[LimitsSite]:
        """Open a place where nothing is used up."""
        raise NotImplementedError

    def test_a_burst_passes_and_then_one_for_each_interval(self) -> None:
        """Whichever gateway is asked."""

        async def run(play: _Play) -> None:
            assert [await play.passes(_SLOW) for _ in range(5)] == [True] * 3 + [False] * 2
            for _ in range(3):
                await play.advance(_HOUR)
                assert [await play.passes(_SLOW) for _ in range(3)] == [True, False, False]

        self._run(run)

    def test_who_waits_as_long_as_told_passes_and_not_before(self) -> None:
        """The wait is that of the next message, however often is asked meanwhile."""

        async def run(play: _Play) -> None:
            assert all([await play.passes(_SLOW) for _ in range(3)])
            await play.advance(_HOUR // 3)
            _, wait = await play.denial(_SLOW)
            assert _HOUR * 2 // 3 - _MINUTE < wait <= _HOUR * 2 // 3
            for _ in range(3):
                _, again = await play.denial(_SLOW)
                assert wait - _MINUTE < again <= wait
            await play.advance(wait - _MINUTE)
            _, left = await play.denial(_SLOW)
            assert 0 < left <= _MINUTE
            await play.advance(left)
            assert await play.passes(_SLOW)

        self._run(run)

    def test_nobody_saves_up_more_than_a_burst(self) -> None:
        """However long nothing came."""

        async def run(play: _Play) -> None:
            for rest in (0, 4 * _HOUR, _YEAR):
                await play.advance(rest)
                assert [await play.passes(_SLOW) for _ in range(5)] == [True] * 3 + [False] * 2

        self._run(run)

    def test_users_and_rules_are_counted_each_by_itself(self) -> None:
        """And a rule by its name: its place in a file may be another on each gateway."""

        async def run(play: _Play) -> None:
            other = _SLOW._replace(name="other", burst=1)
            assert all([await play.passes(_SLOW) for _ in range(3)])
            assert await play.passes(_SLOW, user="another")
            assert await play.passes(other)
            assert await play.denial(_SLOW) > (0, 0)
            assert (await play.denial(other, _SLOW))[0] == 0
            assert (await play.denial(other._replace(name="new"), _SLOW))[0] == 1

        self._run(run)

    def test_what_one_limit_denies_uses_up_nothing_of_the_others(self) -> None:
        """All or none."""

        async def run(play: _Play) -> None:
            narrow = Rule("narrow", "1/h", burst=1)
            assert await play.passes(_SLOW, narrow)
            for _ in range(5):
                assert (await play.denial(_SLOW, narrow))[0] == 1
            assert [await play.passes(_SLOW) for _ in range(3)] == [True, True, False]

        self._run(run)

    def test_the_first_that_denies_is_named_and_the_longest_wait_told(self) -> None:
        """After it all would let the message pass."""

        async def run(play: _Play) -> None:
            both = Rule("short", "2/h"), Rule("long", "1/day")
            assert await play.passes(*both)
            rule, wait = await play.denial(*both)
            assert rule == 0
            assert 23 * _HOUR < wait <= 24 * _HOUR
            rule, again = await play.denial(*both[::-1])
            assert rule == 0
            assert wait - _MINUTE < again <= wait
            await play.advance(_HOUR)
            assert (await play.denial(*both))[0] == 1
            await play.advance(wait)
            assert await play.passes(*both)

        self._run(run)

    def test_of_many_at_once_a_burst_passes(self) -> None:
        """However many gateways they ask."""

        async def run(play: _Play) -> None:
            for burst in (1, 7, 20):
                rule = Rule(f"burst{burst}", "1/h", burst)
                assert (await play.together(30, rule)).count(True) == burst

        self._run(run)

    def test_a_clock_that_is_set_back_shuts_nobody_out_and_gives_nothing_away(self) -> None:
        """A server's may be, or another server take over."""

        async def run(play: _Play) -> None:
            if not play.is_set_back:
                return
            assert all([await play.passes(_SLOW) for _ in range(3)])
            await play.advance(-1000 * _HOUR)
            _, wait = await play.denial(_SLOW)
            assert 0 < wait <= _HOUR
            await play.advance(_HOUR)
            assert [await play.passes(_SLOW) for _ in range(2)] == [True, False]

        self._run(run)

    def test_so_many_are_answered_at_once_by_each_gateway(self) -> None:
        """A place is free again when its message is answered."""

        async def run(play: _Play) -> None:
            few = Rule("few", concurrency=2)
            first, *others = [await play.taken(few) for _ in range(2)]
            rule, wait = await play.denial(few)
            assert rule == 0
            assert wait > 0
            play.leave(first)
            others.append(await play.taken(few))
            await play.denial(few)
            for one in others:
                play.leave(one)
            assert all([await play.taken(few) for _ in range(2)])

        self._run(run, nodes=1)

    def test_what_a_rate_denies_takes_no_place(self) -> None:
        """Or places would be lost: nobody leaves who was not let in."""

        async def run(play: _Play) -> None:
            both = Rule("rate", "1/h"), Rule("few", concurrency=1)
            play.leave(await play.taken(*both))
            for _ in range(3):
                assert (await play.denial(*both))[0] == 0
            await play.advance(_HOUR)
            play.leave(await play.taken(*both))

        self._run(run, nodes=1)

    def test_what_a_limit_of_concurrency_denies_uses_up_no_rate(self) -> None:
        """All or none here as well: and it is new when it comes again."""

        async def run(play: _Play) -> None:
            few = Rule("few", concurrency=1)
            first = await play.taken(few)
            for _ in range(5):
                assert (await play.denial(_SLOW, few))[0] == 1
            play.leave(first)
            for _ in range(3):
                play.leave(await play.taken(_SLOW, few))
            assert (await play.denial(_SLOW, few))[0] == 0

        self._run(run, nodes=1)

    def _run(self, test: Callable[[_Play], Awaitable[None]], nodes: int = 3) -> None:
        async def run() -> None:
            async with self.site() as site:
                await test(_Play(site, [await site.node() for _ in range(nodes)]))

        asyncio.run(run())


class _Play:
    """Messages that come to one gateway after the other, each a new one."""

    def __init__(self, site: LimitsSite, nodes: Sequence[LimitsNode]) -> None:
        self._site = site
        self._nodes = nodes
        self._numbers = count(1)
        self.advance = site.advance
        self.is_set_back = site.is_set_back

    async def passes(self, *rules: Rule, user: str = "user") -> bool:
        return await self._ask(self._message(rules, user)) is None

    async def denial(self, *rules: Rule) -> Denied:
        denied = await self._ask(self._message(rules))
        assert denied is not None
        return denied

    async def taken(self, *rules: Rule) -> Received:
        message = self._message(rules)
        assert await self._ask(message) is None
        return message

    async def together(self, number: int, *rules: Rule) -> list[bool]:
        asked = [self._ask(self._message(rules)) for _ in range(number)]
        return [denied is None for denied in await asyncio.gather(*asked)]

    def leave(self, message: Received) -> None:
        self._nodes[0].leave(message)

    def _message(self, rules: tuple[Rule, ...], user: str = "user") -> Received:
        return limited(next(self._numbers), *rules, user=user)

    async def _ask(self, message: Received) -> Denied | None:
        # In turn, so that whatever passes at one gateway is known to the next.
        self._nodes = [*self._nodes[1:], self._nodes[0]]
        denied = self._nodes[0].admit(message, self._site.now)
        return await denied if inspect.isawaitable(denied) else denied
