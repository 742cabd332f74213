"""A stream as an operator sees to it."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from wxgate.settings.stream import Stream
from wxgate.streams.keys import Root
from wxgate.work import dead
from wxgate.work.connect import close, connect
from wxgate.work.join import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wxgate.settings import Settings
    from wxgate.work.connect import Client
    from wxgate.work.dead import DeadLetter


class GroupStanding(msgspec.Struct, frozen=True):
    """How a group stands."""

    name: str
    waiting: int
    """Messages that nobody has read for it."""
    in_hand: int
    """Messages that were read and are not finished."""
    consumers: str
    """Who works for it, and on how many partitions."""


class Standing(msgspec.Struct, frozen=True):
    """How a stream stands."""

    partitions: int
    length: int
    dead: int
    groups: list[GroupStanding]


class Hub:
    """One stream. Its methods raise ``redis.RedisError``."""

    def __init__(self, client: Client, root: Root) -> None:
        """See to the stream of these keys."""
        self._client = client
        self._root = root

    async def status(self) -> Standing:
        """Add up all partitions."""
        length = buried = 0
        groups: dict[str, list[int]] = {}
        partitions = await dead.partitions_of(self._client, self._root)
        for partition in partitions:
            length += await self._client.xlen(partition.entries)
            buried += await self._client.xlen(partition.dead)
            for group in await self._groups(partition.entries):
                # Redis does not know the lag where entries were deleted by hand.
                sums = groups.setdefault(group["name"].decode(), [0, 0])
                sums[0] += group["lag"] or 0
                sums[1] += group["pending"]
        standings = [
            GroupStanding(name, waiting, in_hand, ", ".join(await self._owners(name)))
            for name, (waiting, in_hand) in sorted(groups.items())
        ]
        return Standing(len(partitions), length, buried, standings)

    async def _groups(self, key: str) -> list[dict[str, Any]]:
        if not await self._client.exists(key):
            return []
        found: Any = await self._client.xinfo_groups(key)
        return list(found)

    async def members(self, group: str) -> list[str]:
        """Who works for a group now."""
        return [name for name, _ in await self._alive(group, b"m:")]

    async def _owners(self, group: str) -> list[str]:
        counts: dict[str, int] = {}
        for _, value in await self._alive(group, b"p:"):
            name = value.partition(" ")[2].rpartition(":")[0]
            counts[name] = counts.get(name, 0) + 1
        return [f"{name} has {count}" for name, count in sorted(counts.items())]

    async def _alive(self, group: str, kind: bytes) -> list[tuple[str, str]]:
        found: Any = await self._client.hgetall(self._root.leases(group))
        now = time.time() * 1000
        return [
            (field[len(kind) :].decode(), value.decode())
            for field, value in found.items()
            if field.startswith(kind) and int(value.partition(b" ")[0]) > now
        ]

    async def letters(self, group: str | None, id_: str | None) -> AsyncIterator[DeadLetter]:
        """Yield dead letters; what is None does not matter."""
        async for letter in dead.letters(self._client, self._root, group):
            if id_ in {None, letter.id}:
                yield letter

    def outline(self, letter: DeadLetter) -> dict[str, Any]:
        """Return a letter as JSON shows it, its event as it is."""
        return {**msgspec.structs.asdict(letter), "event": msgspec.Raw(letter.event)}

    async def drop(self, letter: DeadLetter) -> bool:
        """Forget a dead letter; whether it was there."""
        return await dead.drop(self._client, self._root, letter.place)

    async def forget(self, group: str) -> bool:
        """Forget a group and all that is kept for it; whether it was there."""
        there = False
        for partition in await dead.partitions_of(self._client, self._root):
            names = {one["name"] for one in await self._groups(partition.entries)}
            if group.encode() in names:
                there = True
                await self._client.xgroup_destroy(partition.entries, group)
            for key in (partition.owner(group), partition.done(group), partition.deaths(group)):
                await self._client.delete(key)
        await self._client.delete(self._root.leases(group))
        return there


@asynccontextmanager
async def open_hub(settings: Settings, stream: str, redis: str = "") -> AsyncIterator[Hub]:
    """See to a stream, wherever it is. Raises ``ConfigError``."""
    place = place_of(settings, stream, redis)
    client = connect(place, settings.stream.get(stream, Stream()).timeout)
    try:
        yield Hub(client, Root(place.prefix, stream))
    finally:
        await close(client)
