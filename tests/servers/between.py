"""Proxies before a server, or before all of a Cluster: nobody gets to it but through one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .chaos import Chaos, Manner
from .cluster import Cluster

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from .server import Server


@dataclass(frozen=True, slots=True)
class Between:
    """One before each server."""

    proxies: list[Chaos]
    url: str
    """What whoever connects is to be told."""

    @property
    def accepted(self) -> int:
        """Connections so far."""
        return sum(one.accepted for one in self.proxies)

    async def strike(self, chance: random.Random, times: int) -> None:
        """Cut connections so many times, and have those that follow end at any byte."""
        for _ in range(times):
            await asyncio.sleep(chance.uniform(0.0, 0.1))  # when it strikes: the input
            cut = Manner(cut_at=chance.randrange(6000))
            chaos = chance.choice(self.proxies)
            chaos.up, chaos.down = chance.choice([(cut, Manner()), (Manner(), cut)])
            chaos.cut()
        self.calm()

    def slow(self, seconds: float) -> None:
        """Have each of a server's answers come so much later."""
        for chaos in self.proxies:
            chaos.down = Manner(delay=seconds)

    def calm(self) -> None:
        """Pass everything on from now on."""
        for chaos in self.proxies:
            chaos.calm()


@asynccontextmanager
async def between(group: Server | Cluster) -> AsyncIterator[Between]:
    """Stand there; each node of a Cluster gives clients its proxy's port for its own."""
    servers = group.nodes if isinstance(group, Cluster) else [group]
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Chaos(server.port)) for server in servers]
        url = proxies[0].url
        if isinstance(group, Cluster):
            url = await _announced(group, [one.port for one in proxies])
        yield Between(proxies, url)


async def _announced(cluster: Cluster, ports: list[int]) -> str:
    for server, port in zip(cluster.nodes, ports, strict=True):
        server.configure(cluster_announce_port=port)
    await asyncio.to_thread(cluster.until_known_by, ports)
    return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)
