"""A15 and D1 to D3: services that are dead for long, refuse, are slow, hang or vanish."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import slow
from .driver import Load
from .oracle import Bounds
from .sink import OK, Arrival, Manner, Mode, Sink
from .sink_process import SinkProcess
from .stand import CONCURRENCY, Stand, stand

if TYPE_CHECKING:
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

MEMORY = 64 << 20
"""Bytes by which a worker may grow while messages wait in the journal: its windows are bounded."""
TEMPORARY = [429, slow(408), slow(425), slow(500), slow(502), slow(503)]
"""Statuses that ask for another try."""
NOBODY_ASKS = Load(rate=400, seconds=1.0, asks=0.0)


async def dead_for(run: Stand, load: Load) -> None:
    """Nobody listens for as long as a load lasts; then somebody does."""
    await run.healthy()
    before = run.gateway.resident()
    run.sink.hang_up()
    await run.driver.run(load)
    run.hold(run.driver.books.refused == 0, "refused while the journal had room")
    grown = run.gateway.resident() - before
    run.hold(grown < MEMORY, f"grew by {grown} bytes")
    await run.sink.listen()
    await run.drained()
    await run.healthy()
    await run.end()


def test_a15_destination_dead(row: str, tmp_path: Path) -> None:
    """Messages wait on the disk, not in memory, and arrive when it is back: each once, in order."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            await dead_for(on, replace(NOBODY_ASKS, rate=1000, seconds=1.5))

    uvloop.run(run())


@pytest.mark.slow_faults
@pytest.mark.timeout(900)
def test_a15_destination_dead_for_long(row: str, tmp_path: Path) -> None:
    """The same for minutes."""

    async def run() -> None:
        async with stand(row, tmp_path, patience=800.0) as on:
            await dead_for(on, replace(NOBODY_ASKS, rate=1000, seconds=120.0))

    uvloop.run(run())


def test_a15_quota(row: str, tmp_path: Path) -> None:
    """When the journal is full messages are refused; what was acknowledged stays."""

    def small(setup: Setup) -> Setup:
        return replace(setup, journal=f"{setup.journal}max_bytes = 4194304\n")

    async def run() -> None:
        async with stand(row, tmp_path, setup=small) as on:
            on.sink.hang_up()
            await on.driver.run(replace(NOBODY_ASKS, rate=1000, seconds=2.5, padding=600))
            on.hold(on.driver.books.refused > 0, "it took more than the quota allows")
            await on.kill_and_restart()
            await on.sink.listen()
            await on.drained()
            await on.healthy()
            await on.end(on.crashes)

    uvloop.run(run())


def down_at_first(sink: Sink, status: int, arrival: Arrival) -> Mode:
    """Answer so to the first requests, whatever is in them, and once to every tenth message."""
    first = sum(sink.shelf.arrived.values()) < 10
    often = arrival.number % 10 == 0 and sink.shelf.arrived[arrival.number] < 2
    return Mode(status=status) if first or often else OK


@pytest.mark.parametrize("status", TEMPORARY)
def test_d1_asked_to_retry(row: str, tmp_path: Path, status: int) -> None:
    """Every message comes again, and is taken once."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            on.sink.choose = partial(down_at_first, on.sink, status)
            await on.driver.run(NOBODY_ASKS)
            await on.end()
            tries = sum(on.sink.shelf.arrived.values())
            on.hold(tries > len(on.sink.shelf.taken), "the service never said no")

    uvloop.run(run())


def test_d1_retry_after(row: str, tmp_path: Path) -> None:
    """Nothing that was told to wait comes sooner."""
    wait = 1.0

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            busy = Mode(status=429, headers=f"retry-after: {wait:.0f}\r\n")
            told: dict[int, float] = {}
            early: list[float] = []

            def choose(arrival: Arrival) -> Mode:
                if arrival.number in told and arrival.at - told[arrival.number] < wait:
                    early.append(arrival.at - told[arrival.number])
                if len(told) < 7:
                    told[arrival.number] = arrival.at
                    return busy
                return OK

            on.sink.choose = choose
            await on.driver.run(NOBODY_ASKS)
            await on.end()
            on.hold(len(told) == 7, "the service never said no")
            on.hold(not early, f"came again after {early[:3]} s")

    uvloop.run(run())


def test_d1_refused_is_buried(row: str, tmp_path: Path) -> None:
    """Messages that the service will never take are dead letters, and nobody waits for them."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            on.sink.choose = lambda one: Mode(status=422) if one.number % 5 == 0 else OK
            # Events have ids in which their number does not show.
            await on.driver.run(replace(NOBODY_ASKS, events=0.0))
            refused = {one for one in on.driver.books.acknowledged if one % 5 == 0}
            await on.drained(refused)

            async def all_buried() -> bool:
                return (await on.gateway.metrics())["wxgate_buried_total"] >= len(refused)

            await on.gateway.until(all_buried)
            buried = await on.buried()
            on.hold(buried == refused, f"{len(buried)} dead letters, {len(refused)} refused")
            await on.end(buried=buried)

    uvloop.run(run())


