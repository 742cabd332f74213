"""E10, F1 and F2: too many connections, too many messages, and from one moment to the next."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from . import dear
from .conftest import slow
from .crowd import Crowd, descriptors, waiting
from .driver import Load, Regulars
from .oracle import Bounds
from .stand import CALM, SEED, Stand, stand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

SMALL_CROWD = 1500
PLACES = BACKLOG = 4096
"""Of a worker; where descriptors are few it has fewer places."""
OTHERS = 200
"""Descriptors that a worker may have besides: files, listeners, connections to services."""
ALLOWED = 64
"""Connections of an address, where there is such a bound."""
INSIDE = 10
"""Connections that WeChat keeps."""
GROWTH = 128 << 20
"""Bytes by which a worker may grow while all its places are taken."""
SPIKE = Load(rate=1000, seconds=0.4, asks=0.2)
FLOOD = Load(rate=6 * dear.CAPACITY, seconds=2.0, asks=0.0)
"""Each try that is refused comes again."""
TRICKLE = Load(rate=dear.CAPACITY / 5, seconds=1.0, duplicates=0.0)
SLOW_SINK = Bounds(duplicates=500)
"""The service is in the process of the flood, and may answer too late."""


def protected(setup: Setup) -> Setup:
    """Shed what is too much, as a gateway does unless told otherwise."""
    return replace(setup, overload="")


def capped(setup: Setup) -> Setup:
    """Let an address hold so many connections."""
    return replace(setup, server=f"max_per_address = {ALLOWED}")


@asynccontextmanager
async def besieged(port: int, count: int) -> AsyncIterator[list[Crowd]]:
    """So many connections on which nothing is said, from as many processes as it takes."""
    most = min(descriptors(), 20_000)
    sizes = [min(most, count - at) for at in range(0, count, most)]
    async with AsyncExitStack() as stack:
        crowds = [
            await stack.enter_async_context(Crowd(port, size, "silent", source))
            for source, size in enumerate(sizes, start=2)
        ]
        for crowd in crowds:
            await crowd.until(lambda one: one.begun == one.count)
        yield crowds


async def holds_out(on: Stand, crowds: list[Crowd]) -> None:
    """Demand that no more than fit are let in, and the operator is answered."""

    async def is_full() -> bool:
        there = sum(one.opened for one in crowds)
        return waiting(on.gateway.listen) > 0 or there >= SMALL_CROWD

    await on.gateway.until(is_full)
    await on.driver.run(CALM)
    status, _ = await on.gateway.ready()
    held = on.gateway.workers()[0].num_fds()
    at_the_door = waiting(on.gateway.listen)
    knocked = sum(one.begun for one in crowds)
    print(f"{knocked} callers, {held} descriptors, {at_the_door} at the door")  # noqa: T201 (a limit of the machine's is to be seen)
    on.hold(status == 200, f"/readyz says {status}")
    on.hold(held <= PLACES + OTHERS, f"{held} descriptors")
    on.hold(at_the_door <= BACKLOG + 1, f"{at_the_door} wait to be accepted")


@pytest.mark.parametrize("count", [SMALL_CROWD, slow(50_000)])
def test_e10_connections(row: str, tmp_path: Path, count: int) -> None:
    """A flood of silent connections: who is inside is served, and so are the operator's pages."""

    async def run() -> None:
        async with stand(row, tmp_path, patience=120.0) as on:
            on.driver = driver = Regulars(on.gateway.player(), on.gateway.listen, f"{SEED}/{row}")
            # Whoever comes later waits at the door: it is the kernel that holds him.
            await driver.connect(INSIDE)
            await on.healthy()
            before = on.gateway.resident()
            sending = asyncio.create_task(driver.send(replace(CALM, rate=100, seconds=10**6)))
            async with besieged(on.gateway.listen, count) as crowds:
                await holds_out(on, crowds)
                grown = on.gateway.resident() - before
            sending.cancel()
            await driver.finish()
            on.hold(grown < GROWTH, f"grew by {grown} bytes")
            unheard = driver.books.said.keys() - driver.books.acknowledged
            on.hold(not unheard, f"{len(unheard)} messages were not acknowledged")
            await on.healthy()
            await on.end(Bounds(silent=len(driver.books.silent)))

    uvloop.run(run())


def test_e10_one_address(row: str, tmp_path: Path) -> None:
    """Who takes more places than an address may is hung up on, and others find theirs."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=capped, patience=60.0) as on:
            await on.healthy()
            async with Crowd(on.gateway.listen, SMALL_CROWD, "silent") as crowd:
                await crowd.until(lambda one: one.begun == one.count)

                async def is_thinned() -> bool:
                    return crowd.let_in <= ALLOWED

                await on.gateway.until(is_thinned)
                await on.healthy()
            closed = (await on.gateway.metrics())["wxgate_connections_closed_total"]
            on.hold(closed >= SMALL_CROWD - 2 * ALLOWED, f"only {closed} were closed")
            await on.end()

    uvloop.run(run())


@pytest.mark.slow_faults
def test_f1_flood(row: str, tmp_path: Path) -> None:
    """Far too many messages: what is acknowledged arrives, what is refused is refused in time."""
    command = (sys.executable, dear.__file__, "serve")

    async def run() -> None:
        async with stand(row, tmp_path, setup=protected, command=command) as on:
            await on.driver.run(FLOOD)
            on.hold(on.driver.books.refused > 0, "nothing was refused: it was no flood")
            _, report = await on.gateway.ready()
            on.hold(report["ready"], f"/readyz says {report}")
            await on.drained()

            async def is_over() -> bool:
                _, report = await on.gateway.ready()
                return not report["overload"]["pressed"]

            await on.gateway.until(is_over)
            await on.healthy(TRICKLE)
            await on.end(SLOW_SINK)

    uvloop.run(run())


def test_f2_spike(row: str, tmp_path: Path) -> None:
    """From nothing to a peak and back, again and again, with questions among the messages."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=protected) as on:
            for _ in range(3):
                await on.driver.run(SPIKE)
                await asyncio.sleep(0.5)  # the quiet in between
            await on.healthy()
            await on.end()

    uvloop.run(run())
