"""C1 to C7: several gateways, one Redis, and everything that can happen to it under load."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop
from servers.between import between

from . import mutants
from .conftest import kept_by, slow
from .fleet import HASTY, PATIENT, STORMY, fleet
from .stand import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from servers.replicated import Replicated

    from .fleet import Fleet
    from .keeper import Keeper

pytestmark = pytest.mark.timeout(150)

OTHERS = tuple(map(slow, ("redis8", "redis7", "valkey8", "cluster-valkey9", "cluster-redis7")))
"""Where a row is played besides, but not every time."""
SETTLE_S = 1.0
"""For what a fault leaves behind: tries that began in it, and duplicates that follow them."""


def under(row: str, folder: Path, redis: str, fault: Callable[[Fleet], Awaitable[None]]) -> None:
    """Have something happen under load; then all must be well again."""
    uvloop.run(undergo(row, folder, redis, fault))


async def undergo(
    row: str, folder: Path, redis: str, fault: Callable[[Fleet], Awaitable[None]]
) -> None:
    """The same, for those who have a loop already."""
    async with fleet(row, folder, redis) as on:
        await on.until_modes("shared")
        sending = asyncio.create_task(on.driver.send(STORMY))
        await asyncio.sleep(0.7)  # a load before the fault
        since = now()
        await fault(on)
        await on.until_modes("shared")
        on.note_doubtful(since)
        await asyncio.sleep(SETTLE_S)
        sending.cancel()
        await on.driver.finish()
        await calm(on)
        await on.end()


async def calm(on: Fleet) -> None:
    """Demand that a fleet in good health delivers each message once again."""
    since = now()
    before = on.sink.shelf.duplicates, on.driver.books.refused, await on.total("late")
    await on.driver.run(replace(STORMY, seconds=0.7))
    after = on.sink.shelf.duplicates, on.driver.books.refused
    if await on.total("late") == before[2]:
        on.hold(before[:2] == after, f"not in good health again: {before} before, {after} after")
    else:
        on.note_doubtful(since)


@pytest.mark.parametrize("size", [2, slow(3)])
@kept_by("valkey9", slow("cluster-redis8"), *OTHERS)
def test_c0_each_message_once(row: str, tmp_path: Path, keeper: Keeper, size: int) -> None:
    """Without a fault nothing is delivered twice, whoever is asked and however soon."""

    async def run() -> None:
        async with fleet(row, tmp_path, keeper.url, size=size, budget=PATIENT) as on:
            await on.until_modes("shared")
            await on.driver.run(replace(STORMY, seconds=1.5))
            await on.driver.run(replace(HASTY, seconds=1.5))
            await on.end()

    uvloop.run(run())


@kept_by("valkey9", "cluster-redis8", *OTHERS)
def test_c1_killed(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """It dies, and comes back with nothing; a Cluster serves nothing meanwhile."""

    async def fault(on: Fleet) -> None:
        keeper.server.kill()
        await on.until_modes("alone", "merging")
        await asyncio.sleep(0.7)  # how long it is gone
        await keeper.until_missed()
        keeper.server.start()
        await keeper.until_back()

    under(row, tmp_path, keeper.url, fault)


@pytest.mark.slow_faults
@kept_by("valkey9", "cluster-redis8", *OTHERS)
def test_c1_down_at_the_start(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """The gateways start without it."""
    keeper.server.kill()

    async def run() -> None:
        async with fleet(row, tmp_path, keeper.url) as on:
            since = now()
            await on.driver.run(replace(STORMY, seconds=0.7))
            assert await on.modes() == ["alone", "alone"]
            keeper.server.start()
            await on.until_modes("shared")
            on.note_doubtful(since)
            await calm(on)
            await on.end()

    uvloop.run(run())


@kept_by("valkey9", "redis8", slow("cluster-redis8"), *OTHERS[1:])
def test_c2_paused(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """It stops answering, and goes on where it was."""

    async def fault(on: Fleet) -> None:
        keeper.server.pause()
        try:
            await on.until_modes("alone", "merging")
            await asyncio.sleep(0.7)  # how long it is stopped
            await keeper.until_missed()
        finally:
            keeper.server.resume()
        await keeper.until_back()

    under(row, tmp_path, keeper.url, fault)


@pytest.mark.parametrize("seconds", [0.5, slow(5.0)])
@kept_by("valkey9", slow("cluster-redis8"), *OTHERS)
def test_c2_slow(row: str, tmp_path: Path, keeper: Keeper, seconds: float) -> None:
    """It answers everything, and too late: a little later than it is waited for, or much."""

    async def run() -> None:
        async with between(keeper.group) as line:

            async def fault(on: Fleet) -> None:
                line.slow(seconds)
                await on.until_modes("alone", "merging")
                await asyncio.sleep(0.7)  # how long it is slow, once nobody waits for it
                line.calm()

            await undergo(row, tmp_path, line.url, fault)

    uvloop.run(run())


@kept_by("valkey9", slow("cluster-redis8"), *OTHERS)
def test_c3_flushed(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """It forgets everything, again and again."""

    async def fault(on: Fleet) -> None:
        for count in range(1, 4):
            keeper.server.say("FLUSHALL")
            for gateway in on.gateways:

                async def noticed(gateway: object = gateway, count: int = count) -> bool:
                    counted = await gateway.metrics()  # type: ignore[attr-defined]
                    return bool(counted["wxgate_state_forgotten_total"] >= count)

                await gateway.until(noticed)
            await on.until_modes("shared")

    under(row, tmp_path, keeper.url, fault)


@pytest.mark.slow_faults
@pytest.mark.parametrize("replicated", ["valkey9", "redis8", "redis7"], indirect=True)
def test_c4_failover(row: str, tmp_path: Path, replicated: Replicated) -> None:
    """Its replica lags, and becomes the primary."""

    async def fault(on: Fleet) -> None:
        replicated.lag()
        await asyncio.sleep(0.3)  # how far it lags
        replicated.primary.kill()
        replicated.replica.resume()
        await on.until_modes("alone", "merging")
        await asyncio.to_thread(replicated.until_failed_over, replicated.primary.port)

    under(row, tmp_path, replicated.url, fault)


@pytest.mark.slow_faults
@kept_by("valkey9", "redis8", "redis7", "valkey8")
def test_c5_made_a_replica(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """READONLY; and NOSCRIPT, which nobody notices."""

    async def fault(on: Fleet) -> None:
        keeper.server.say("SCRIPT", "FLUSH")
        keeper.server.say("REPLICAOF", "127.0.0.1", "1")
        await on.until_modes("alone", "merging")
        keeper.server.say("REPLICAOF", "NO", "ONE")

    under(row, tmp_path, keeper.url, fault)


@kept_by("valkey9", slow("redis8"), slow("redis7"), slow("valkey8"))
def test_c5_cannot_save(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """MISCONF: its disk fails, and it takes no writes until it has been saved."""

    async def fault(on: Fleet) -> None:
        await asyncio.to_thread(keeper.server.cannot_save)
        await on.until_modes("alone", "merging")
        for gateway in on.gateways:
            on.hold("MISCONF" in gateway.said(), "it is out of use for something else")
        await asyncio.sleep(0.5)  # how long it cannot
        await asyncio.to_thread(keeper.server.can_save)

    under(row, tmp_path, keeper.url, fault)


@pytest.mark.slow_faults
@kept_by("valkey9", "cluster-redis8", *OTHERS)
def test_c6_full(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """OOM, until there is room."""

    async def fault(on: Fleet) -> None:
        keeper.server.configure(maxmemory=1)
        await on.until_modes("alone", "merging")
        await asyncio.sleep(0.5)  # how long it is full
        keeper.server.configure(maxmemory=0)

    under(row, tmp_path, keeper.url, fault)


@kept_by("valkey9", slow("redis8"), slow("cluster-redis8"), *OTHERS[1:])
def test_c7_cut(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """Connections end at any byte, all the time."""

    async def run() -> None:
        async with (
            between(keeper.group) as line,
            fleet(row, tmp_path, line.url, budget=PATIENT) as on,
        ):
            await on.until_modes("shared")
            since = now()
            sending = asyncio.create_task(on.driver.send(STORMY))
            await line.strike(on.random, 40)
            sending.cancel()
            await on.driver.finish()
            await on.until_modes("shared")
            noticed = await on.total("reconnects") + await on.total("failures")
            on.hold(noticed > 0, "no cut was noticed")
            on.note_doubtful(since)
            await calm(on)
            await on.end()

    uvloop.run(run())


@pytest.mark.parametrize(
    ("size", "kills"), [(2, 3), pytest.param(3, 30, marks=pytest.mark.slow_faults)]
)
@kept_by("valkey9", slow("redis8"), slow("cluster-redis8"))
def test_c0_gateways_are_killed(
    row: str, tmp_path: Path, keeper: Keeper, size: int, kills: int
) -> None:
    """What one had in hand when it died, another takes; what it had recorded, it delivers."""

    async def run() -> None:
        one = fleet(row, tmp_path, keeper.url, size=size, budget=PATIENT, patience=120.0)
        async with one as on:
            await on.until_modes("shared")
            sending = asyncio.create_task(on.driver.send(replace(STORMY, retry_after=0.6)))
            for _ in range(kills):
                await asyncio.sleep(on.random.uniform(0.2, 0.8))  # when it strikes: the input
                await on.kill_and_restart(on.random.choice(on.gateways))
            sending.cancel()
            await on.driver.finish()
            await on.until_modes("shared")
            await on.end()

    uvloop.run(run())


@pytest.mark.parametrize("mutant", mutants.IN_A_FLEET)
@kept_by("valkey9", slow("redis8"), slow("cluster-redis8"))
def test_a_fleet_that_does_not_share_is_reported(
    row: str, tmp_path: Path, keeper: Keeper, mutant: str
) -> None:
    """Else these rows prove nothing."""
    command = (sys.executable, mutants.__file__, mutant, "serve")

    async def run() -> None:
        one = fleet(row, tmp_path, keeper.url, budget=PATIENT, command=command)
        async with one as on:
            await on.until_modes("shared")
            await on.driver.run(replace(STORMY, seconds=0.7, duplicates=1.0, duplicates_within=5.0))
            await on.end()

    with pytest.raises(AssertionError, match="duplicates"):
        uvloop.run(run())
