"""A message that finds no place under a limit of concurrency, where nodes share a Redis."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wxgate.testing import message
from wxgate.testing.messages import Rule, limited

from .sites import NodeLimits
from .test_redis_faults import ask, claimed, heard, node, now

if TYPE_CHECKING:
    from servers.server import Server

FEW = Rule("few", concurrency=1)


def test_what_others_have_or_have_answered_is_known_where_all_places_are_taken(
    redis_server: Server,
) -> None:
    """Its tries end, and use up nothing; what nobody has is denied, and anybody's."""

    async def run() -> None:
        async with (
            node(redis_server.url, budget=10.0) as here,
            node(redis_server.url, budget=10.0) as there,
        ):
            here.limits = NodeLimits()
            assert await ask(there, 1) is True
            there.answer(message(1), b"said", now())
            assert await ask(there, 2) is True
            there.complete([message(2)], now())
            assert await ask(there, 3) is True
            await heard(there)
            assert await claimed(here.claim(limited(9, FEW), now())) is True
            tries = [here.claim(limited(number, FEW), now()) for number in range(1, 5)]
            assert [await claimed(one) for one in tries] == [b"said", b"", False, (0, 1_000_000)]
            await heard(here)
            assert await ask(there, 4) is True
            here.limits.leave(limited(9, FEW))
            assert await claimed(here.claim(limited(5, FEW), now())) is True

    asyncio.run(run())


def test_what_is_known_elsewhere_keeps_no_place(redis_server: Server) -> None:
    """It had one while it was asked for: answered, done, in other hands, or over a rate."""
    rate = Rule("rate", "1/h")

    async def run() -> None:
        async with (
            node(redis_server.url, budget=10.0) as here,
            node(redis_server.url, budget=10.0) as there,
        ):
            here.limits = NodeLimits()
            assert await ask(there, 1) is True
            there.answer(message(1), b"said", now())
            assert await ask(there, 2) is True
            await heard(there)
            assert await claimed(here.claim(limited(3, rate), now())) is True
            for number, verdict in ((1, b"said"), (2, False)):
                assert await claimed(here.claim(limited(number, FEW), now())) == verdict
            denied = await claimed(here.claim(limited(4, rate, FEW), now()))
            assert denied[0] == 0
            assert await claimed(here.claim(limited(5, FEW), now())) is True
            assert await claimed(here.claim(limited(6, FEW), now())) == (0, 1_000_000)

    asyncio.run(run())
