"""C3, C5 and C7 for streams: Redis loses, refuses, and hangs up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop
from servers.between import between

from .conftest import kept_by, slow
from .oracle import Outage
from .stand import now
from .workers import (
    CLUSTERS,
    LEASE,
    LOAD,
    OTHERS,
    PARTITIONS,
    held_by,
    hub,
    judged,
    partition,
    primary,
    warmed_up,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .keeper import Keeper

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("loss", ["flush", "streams", "restart"])
@held_by("valkey9")
def test_c3_what_redis_had_is_gone(row: str, tmp_path: Path, keeper: Keeper, loss: str) -> None:
    """Under load: the journal gives it again, groups are made again, all by itself."""

    async def run() -> None:
        async with hub(row, tmp_path, keeper.url) as (on, workers):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            outages = []
            for _ in range(2):
                await asyncio.sleep(0.8)
                down = now()
                await asyncio.to_thread(_lose, keeper, loss)
                outages.append(Outage(down, now() + 2 * LEASE))
            await sending
            await judged(on, *outages)
            on.hold("Traceback" not in workers.said("a"), workers.said("a"))
            lines = len(workers.said("a").splitlines())
            on.hold(lines < 60, f"{lines} lines in the log of a worker")

    uvloop.run(run())


def _lose(keeper: Keeper, loss: str) -> None:
    match loss:
        case "flush":
            for server in keeper.servers:
                server.say("FLUSHALL")
        case "streams":
            for key in map(partition, range(PARTITIONS)):
                keeper.holder(key).say("DEL", key)
        case _:
            primary(keeper).restart()


def under(
    row: str, folder: Path, keeper: Keeper, fault: Callable[[Keeper], Awaitable[None]]
) -> None:
    """Have Redis take nothing for a while: WeChat must not notice."""

    async def run() -> None:
        async with hub(row, folder, keeper.url) as (on, _):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            await asyncio.sleep(0.5)  # a load before the fault
            down = now()
            await fault(keeper)
            up = now()
            await sending
            on.hold(on.driver.books.refused == 0, "WeChat was refused")
            await judged(on, Outage(down, up + 2 * LEASE))

    uvloop.run(run())


async def full(keeper: Keeper) -> None:
    """OOM, until there is room."""
    server = primary(keeper)
    server.configure(maxmemory=1, maxmemory_policy="noeviction")
    await asyncio.sleep(0.8)  # how long it is full
    server.configure(maxmemory=0)


async def silent(keeper: Keeper) -> None:
    """It stops, and goes on where it was."""
    server = primary(keeper)
    server.pause()
    await asyncio.sleep(0.8)  # how long it is stopped
    server.resume()
    await keeper.until_back()


async def without_replicas(keeper: Keeper) -> None:
    """NOREPLICAS: too few have what is written."""
    server = primary(keeper)
    server.configure(min_replicas_to_write=1)
    await asyncio.sleep(0.8)  # how long it wants some
    server.configure(min_replicas_to_write=0)


async def unable_to_save(keeper: Keeper) -> None:
    """MISCONF, until its disk is well."""
    server = primary(keeper)
    await asyncio.to_thread(server.cannot_save)
    await asyncio.sleep(0.8)  # for how long
    await asyncio.to_thread(server.can_save)


NO_WRITES = [full, silent, without_replicas, slow(unable_to_save)]


@pytest.mark.parametrize("fault", NO_WRITES, ids=lambda one: one.__name__)
@held_by("valkey9")
def test_c5_redis_takes_nothing_for_a_while(
    row: str, tmp_path: Path, keeper: Keeper, fault: Callable[[Keeper], Awaitable[None]]
) -> None:
    """Messages are acknowledged and wait in the journal; nobody is lost, and nothing restarts."""
    under(row, tmp_path, keeper, fault)


@kept_by(*map(slow, ("valkey9", *OTHERS)))
def test_c5_stream_made_a_replica(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """READONLY; and NOSCRIPT, which nobody notices."""

    async def fault(keeper: Keeper) -> None:
        keeper.server.say("SCRIPT", "FLUSH")
        keeper.server.say("REPLICAOF", "127.0.0.1", "1")
        await asyncio.sleep(0.8)  # how long it is one
        keeper.server.say("REPLICAOF", "NO", "ONE")

    under(row, tmp_path, keeper, fault)


@kept_by(CLUSTERS[0], *map(slow, CLUSTERS[1:]))
def test_c5_stream_another_is_down(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """CLUSTERDOWN from whoever is left, until it is back with nothing; and NOSCRIPT."""

    async def fault(keeper: Keeper) -> None:
        cluster, dead = keeper.of_a_cluster, primary(keeper)
        for server in keeper.servers:
            server.say("SCRIPT", "FLUSH")
        dead.kill()
        await asyncio.to_thread(cluster.until_missed, dead)
        dead.start()
        await keeper.until_back()

    under(row, tmp_path, keeper, fault)


@kept_by(*map(slow, CLUSTERS))
def test_c5_stream_slots_move(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """ASK, TRYAGAIN and MOVED: a partition, then the leases of all, go to another primary."""

    async def fault(keeper: Keeper) -> None:
        cluster, source = keeper.of_a_cluster, primary(keeper)
        target = next(one for one in keeper.servers if one is not source)
        for key in (partition(0), "wx:stream:{wechat}"):
            await asyncio.to_thread(cluster.carry, cluster.slot(key), source, target)

    under(row, tmp_path, keeper, fault)


@held_by("valkey9")
def test_c7_stream_cut(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """Connections of gateway and workers end at any byte, all the time."""

    async def run() -> None:
        async with between(keeper.group) as line, hub(row, tmp_path, line.url) as (on, _):
            await warmed_up(on)
            before = line.accepted
            sending = asyncio.create_task(on.driver.send(LOAD))
            down = now()
            await line.strike(on.random, 40)
            up = now()
            on.hold(line.accepted > before, "nobody had to connect again")
            await sending
            on.hold(on.driver.books.refused == 0, "WeChat was refused")
            await judged(on, Outage(down, up + 2 * LEASE))

    uvloop.run(run())