def test_d1_gone_is_parked(row: str, tmp_path: Path) -> None:
    """After 410 nothing more is tried, and nothing is lost: a restart tries again."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            on.sink.mode = Mode(status=410)
            await on.driver.run(NOBODY_ASKS)
            tried = sum(on.sink.shelf.arrived.values())
            on.hold(tried <= CONCURRENCY, f"{tried} deliveries to a service that is gone")
            on.sink.mode = OK
            await on.driver.run(replace(NOBODY_ASKS, seconds=0.5))
            on.hold(not on.sink.shelf.taken, "delivered without being told to")
            await on.gateway.stop()
            await on.gateway.start()
            await on.end()

    uvloop.run(run())


BESIDE = """\
[upstream.beside]
nodes = ["{url}"]
{patience}
concurrency = 16
retry = {{ first = 0.05, factor = 2.0, max = 0.5 }}

[[route]]
when = {{ type = "text" }}
to = "upstream:beside"

[[route]]
to = "upstream:orders"
"""
"""Texts go to a service beside the one that gets the events."""
MIXED = replace(NOBODY_ASKS, events=0.5, duplicates=0.0)


SLOW = Mode(delay=0.9)


def with_beside(url: str, setup: Setup, mode: Mode = OK) -> Setup:
    """Route texts to another service, which is waited for where it is slow and no worse."""
    patience = "timeout = 10.0\nbreaker = { slow_after = 0.8 }" if mode is SLOW else "timeout = 1.0"
    return replace(setup, routes=BESIDE.format(url=url, patience=patience))


@pytest.mark.parametrize(
    "mode",
    [
        Mode(manner=Manner.HANG),
        Mode(manner=Manner.DRIP),
        Mode(manner=Manner.RESET),
        SLOW,
        Mode(status=500),
    ],
    ids=["hang", "drip", "reset", "slow", "errors"],
)
def test_d2_one_bad_service(row: str, tmp_path: Path, mode: Mode) -> None:
    """The others get theirs meanwhile, and no more than its share is open to the bad one."""

    async def run() -> None:
        async with (
            Sink() as bad,
            stand(
                row, tmp_path, setup=partial(with_beside, f"http://127.0.0.1:{bad.port}", mode=mode)
            ) as on,
        ):
            bad.mode = mode
            await on.driver.run(MIXED)
            events = on.events()
            await on.sink.until(lambda: events <= on.sink.shelf.numbers.keys(), 5.0)
            missing = events - on.sink.shelf.numbers.keys()
            on.hold(not missing, f"{len(missing)} messages wait for another service")
            on.hold(bad.shelf.most_open <= 16, f"{bad.shelf.most_open} open at once")

            async def is_left_alone() -> bool:
                return (await on.gateway.metrics())["wxgate_dispatch_opened_total"] > 0

            await on.gateway.until(is_left_alone)
            bad.mode = OK
            await on.drained_into(bad)
            on.sink.shelf.add(bad.shelf)
            # What it reads only after the gateway has hung up it takes all the same.
            await on.end(Bounds(ordered=False, duplicates=2 * 16))

    uvloop.run(run())


def test_d5_flapping(row: str, tmp_path: Path) -> None:
    """Up and down in turn: its breaker swings no faster than it may, and all arrives in order."""
    period, shortest = 0.25, 0.05 / 2

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            down = Mode(status=503)
            began = asyncio.get_running_loop().time()
            on.sink.choose = lambda one: down if int(one.at / period) % 2 else OK
            await on.driver.run(replace(NOBODY_ASKS, seconds=2.0))
            opened = (await on.gateway.metrics())["wxgate_dispatch_opened_total"]
            passed = asyncio.get_running_loop().time() - began
            on.hold(1 <= opened <= passed / shortest, f"opened {opened} times in {passed:.1f} s")
            on.sink.choose = lambda _: OK
            await on.end()

    uvloop.run(run())


def test_d3_half_open(row: str, tmp_path: Path) -> None:
    """A service that is stopped, not closed: the others go on, and it gets all when it wakes."""

    async def run() -> None:
        async with (
            SinkProcess() as frozen,
            stand(
                row, tmp_path, setup=partial(with_beside, f"http://127.0.0.1:{frozen.port}")
            ) as on,
        ):
            await on.driver.run(replace(MIXED, seconds=0.3))
            os.kill(frozen.pid, signal.SIGSTOP)
            await on.driver.run(MIXED)
            events = on.events()
            await on.sink.until(lambda: events <= on.sink.shelf.numbers.keys(), 5.0)
            missing = events - on.sink.shelf.numbers.keys()
            on.hold(not missing, f"{len(missing)} messages wait for another service")
            os.kill(frozen.pid, signal.SIGCONT)
            await on.drained_into(frozen)
            on.sink.shelf.add(frozen.shelf)
            # What was sent to it while it slept it finds in its buffers when it wakes: one round
            # of all that may be open at once, and then a probe at a time.
            await on.end(Bounds(ordered=False, duplicates=2 * 16))

    uvloop.run(run())
