"""Dead letters of a stream: a Redis stream beside each partition, for all groups."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wxgate.streams.keys import Partition, Root
    from wxgate.work.connect import Client
    from wxgate.work.consumer import Consumer
    from wxgate.work.entry import Entry

_PAGE = 100


class Reason(msgspec.Struct, frozen=True):
    """Why an entry is given up."""

    text: str
    """``refused: …``, ``gave_up: …`` or ``died: …``."""
    attempts: int

    def letter(self, entry: Entry, consumer: Consumer) -> dict[str, str | bytes | int]:
        """Write it down, with all that somebody may ask later."""
        return {
            "id": entry.id,
            "key": entry.key,
            "event": entry.event,
            "place": entry.places[0],
            "group": consumer.group,
            "consumer": consumer.name,
            "reason": self.text,
            "attempts": self.attempts,
            "buried": time.time_ns() // 1_000_000,
        }


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that a group gave up."""

    place: str
    """Where it lies: ``PARTITION/ENTRY``."""
    id: str
    key: str
    group: str
    consumer: str
    reason: str
    attempts: int
    buried: int
    """When, in milliseconds since 1970."""
    event: bytes

    @property
    def account(self) -> str:
        """The account's name."""
        return source_of(self.event).rpartition("/")[2]


class _Source(msgspec.Struct):
    source: str = ""


_SOURCE = msgspec.json.Decoder(_Source)


def source_of(event: bytes) -> str:
    """Read where an event came from; empty if it is none."""
    try:
        return _SOURCE.decode(event).source
    except msgspec.DecodeError:
        return ""


async def partitions_of(client: Client, root: Root) -> list[Partition]:
    """The partitions that a stream has. Raises ``redis.RedisError``."""
    found = await client.hget(root.about, "partitions")
    return [root.partition(number) for number in range(int(found or 0))]


async def letters(
    client: Client, root: Root, group: str | None = None
) -> AsyncIterator[DeadLetter]:
    """Yield dead letters, partition by partition, in the order of their burial.

    Raises ``redis.RedisError``.
    """
    for partition in await partitions_of(client, root):
        last = "-"
        while page := await _page(client, partition, last):
            for place, fields in page:
                letter = _letter(partition, place, fields)
                if group in {None, letter.group}:
                    yield letter
            last = f"({page[-1][0].decode()}"


async def _page(
    client: Client, partition: Partition, first: str
) -> list[tuple[bytes, dict[bytes, bytes]]]:
    found: Any = await client.xrange(partition.dead, min=first, count=_PAGE)
    return list(found)


async def drop(client: Client, root: Root, place: str) -> bool:
    """Forget a dead letter; whether it was there. Raises ``redis.RedisError``."""
    number, _, entry = place.partition("/")
    return bool(await client.xdel(root.partition(int(number)).dead, entry))


def _letter(partition: Partition, place: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    texts = {name.decode(): value for name, value in fields.items()}
    return DeadLetter(
        place=f"{partition.number}/{place.decode()}",
        id=texts["id"].decode(),
        key=texts["key"].decode(),
        group=texts["group"].decode(),
        consumer=texts["consumer"].decode(),
        reason=texts["reason"].decode(),
        attempts=int(texts["attempts"]),
        buried=int(texts["buried"]),
        event=texts["event"],
    )
