"""D6: a service is up again, and another rule holds up the messages that would find that out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .driver import Load
from .sink import OK, Mode
from .stand import Stand, stand
from .test_reload import reloaded

if TYPE_CHECKING:
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

LOAD = Load(rate=300, seconds=0.3, asks=0.0, duplicates=0.0, users=1000)
LIMIT = """
[[limit]]
name = "slow"
per = "account"
rate = "2/s"
burst = 1
action = "pace"
"""
"""Fewer than the probes that it takes: some of them find that they may not go."""


def with_little_memory(setup: Setup) -> Setup:
    """Keep of most messages the place alone: what limits them is known once they are read again.

    A probe that is never heard of again is given up after minutes only.
    """
    return replace(setup, orders=f"{setup.orders}queue = 8\ntimeout = 30.0\n")


async def circuit(on: Stand) -> str:
    """How the breaker stands."""
    _, report = await on.gateway.ready()
    return str(report["destinations"][0]["breaker"])


def test_d6_a_probe_that_may_not_go(row: str, tmp_path: Path) -> None:
    """It gives its turn back: the breaker leaves half-open, and everything arrives."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=with_little_memory) as on:
            on.sink.mode = Mode(status=503)
            await on.driver.run(LOAD)

            async def is_open() -> bool:
                return await circuit(on) != "closed"

            await on.gateway.until(is_open)
            unlimited = on.gateway.setup
            await reloaded(on, replace(unlimited, routes=unlimited.routes + LIMIT))
            on.sink.mode = OK
            seen = set()

            async def is_closed() -> bool:
                seen.add(now := await circuit(on))
                return now == "closed"

            await on.gateway.until(is_closed)
            on.hold("half_open" in seen, f"it was only {seen}: nothing was held up")
            waiting = on.driver.books.acknowledged - on.sink.shelf.numbers.keys()
            on.hold(bool(waiting), "the limit held nobody up")
            await reloaded(on, unlimited)
            await on.drained()
            await on.end()

    uvloop.run(run())
