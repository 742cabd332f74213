"""Claims, limits and streams, wherever their servers are, and whoever must say who they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streams.hub import hub, messages
from work.team import read, until_pending, working
from wxgate.testing import message
from wxgate.testing.messages import Rule, limited

from .sites import NodeLimits
from .test_redis_faults import ask, heard, node, now

if TYPE_CHECKING:
    from servers.layouts import Layout

PATIENT = 10.0
"""Seconds for the store: nothing here is about its being slow."""


def test_what_one_gateway_has_another_has_not(each_layout: Layout) -> None:
    """Claimed, done, answered, given back: with no call lost on the way."""
    url, settings = each_layout.url, each_layout.settings

    async def run() -> None:
        async with (
            node(url, budget=PATIENT, **settings) as here,
            node(url, budget=PATIENT, **settings) as there,
        ):
            assert here.is_shared, here.report()
            assert there.is_shared, there.report()
            assert [await ask(here, number) for number in range(4)] == [True] * 4
            assert await ask(there, 0) is False
            here.complete([message(1)], now())
            here.answer(message(2), b"answer", now())
            here.abandon(message(3))
            await heard(here)
            assert [await ask(there, number) for number in range(4)] == [
                False,
                b"",
                b"answer",
                True,
            ]
            assert here.tally.failures == here.tally.late == here.tally.decided_alone == 0

    asyncio.run(run())


def test_gateways_have_a_limit_together(each_layout: Layout) -> None:
    """Not each for itself."""
    url, settings = each_layout.url, each_layout.settings
    rule = Rule("each", "1/h", burst=3)

    async def run() -> None:
        async with (
            node(url, budget=PATIENT, **settings) as here,
            node(url, budget=PATIENT, **settings) as there,
        ):
            here.limits, there.limits = NodeLimits(), NodeLimits()
            for number, passes in enumerate([True, True, True, False, False, False]):
                asked = (here, there)[number % 2].claim(limited(number, rule), now())
                assert isinstance(asked, asyncio.Future)
                verdict = await asked
                assert verdict is True if passes else verdict[0] == 0  # type: ignore[index]

    asyncio.run(run())


def test_what_a_gateway_appends_a_worker_reads(each_layout: Layout) -> None:
    """All of it, once, and no more is pending."""

    async def run() -> list[str]:
        gateway, worker = each_layout.gateway, each_layout.worker
        async with hub(gateway, partitions=8, reader=worker) as one:
            await one.put(messages(range(1, 101), keys=50))
            async with working(worker, lease=PATIENT) as consumer:
                entries = await read(consumer, 100)
                for entry in entries:
                    consumer.finish(entry)
                await until_pending(one)
            await one.sink.look()
        await each_layout.until_left()
        return [entry.id for entry in entries]

    assert sorted(asyncio.run(run())) == sorted(f"id{number}" for number in range(1, 101))
