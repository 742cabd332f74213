"""Reads the day's stream as programs without wxgate may: a group of its own, and XREADGROUP."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec
from redis.exceptions import ResponseError

from wxgate.bench.day.stage import PARTITIONS, STREAM
from wxgate.bench.day.tally import Event
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.streams.keys import Root
from wxgate.work.connect import connect

if TYPE_CHECKING:
    from wxgate.bench.day.tally import Tally
    from wxgate.work.connect import Client

    _Entries = tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]

_GROUP, _NAME = "day", "far-end"
_COUNT = 1000
_PAUSE_S = 0.02
"""Between two reads, so that each finds a batch: the reader shares the machine."""
_TIMEOUT_S = 10.0
_EVENT = msgspec.json.Decoder(Event)


async def read(tally: Tally, url: str, prefix: str) -> None:
    """Count what is appended and acknowledge it, until cancelled. Raises ``redis.RedisError``."""
    client = connect(RedisPlace(url=RedisUrl.parse(url)), _TIMEOUT_S)
    root = Root(prefix, STREAM)
    keys = [root.partition(number).entries for number in range(PARTITIONS)]
    for entries in keys:
        with contextlib.suppress(ResponseError):  # it is there
            await client.xgroup_create(entries, _GROUP, id="0", mkstream=True)
    ask = (
        "XREADGROUP",
        "GROUP",
        _GROUP,
        _NAME,
        "COUNT",
        _COUNT,
        "STREAMS",
        *keys,
        *">" * len(keys),
    )
    while True:
        for key, found in await _found(client, ask):
            for _, fields in found:
                tally.add(_EVENT.decode(fields[b"event"]))
            await client.xack(key, _GROUP, *(place for place, _ in found))
        await asyncio.sleep(_PAUSE_S)


async def _found(client: Client, ask: tuple[str | int, ...]) -> list[_Entries]:
    # redis-py's own method is typed for what every protocol may bring.
    found: list[_Entries] | None = await client.execute_command(*ask)
    return found or []
