"""Those who take messages from streams in a Cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as LostError
from servers.cluster import Cluster
from servers.fixtures import present
from servers.flavour import VALKEY_9
from streams.hub import hub, messages, place
from wxgate.work.connect import close, connect

from .team import PATIENT, read, until, working

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cluster_of_which_nobody_answers_is_a_lost_connection() -> None:
    """As one server would be: redis-py has an error of its own, which is no ``RedisError``."""

    async def run() -> None:
        client = connect(place("redis+cluster://127.0.0.1:1,127.0.0.1:2"), 5.0)
        try:
            with pytest.raises(LostError, match="cannot be connected"):
                await client.ping()
        finally:
            await close(client)

    asyncio.run(run())


@pytest.mark.slow
def test_a_worker_outlives_its_cluster(tmp_path: Path) -> None:
    """All primaries die, and come back with nothing."""

    async def run(cluster: Cluster) -> set[str]:
        async with hub(cluster.url) as one, working(cluster.url, lease=PATIENT) as consumer:
            await one.put(messages(range(1, 21)))
            got = {entry.id for entry in await read(consumer, 20)}
            reading = asyncio.create_task(consumer.read(1))
            for node in cluster.nodes:
                node.kill()
            await until(lambda: consumer._away)  # noqa: SLF001 (it is told to nobody but the log)
            for node in cluster.nodes:
                node.start()
            await asyncio.to_thread(cluster.until_ok)
            await one.insist(messages(range(21, 41)))
            got |= {entry.id for entry in await reading}
            while len(got) < 40:
                got |= {entry.id for entry in await consumer.read(40)}
            return got

    with Cluster(present(VALKEY_9), tmp_path) as cluster:
        assert asyncio.run(run(cluster)) == {f"id{number}" for number in range(1, 41)}
