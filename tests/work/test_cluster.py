"""Those who take messages from streams in a Cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as LostError
from servers.between import between
from servers.chaos import Manner
from servers.cluster import Cluster
from servers.fixtures import present
from servers.flavour import VALKEY_9
from streams.hub import ROOT, hub, messages, place
from wxgate.work.connect import close, connect

from .team import PATIENT, read, until, working

if TYPE_CHECKING:
    from pathlib import Path

    from servers.server import Server


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


def test_what_an_answer_had_that_was_lost_comes_first(tmp_path: Path) -> None:
    """What was given out and never arrived is not overtaken by what is behind it."""

    async def run(cluster: Cluster) -> list[str]:
        async with (
            between(cluster) as line,
            hub(cluster.url, partitions=1) as one,
            working(line.url, lease=30.0) as consumer,
        ):
            await one.put(messages([1]))
            got = await read(consumer, 1)
            await one.put(messages(range(2, 42)))
            entries = ROOT.partition(0).entries
            holder = cluster.holder(cluster.slot(entries))
            chaos = line.proxies[cluster.nodes.index(holder)]
            chaos.down = Manner(cut_at=0)
            reading = asyncio.create_task(consumer.read(10))
            while _given_out(holder, entries) < 11:  # noqa: ASYNC110 (another process has it)
                await asyncio.sleep(0.005)
            chaos.calm()
            return [entry.id for entry in [*got, *await reading]]

    with Cluster(present(VALKEY_9), tmp_path) as cluster:
        assert asyncio.run(run(cluster)) == [f"id{number}" for number in range(1, 12)]


def _given_out(server: Server, entries: str) -> int:
    with server.client() as client:
        return int(client.xpending(entries, "workers")["pending"])


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
