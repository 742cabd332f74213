"""C4 and C5 in a Cluster: claims get another primary, or none serves them, under load."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from .conftest import kept_by, slow
from .keeper import CLAIMS
from .test_redis import under
from .workers import CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .fleet import Fleet
    from .keeper import Keeper

pytestmark = pytest.mark.timeout(150)


async def dies(on: Fleet, keeper: Keeper) -> None:
    """Its replica lags, and takes over when it is dead for good."""
    cluster, primary = keeper.of_a_cluster, keeper.server
    replica = cluster.lag(primary)
    await asyncio.sleep(0.3)  # how far it lags
    primary.kill()
    replica.resume()
    await on.until_modes("alone", "merging")
    await asyncio.to_thread(cluster.until_failed_over, primary)


async def sleeps(on: Fleet, keeper: Keeper) -> None:
    """It is replaced while it is stopped, and wakes believing that it still has the claims."""
    cluster, primary = keeper.of_a_cluster, keeper.server
    primary.pause()
    try:
        await on.until_modes("alone", "merging")
        await asyncio.to_thread(cluster.until_failed_over, primary)
    finally:
        primary.resume()
    await asyncio.to_thread(cluster.until_ok)


async def steps_down(on: Fleet, keeper: Keeper) -> None:
    """Its replica takes over in peace: whoever asks the old one is sent to the new (MOVED)."""
    cluster, primary = keeper.of_a_cluster, keeper.server
    before = await on.total("failures")
    cluster.replica(primary).say("CLUSTER", "FAILOVER")
    await asyncio.to_thread(cluster.until_failed_over, primary)

    async def is_noticed() -> bool:
        return await on.total("failures") >= before + len(on.gateways)

    await on.gateways[0].until(is_noticed)


TAKEOVERS = [dies, slow(sleeps), slow(steps_down)]


@pytest.mark.parametrize("takeover", TAKEOVERS, ids=lambda one: one.__name__)
@kept_by("replicas-valkey9", slow("replicas-redis8"), slow("replicas-redis7"))
def test_c4_cluster(
    row: str,
    tmp_path: Path,
    keeper: Keeper,
    takeover: Callable[[Fleet, Keeper], Awaitable[None]],
) -> None:
    """A replica takes over, and none of the gateways stays with who had the claims before."""

    async def fault(on: Fleet) -> None:
        await takeover(on, keeper)

    under(row, tmp_path, keeper.url, fault)


@kept_by(*map(slow, CLUSTERS))
def test_c5_another_is_down(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """CLUSTERDOWN from who has the claims, until the other is back; and NOSCRIPT."""

    async def fault(on: Fleet) -> None:
        cluster = keeper.of_a_cluster
        other = next(one for one in cluster.nodes if one is not keeper.server)
        keeper.server.say("SCRIPT", "FLUSH")
        other.kill()
        await asyncio.to_thread(cluster.until_missed, other)
        await on.until_modes("alone", "merging")
        other.start()
        await keeper.until_back()

    under(row, tmp_path, keeper.url, fault)


@kept_by(*map(slow, CLUSTERS))
def test_c5_the_slot_moves(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """ASK, TRYAGAIN and MOVED: all claims go to another primary, while they are asked for."""

    async def fault(on: Fleet) -> None:
        cluster = keeper.of_a_cluster
        other = next(one for one in cluster.nodes if one is not keeper.server)
        before = await on.total("failures")
        await asyncio.to_thread(cluster.carry, cluster.slot(CLAIMS), keeper.server, other)

        async def is_noticed() -> bool:
            return await on.total("failures") >= before + len(on.gateways)

        await on.gateways[0].until(is_noticed)

    under(row, tmp_path, keeper.url, fault)
