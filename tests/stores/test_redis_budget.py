"""What a message waits for the store at most, with the budget that a configuration has by default.

Proxy and gateway share a loop here, whose timers end in their order however busy the machine is:
so it is seen what came first, and nothing is timed.
"""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from servers.chaos import Chaos, Manner
from wxcore._wxcore import Claims
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.stores.redis.claims import RedisClaims
from wxgate.testing import message

from .sites import until
from .test_redis_faults import ask, heard, node, now, shared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servers.server import Server

_TOO_LATE = re.compile("no answer within (20 ms, 3 times|200 ms)")
"""Three budgets, or ten at once where this machine has been away."""
SLOWER = 0.1
"""Seconds: five budgets, and less than what any other patience allows."""


@asynccontextmanager
async def plain_node(url: str) -> AsyncIterator[RedisClaims]:
    """A gateway's claims, of whose store nothing but the address is configured."""
    claims = RedisClaims(Redis(url=RedisUrl.parse(url)), Claims(1000, 1 << 20, now()))
    await claims.open()
    try:
        yield claims
    finally:
        await claims.aclose()


async def decided_here(here: RedisClaims, number: int) -> None:
    """Ask for a new message, to which the store has no answer in time."""
    before = here.tally.late + here.tally.decided_alone
    assert await ask(here, number) is True
    assert here.tally.late + here.tally.decided_alone == before + 1
    assert await ask(here, number) is False, "it is claimed here"
    here.complete([message(number)], now())
    assert await ask(here, number) == b"", "and known to be done"


@pytest.mark.parametrize(
    "manner", [Manner(delay=SLOWER), Manner(silent=True)], ids=["slower", "silent"]
)
def test_the_embedded_store_decides_what_takes_the_store_too_long(
    redis_server: Server, manner: Manner
) -> None:
    """C2: three times, then it is not asked any more; it hears of all that when it is well."""

    async def run() -> None:
        async with Chaos(redis_server.port) as chaos, plain_node(chaos.url) as here:
            await shared(here)
            failures, calls = here.tally.failures, here.tally.calls
            chaos.down = manner
            count = 0
            while here.is_shared:
                await decided_here(here, count)
                count += 1
            assert count <= 3
            assert here.tally.failures == failures + 1
            assert here.tally.calls <= calls + 3
            assert here.report()["mode"] == "alone"
            assert _TOO_LATE.fullmatch(str(here.report()["reason"]))
            await decided_here(here, count)
            chaos.calm()
            chaos.cut()
            await shared(here)
            await heard(here)
            async with node(redis_server.url, budget=10.0) as there:
                assert [await ask(there, number) for number in range(count + 1)] == [b""] * (
                    count + 1
                )

    asyncio.run(run())


def test_one_stuck_answer_is_enough(redis_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Where nobody else asks meanwhile: after ten budgets."""

    async def run() -> None:
        async with Chaos(redis_server.port) as chaos, plain_node(chaos.url) as here:
            await shared(here)
            chaos.down = Manner(silent=True)
            assert await ask(here, 1) is True
            assert here.tally.late == 1
            with caplog.at_level(logging.WARNING, "wxgate.state"):
                await until(lambda: not here.is_shared)
            assert _TOO_LATE.search(caplog.text)
            assert here.report()["mode"] == "alone"

    asyncio.run(run())
