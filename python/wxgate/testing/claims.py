"""What every store of claims promises (G2, G3, G4), as tests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from wxgate.testing.messages import message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from wxcore._wxcore import Received

    from wxgate.stores import Claims, Denied, Held

PUSH_MS, PAY_MS = 60_000, 25 * 3_600_000
"""How long a message is remembered at least."""


class Site(Protocol):
    """A store, and as many gateways as are wanted that share it."""

    @property
    def lease_ms(self) -> int | None:
        """After which a message is free whose gateway is gone; None if it goes with its store."""
        ...

    @property
    def forgets(self) -> bool:
        """Whether the store can lose everything while gateways live on."""
        ...

    @property
    def now(self) -> int:
        """Milliseconds since 1970, as ``advance`` has moved them."""
        ...

    async def node(self) -> Claims:
        """Return what one more gateway asks. For a store of one process, always the same."""
        ...

    async def leave(self, node: Claims) -> None:
        """Have a gateway die."""
        ...

    async def settle(self) -> None:
        """Return when the store has heard everything that gateways have noted."""
        ...

    async def advance(self, ms: int) -> None:
        """Let time pass, in the store and in every gateway."""
        ...

    async def forget(self) -> None:
        """Empty the store, and return when the gateways have noticed and told it what they know."""
        ...


class ClaimsConformance:
    """Inherit from it, call it ``Test…``, and return a new, empty store from ``site``."""

    def site(self) -> AbstractAsyncContextManager[Site]:
        """Open an empty store."""
        raise NotImplementedError

    def test_a_message_is_new_then_leased_then_done(self) -> None:
        """For every gateway."""

        async def run(site: Site) -> None:
            here, there = await site.node(), await site.node()
            assert await ask(site, here, message()) is True
            assert await ask(site, here, message()) is False
            assert await ask(site, there, message()) is False
            here.complete([message()], site.now)
            await site.settle()
            assert await ask(site, there, message()) == b""
            assert await ask(site, here, message()) == b""
            assert await ask(site, there, message(2)) is True

        self._run(run)

    def test_every_try_gets_the_bytes_of_the_first_answer(self) -> None:
        """Whatever bytes they are, and however many."""

        async def run(site: Site) -> None:
            here, there = await site.node(), await site.node()
            for number, answer in enumerate((b"hello", bytes(range(256)), b"L", b"\0" * 70_000)):
                assert await ask(site, here, message(number)) is True
                here.complete([message(number)], site.now)
                now = site.now
                key, until = here.answer(message(number), answer, now)
                assert (key, until) == (message(number).claim_key, now + PUSH_MS)
                await site.settle()
                assert await ask(site, there, message(number)) == answer
                assert await ask(site, here, message(number)) == answer

        self._run(run)

    def test_one_of_many_who_ask_at_once_has_it(self) -> None:
        """However many gateways they ask."""

        async def run(site: Site) -> None:
            nodes = [await site.node() for _ in range(3)]
            for number in range(20):
                asked = [ask(site, nodes[at % 3], message(number)) for at in range(30)]
                answers = await asyncio.gather(*asked)
                assert answers.count(True) == 1
                assert answers.count(False) == len(asked) - 1

        self._run(run)

    def test_no_message_is_taken_for_another(self) -> None:
        """Exact, not probabilistic: what is new is never called known."""

        async def run(site: Site) -> None:
            here, there = await site.node(), await site.node()
            done = [message(number) for number in range(500)]
            assert all([await ask(site, here, one) is True for one in done])
            here.complete(done, site.now)
            await site.settle()
            others = [message(number) for number in range(500, 1000)]
            assert all([await ask(site, there, one) is True for one in others])

        self._run(run)

    def test_what_is_given_back_is_new_and_what_is_done_stays(self) -> None:
        """A message that could not be recorded is not lost (G2)."""

        async def run(site: Site) -> None:
            here, there = await site.node(), await site.node()
            assert await ask(site, here, message()) is True
            here.abandon(message())
            await site.settle()
            assert await ask(site, there, message()) is True
            there.complete([message()], site.now)
            await site.settle()
            there.abandon(message())
            await site.settle()
            assert await ask(site, here, message()) == b""

        self._run(run)

    def test_what_is_on_disk_is_nobody_elses_until_its_answer_comes(self) -> None:
        """However long that takes, within the message's life."""

        async def run(site: Site) -> None:
            here, there = await site.node(), await site.node()
            assert await ask(site, here, message()) is True
            here.pending(message(), site.now)
            await site.settle()
            await site.advance(10_000)
            assert await ask(site, there, message()) is False
            here.answer(message(), b"late", site.now)
            await site.settle()
            assert await ask(site, there, message()) == b"late"

        self._run(run)

    def test_what_a_gateway_held_that_died_is_free_before_the_next_try(self) -> None:
        """WeChat tries again after five seconds (G2)."""

        async def run(site: Site) -> None:
            if site.lease_ms is None:
                return
            assert site.lease_ms < 5_000  # noqa: PLR2004 (WeChat's)
            here, there = await site.node(), await site.node()
            assert await ask(site, here, message()) is True
            await site.leave(here)
            await site.advance(site.lease_ms - 500)
            assert await ask(site, there, message()) is False
            await site.advance(500)
            assert await ask(site, there, message()) is True

        self._run(run)

    def test_a_message_is_known_for_as_long_as_it_may_be_repeated(self) -> None:
        """A push for a minute, a payment for 25 hours; a quarter more at most."""

        async def run(site: Site) -> None:
            here, there = await site.node(), await site.node()
            for number, life in ((1, PUSH_MS), (2, PAY_MS)):
                one = message(number, paid=life == PAY_MS)
                assert await ask(site, here, one) is True
                here.complete([one], site.now)
                await site.settle()
                await site.advance(life - 2_000)
                assert await ask(site, there, one) == b""
                await site.advance(2_000 + life // 4)
                assert await ask(site, there, one) is True

        self._run(run)

    def test_what_a_journal_remembers_is_known_to_all(self) -> None:
        """Done or not; keys are those that ``answer`` gave."""

        async def run(site: Site) -> None:
            here, there = await site.node(), await site.node()
            until = site.now + PUSH_MS
            here.restore(message(1).claim_key, until, b"hello")
            assert here.lease(message(2).id, until) == message(2).claim_key
            await site.settle()
            assert await ask(site, there, message(1)) == b"hello"
            assert await ask(site, there, message(2)) is False

        self._run(run)

    def test_a_store_that_has_lost_everything_is_told_again(self) -> None:
        """By each gateway what it knows: restarted without its data, or flushed."""

        async def run(site: Site) -> None:
            if not site.forgets:
                return
            here, there = await site.node(), await site.node()
            done = [message(number) for number in range(300)]
            assert all([await ask(site, here, one) is True for one in done])
            here.complete(done[1:], site.now)
            here.answer(done[0], b"hello", site.now)
            await site.settle()
            await site.forget()
            assert await ask(site, there, done[0]) == b"hello"
            assert all([await ask(site, there, one) == b"" for one in done[1:]])

        self._run(run)

    def _run(self, test: Callable[[Site], Awaitable[None]]) -> None:
        async def run() -> None:
            async with self.site() as site:
                await test(site)

        asyncio.run(run())


async def ask(site: Site, node: Claims, one: Received) -> Held | Denied:
    """Ask, and wait where the store answers later."""
    answer = node.claim(one, site.now)
    return await answer if isinstance(answer, asyncio.Future) else answer
