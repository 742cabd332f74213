"""A line to the store that trickles: the store has heard, and its answer comes too late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servers.chaos import Chaos, Manner
from wxgate.stores.redis import exchange
from wxgate.testing import message

from .sites import until
from .test_redis_faults import ask, heard, node, now, shared

if TYPE_CHECKING:
    import pytest
    from servers.server import Server

TRICKLE = Manner(rate=100)
"""Bytes a second: the first of an answer come within any budget, its end does not."""
PATIENT = 10.0


def test_what_trickles_back_too_slowly_is_decided_here(redis_server: Server) -> None:
    """Nothing is lost, and nobody else has it meanwhile: the store has noted whose it is."""

    async def run() -> None:
        async with (
            Chaos(redis_server.port) as chaos,
            node(redis_server.url, budget=PATIENT) as there,
            node(chaos.url) as here,
        ):
            await shared(here)
            chaos.down = TRICKLE
            asked = [asyncio.ensure_future(ask(here, number)) for number in range(40)]
            assert await asyncio.gather(*asked) == [True] * 40
            assert here.tally.late == 40
            last = b"{wx}:c" + message(39).claim_key
            await until(lambda: redis_server.say("EXISTS", last))
            assert [await ask(there, number) for number in range(40)] == [False] * 40
            chaos.up = TRICKLE
            here.complete([message(number) for number in range(20)], now())
            for number in range(20, 40):
                here.answer(message(number), b"answer", now())
            # What is told is too late as well, and has to be told again.
            await until(lambda: not here.is_shared)
            assert here.report()["mode"] != "shared"
            chaos.calm()
            await shared(here)
            await heard(here)
            answers = [await ask(there, number) for number in range(40)]
            assert answers == [b""] * 20 + [b"answer"] * 20

    asyncio.run(run())


def test_what_another_had_is_known_for_a_repetition(
    redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer that came too late says so: it is counted, as delivered twice."""
    # However late: else it would be this machine's affair whether it is heard at all.
    monkeypatch.setattr(exchange, "_STUCK", 1000)

    async def run() -> None:
        async with (
            Chaos(redis_server.port) as chaos,
            node(redis_server.url, budget=PATIENT) as there,
            node(chaos.url) as here,
        ):
            assert await ask(there, 1) is True
            await shared(here)
            chaos.down = Manner(rate=400)
            assert await ask(here, 1) is True
            await until(lambda: here.tally.doubled)
            assert (here.tally.late, here.tally.doubled) == (1, 1)
            chaos.calm()
            await shared(here)
            assert await ask(here, 2) is True
            await heard(here)
            assert await ask(there, 2) is False

    asyncio.run(run())


def test_what_trickles_there_is_not_taken_twice(redis_server: Server) -> None:
    """Half of a call is none: whoever asks first has it, and whoever comes back learns of it."""

    async def run() -> None:
        async with (
            Chaos(redis_server.port) as chaos,
            node(redis_server.url, budget=PATIENT) as there,
            node(chaos.url, budget=PATIENT) as here,
        ):
            await shared(here)
            chaos.up = Manner(rate=10_000)
            asked = [asyncio.ensure_future(ask(here, number)) for number in range(64)]
            await asyncio.sleep(0)  # until it is on its way
            first = [await ask(there, number) for number in range(64)]
            second = await asyncio.gather(*asked)
            assert [sum(both) for both in zip(first, second, strict=True)] == [1] * 64
            assert here.tally.late == here.tally.failures == 0

    asyncio.run(run())
