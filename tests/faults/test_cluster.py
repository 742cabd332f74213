"""C4 and C5 in a Cluster: another node becomes the primary of the claims, under load."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from .conftest import kept_by, slow
from .test_redis import under

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .fleet import Fleet
    from .keeper import Keeper

pytestmark = pytest.mark.timeout(150)


async def dies(on: Fleet, keeper: Keeper) -> None:
    """Its replica lags, and takes over when it is dead for good."""
    cluster, primary = keeper.of_a_cluster, keeper.server
    replica = cluster.replica(primary)
    # As in Sentinel's care: what is sent to one that is only paused it reads once it goes on.
    replica.pause()
    primary.say("CLIENT", "KILL", "TYPE", "replica")
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
