"""Who keeps claims and streams: a server by itself, or the primaries of a Cluster."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servers import flavour
from servers.cluster import Cluster
from servers.fixtures import present
from servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLAIMS = "{wx}"
"""What decides on their slot. They have one, so of a Cluster one primary has them all."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where they are."""

    url: str
    server: Server
    """Has the claims: what happens to it happens to them."""
    cluster: Cluster | None = None

    @property
    def group(self) -> Server | Cluster:
        """All of it."""
        return self.cluster or self.server

    @property
    def servers(self) -> list[Server]:
        """All that keep something."""
        return [self.server] if self.cluster is None else self.cluster.nodes

    def holder(self, key: str) -> Server:
        """Who has a key, as long as no slot moves."""
        return self.server if self.cluster is None else self.cluster.holder(self.cluster.slot(key))

    async def until_missed(self) -> None:
        """Wait until the rest of its Cluster knows that it does not answer."""
        if self.cluster is not None:
            await asyncio.to_thread(self.cluster.until_missed, self.server)

    async def until_back(self) -> None:
        """Wait until its Cluster serves all slots again."""
        if self.cluster is not None:
            await asyncio.to_thread(self.cluster.until_ok)

    @property
    def of_a_cluster(self) -> Cluster:
        """The Cluster, which this one has."""
        assert self.cluster is not None
        return self.cluster


@contextmanager
def keeper(kind: str, folder: Path) -> Iterator[Keeper]:
    """Start a kind of place: ``redis8``, ``cluster-redis8``, or ``replicas-redis8``.

    The last is a Cluster whose primaries have replicas.
    """
    layout, _, name = kind.rpartition("-")
    which = present(flavour.named(name))
    if not layout:
        with Server(which, folder) as server:
            yield Keeper(server.url, server)
        return
    with Cluster(which, folder, replicas=layout == "replicas") as cluster:
        yield Keeper(cluster.url, cluster.holder(cluster.slot(CLAIMS)), cluster)
