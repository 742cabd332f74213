"""Reads the day's stream as programs without wxgate may: a group of its own, and XREADGROUP."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

import msgspec
from hiredis import ReplyError

from wxgate.bench.day.stage import PARTITIONS, STREAM
from wxgate.bench.day.tally import Event
from wxgate.redis.place import Place
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.streams.keys import Root

if TYPE_CHECKING:
    from wxgate.bench.day.tally import Tally

    _Entries = list[tuple[bytes, list[tuple[bytes, list[bytes]]]]]

_GROUP, _NAME = b"day", b"far-end"
_COUNT = b"500"
"""Of a partition: an answer has some 5 MB at most."""
_PAUSE_S = 0.02
"""Between two reads, so that each finds a batch: the reader shares the machine."""
_EVENT = msgspec.json.Decoder(Event)


async def read(tally: Tally, url: str, prefix: str) -> None:
    """Count what is appended and acknowledge it, until cancelled.

    Raises ``StoreError`` or ``hiredis.ReplyError`` if it cannot be read. It goes without redis-py,
    which takes twice as much, since it shares the machine with what is measured.
    """
    link = (await Place(RedisPlace(url=RedisUrl.parse(url)), b"").open()).link
    root = Root(prefix, STREAM)
    keys = [root.partition(number).entries.encode() for number in range(PARTITIONS)]
    for key in keys:
        with contextlib.suppress(ReplyError):  # it is there
            await link.ask(b"XGROUP", b"CREATE", key, _GROUP, b"0", b"MKSTREAM")
    group = (b"XREADGROUP", b"GROUP", _GROUP, _NAME, b"COUNT", _COUNT)
    ask = (*group, b"STREAMS", *keys, *(b">" for _ in keys))
    while True:
        found = cast("_Entries | None", await link.ask(*ask))
        for key, entries in found or ():
            for _, fields in entries:
                tally.add(_EVENT.decode(fields[fields.index(b"event") + 1]))
            await link.ask(b"XACK", key, _GROUP, *(place for place, _ in entries))
        await asyncio.sleep(_PAUSE_S)
