"""Streams on a real Valkey: appending against redis-py's usual ways, and consuming.

The server shares the machine; ``us_each`` is what a message costs on both sides together.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvloop
from redis import Redis
from wxgate.dispatch import Limits, Place
from wxgate.dispatch.lane import Item
from wxgate.redis.runner import Runner
from wxgate.sinks.stream import StreamSink
from wxgate.streams.keys import Root
from wxgate.work.connect import close, connect
from wxgate.work.consumer import Consumer
from wxgate.work.waiting import BLOCK, Waiting
from wxgate.work.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pytest_benchmark.fixture import BenchmarkFixture
    from wxgate.settings.redis import RedisPlace

MESSAGES = 5120
BATCH = 128
PARTITIONS = 16
ROOT = Root("wx", "bench")


@dataclass(frozen=True, slots=True)
class Message:
    """A message of some 300 bytes."""

    id: str
    key: str
    account: str = "shop"
    type: str = "wechat.official.text"


def item(number: int) -> Item:
    """A message as dispatch hands it over."""
    message = Message(f"id{number}", f"user{number % 500}")
    event = {
        "id": message.id,
        "source": "/wxgate/shop",
        "type": message.type,
        "time": "2026-01-01T00:00:00Z",
        "partitionkey": message.key,
        "traceparent": "",
        "data": {"Content": "x" * 150},
    }
    return Item(number, 0, message, json.dumps(event).encode(), (0,))


ITEMS = [item(number) for number in range(1, MESSAGES + 1)]


def measured(benchmark: BenchmarkFixture, place: RedisPlace, scene: Callable[[Any], Any]) -> None:
    """Run a scene on an empty server, a few times."""

    def empty() -> tuple[tuple[Any], dict[str, Any]]:
        with Redis(port=place.url.nodes[0][1]) as client:
            client.flushall()
        return (place,), {}

    benchmark.pedantic(lambda where: uvloop.run(scene(where)), setup=empty, rounds=3)
    if benchmark.stats is not None:  # none where each bench runs once, untimed
        benchmark.extra_info["us_each"] = benchmark.stats["min"] / MESSAGES * 1e6


def entries(place: RedisPlace, keys: Sequence[str]) -> int:
    """How many entries there are."""
    with Redis(port=place.url.nodes[0][1]) as client:
        return sum(int(client.xlen(key)) for key in keys)


KEYS = [ROOT.partition(number).entries for number in range(PARTITIONS)]


async def _append(place: RedisPlace) -> None:
    sink = StreamSink(ROOT, Runner(place, 5.0), partitions=PARTITIONS, keep=3600)
    for start in range(0, MESSAGES, BATCH):
        await sink.deliver_items(ITEMS[start : start + BATCH])
    await sink.aclose()


def bench_append_by_the_sink(benchmark: BenchmarkFixture, place: RedisPlace) -> None:
    """Batches of 128, over 16 partitions."""
    benchmark.group = f"StreamSink.deliver_items, {MESSAGES} messages"
    measured(benchmark, place, _append)
    assert entries(place, KEYS) == MESSAGES


def bench_append_one_by_one(benchmark: BenchmarkFixture, place: RedisPlace) -> None:
    """The rival: redis-py's xadd, awaited each time."""
    benchmark.group = f"redis.xadd, {MESSAGES} messages one by one"

    async def scene(place: RedisPlace) -> None:
        client = connect(place, 5.0)
        for one in ITEMS:
            await client.xadd("plain", {"event": one.event})
        await close(client)

    measured(benchmark, place, scene)
    assert entries(place, ["plain"]) == MESSAGES


def bench_append_by_pipeline(benchmark: BenchmarkFixture, place: RedisPlace) -> None:
    """The rival: redis-py's pipeline of 128."""
    benchmark.group = f"redis.pipeline, {MESSAGES} messages by {BATCH}"

    async def scene(place: RedisPlace) -> None:
        client = connect(place, 5.0)
        for start in range(0, MESSAGES, BATCH):
            pipeline = client.pipeline(transaction=False)
            for one in ITEMS[start : start + BATCH]:
                pipeline.xadd("plain", {"event": one.event})
            await pipeline.execute()
        await close(client)

    measured(benchmark, place, scene)
    assert entries(place, ["plain"]) == MESSAGES


def _consumer(place: RedisPlace) -> Consumer:
    waiting = Waiting(connect(place, 5.0 + BLOCK))
    client = connect(place, 5.0)
    return Consumer(client, waiting, root=ROOT, group="g", name="a", token="a:1")  # noqa: S106 (a name)


def _consuming(
    benchmark: BenchmarkFixture, place: RedisPlace, consume: Callable[[Consumer], Awaitable[int]]
) -> None:
    got: list[int] = []

    def filled() -> tuple[tuple[Any], dict[str, Any]]:
        with Redis(port=place.url.nodes[0][1]) as client:
            client.flushall()
        uvloop.run(_append(place))
        return (), {}

    async def scene() -> None:
        got.append(await consume(_consumer(place)))

    benchmark.pedantic(lambda: uvloop.run(scene()), setup=filled, rounds=3)
    if benchmark.stats is not None:  # none where each bench runs once, untimed
        benchmark.extra_info["us_each"] = benchmark.stats["min"] / MESSAGES * 1e6
    assert set(got) == {MESSAGES}


def bench_read_and_acknowledge(benchmark: BenchmarkFixture, place: RedisPlace) -> None:
    """From joining the group to the last acknowledgement; nobody handles anything."""
    benchmark.group = f"Consumer.read, {MESSAGES} messages, and acknowledge"

    async def consume(one: Consumer) -> int:
        one.start()
        read = 0
        while read < MESSAGES:
            found = await one.read(256)
            read += len(found)
            for entry in found:
                one.finish(entry)
        await one.stop()
        return one.done

    _consuming(benchmark, place, consume)


def bench_work(benchmark: BenchmarkFixture, place: RedisPlace) -> None:
    """The same through a worker, with lanes and a crew, to a sink that does nothing."""
    benchmark.group = f"Worker.run, {MESSAGES} messages, to a sink that does nothing"

    async def consume(one: Consumer) -> int:
        stop, sink = asyncio.Event(), _Nothing()
        sink.full = stop
        worker = Worker(one, Place("n", sink, Limits(queue=1024)), lambda _: (0,))
        await worker.run(stop, 5.0)
        return one.done

    _consuming(benchmark, place, consume)


class _Nothing:
    """Takes everything, and says when it has all."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.taken = 0
        self.full = asyncio.Event()

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Count."""
        del event, nodes
        self.taken += 1
        if self.taken == MESSAGES:
            self.full.set()
        return b""

    async def aclose(self) -> None:
        """Nothing to close."""
