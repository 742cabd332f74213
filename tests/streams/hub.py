"""A stream as tests write and read it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wxgate.dispatch.lane import Item
from wxgate.errors import SinkRetryError
from wxgate.redis.runner import Runner
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.sinks.stream import StreamSink
from wxgate.streams.append import Record
from wxgate.streams.keys import Root
from wxgate.work.connect import close, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from wxgate.work.connect import Client

ROOT = Root("wx", "wechat")


@dataclass(frozen=True)
class Message:
    """A message as dispatch has it."""

    seq: int
    key: str
    data: dict[str, Any] = field(default_factory=dict)
    account: str = "shop"
    type: str = "wechat.official.text"

    @property
    def id(self) -> str:
        """The idempotency key."""
        return f"id{self.seq}"

    @property
    def event(self) -> bytes:
        """The CloudEvent."""
        return json.dumps(
            {
                "id": self.id,
                "source": "/wxgate/shop",
                "type": self.type,
                "time": "2026-01-01T00:00:00Z",
                "partitionkey": self.key,
                "traceparent": "",
                "subject": self.key,
                "data": self.data,
            }
        ).encode()

    @property
    def item(self) -> Item:
        """As it is handed to a sink."""
        return Item(self.seq, 0, self, self.event, (0,))


def messages(numbers: Iterable[int], keys: int = 10) -> list[Message]:
    """Messages of some users in turn."""
    return [Message(number, f"user{number % keys}") for number in numbers]


def place(where: str | RedisPlace) -> RedisPlace:
    """Where a server is: for an address, who needs no name."""
    return RedisPlace(url=RedisUrl.parse(where)) if isinstance(where, str) else where


@dataclass
class Hub:
    """A stream, its sink, its runner, and a client to look behind all."""

    client: Client
    runner: Runner
    sink: StreamSink
    partitions: int
    journal: dict[int, Message] = field(default_factory=dict)
    recalled: list[int] = field(default_factory=list)

    async def put(self, some: Iterable[Message]) -> None:
        """Append messages as dispatch would, as one batch, and keep them in the journal."""
        some = list(some)
        self.journal |= {one.seq: one for one in some}
        await self.sink.deliver_items([one.item for one in some])

    async def insist(self, some: Iterable[Message]) -> None:
        """Append them as often as it takes, as dispatch does."""
        some = list(some)
        while True:
            try:
                await self.put(some)
            except SinkRetryError:
                await asyncio.sleep(0.05)
            else:
                return

    def recall(self, seqs: Sequence[int]) -> list[Any]:
        """Read back from the journal."""
        self.recalled += seqs
        return [self.journal[seq] for seq in seqs if seq in self.journal]

    async def entries(self) -> list[list[tuple[str, str]]]:
        """Of each partition, the ids and keys of its entries."""
        found: list[list[tuple[str, str]]] = []
        for number in range(self.partitions):
            entries: Any = await self.client.xrange(ROOT.partition(number).entries)
            found.append([(one[b"id"].decode(), one[b"key"].decode()) for _, one in entries])
        return found

    async def ids(self) -> list[str]:
        """The ids of all entries."""
        return [id_ for entries in await self.entries() for id_, _ in entries]


@asynccontextmanager
async def hub(
    where: str | RedisPlace,
    *,
    partitions: int = 4,
    keep: float = 0.0,
    within: float = 5.0,
    reader: str | RedisPlace = "",
) -> AsyncIterator[Hub]:
    """A stream on a server; ``reader`` is how to look behind it, if not as its sink does."""
    client = connect(place(reader or where), 5.0)
    runner = Runner(place(where), within)
    sink = StreamSink(ROOT, runner, partitions=partitions, keep=keep)
    one = Hub(client, runner, sink, partitions)
    sink.open(one.recall)
    try:
        yield one
    finally:
        await sink.aclose()
        await close(client)


def record(seq: int, key: str = "user") -> Record:
    """A record by itself."""
    one = Message(seq, key)
    return Record(seq, one.id, key, one.event)
