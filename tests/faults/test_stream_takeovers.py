"""C4 for streams: a replica becomes the primary of a stream, under load."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import kept_by, slow
from .oracle import Outage
from .stand import now
from .workers import LEASE, LOAD, OTHERS, hub, judged, primary, warmed_up

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from servers.cluster import Cluster
    from servers.replicated import Replicated
    from servers.server import Server

    from .keeper import Keeper

pytestmark = pytest.mark.timeout(120)


def under(row: str, folder: Path, url: str, takeover: Callable[[], Awaitable[None]]) -> None:
    """Have it happen under load; what the new one has not comes again from the journal."""

    async def run() -> None:
        async with hub(row, folder, url) as (on, workers):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            await asyncio.sleep(0.5)  # a load before the fault
            down = now()
            # Else they would have handled what the new one is without, and nobody would miss it.
            workers.send(signal.SIGSTOP)
            await takeover()
            workers.send(signal.SIGCONT)
            up = now()
            await sending
            await judged(on, Outage(down, up + 3 * LEASE))

    uvloop.run(run())


@pytest.mark.parametrize("replicated", ["valkey9", *map(slow, OTHERS)], indirect=True)
def test_c4_a_replica_that_lagged_takes_over(
    row: str, tmp_path: Path, replicated: Replicated
) -> None:
    """As Sentinels decide."""

    async def takeover() -> None:
        replicated.lag()
        await asyncio.sleep(0.8)  # how far it lags
        old = replicated.primary.port
        replicated.primary.kill()
        replicated.replica.resume()
        await asyncio.to_thread(replicated.until_failed_over, old)

    under(row, tmp_path, replicated.url, takeover)


async def dies(cluster: Cluster, old: Server) -> None:
    """Its replica lags, and takes over when it is dead for good."""
    replica = cluster.lag(old)
    await asyncio.sleep(0.8)  # how far it lags
    old.kill()
    replica.resume()
    await asyncio.to_thread(cluster.until_failed_over, old)


async def sleeps(cluster: Cluster, old: Server) -> None:
    """It is replaced while it is stopped, and wakes believing that the stream is still its own."""
    old.pause()
    try:
        await asyncio.to_thread(cluster.until_failed_over, old)
    finally:
        old.resume()
    await asyncio.to_thread(cluster.until_ok)


async def steps_down(cluster: Cluster, old: Server) -> None:
    """Its replica takes over in peace: whoever asks the old one is sent to the new (MOVED)."""
    cluster.replica(old).say("CLUSTER", "FAILOVER")
    await asyncio.to_thread(cluster.until_failed_over, old)


@pytest.mark.parametrize("takeover", [dies, sleeps, steps_down], ids=lambda one: one.__name__)
@kept_by(*map(slow, ("replicas-valkey9", "replicas-redis8", "replicas-redis7")))
def test_c4_stream_cluster(
    row: str,
    tmp_path: Path,
    keeper: Keeper,
    takeover: Callable[[Cluster, Server], Awaitable[None]],
) -> None:
    """As the other primaries of a Cluster decide."""
    old = primary(keeper)
    under(row, tmp_path, keeper.url, lambda: takeover(keeper.of_a_cluster, old))
