"""`wxgate.consume`: a stream's messages for a loop of the team's own."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from redis.exceptions import RedisError

from wxgate.event import Event
from wxgate.work.consumer import reason_of
from wxgate.work.dead import Reason
from wxgate.work.join import Membership, join, name_of, settings_of
from wxgate.work.told import until_told

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from wxgate.work.consumer import Consumer
    from wxgate.work.entry import Entry

_LOG = logging.getLogger("wxgate.work")
_PAUSE = 0.5
"""Seconds before Redis is asked again, where a batch needs it."""


async def consume(  # noqa: PLR0913 (each has a default; a call names what it needs)
    stream: str,
    *,
    group: str = "workers",
    size: int = 64,
    tries: int = 3,
    redis: str = "",
    config: str | Path | None = None,
    consumer: str = "",
    lease: float = 10.0,
) -> AsyncGenerator[tuple[Event, ...], None]:
    """Yield batches of up to ``size`` messages of ``stream:NAME``, in order within a key.

    A batch is acknowledged when the loop comes back for the next. A loop that is left otherwise, by
    an exception or because the process died, leaves its batch to whoever consumes next, at once or
    after ``lease`` seconds; a message that was left ``tries`` times goes to the dead letters. What
    was left more than once comes in a batch of its own.

    ``redis`` says where the stream is, else ``config`` or a ``wxgate.toml`` in the working
    directory does, else ``WXGATE_REDIS``. SIGTERM ends the loop after the batch in hand, unless the
    program handles it itself. Raises ``ConfigError``.
    """
    settings = settings_of(None if config is None else Path(config))
    name = name_of(stream)
    membership = Membership(stream=name, group=group, consumer=consumer, redis=redis, lease=lease)
    one = join(settings, membership)
    hand: list[Entry] = []
    one.start()
    try:
        with until_told(one.interrupt):
            while entries := await one.read(size):
                for part in _parts(entries):
                    hand = await _ready(one, part, tries)
                    if hand:
                        yield tuple(Event.decode(entry.event) for entry in hand)
                    for entry in hand:
                        one.finish(entry)
                    hand = []
    finally:
        for entry in hand:
            entry.share.stop(entry)
        await one.stop()


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut out those that were left more than once: each is a batch of its own."""
    part: list[Entry] = []
    for entry in entries:
        if entry.tries:
            if part:
                yield part
            yield [entry]
            part = []
        else:
            part.append(entry)
    if part:
        yield part


async def _ready(consumer: Consumer, part: list[Entry], tries: int) -> list[Entry]:
    """Return what is to be handled, marked; without what was tried often enough, or is no event."""
    while True:
        ours = [entry for entry in part if consumer.holds(entry)]
        try:
            await consumer.become_sure()
            found = [entry for entry in ours if not await _buried(consumer, entry, tries)]
            for entry in found:
                if entry.again:
                    await consumer.mark(entry)
                entry.share.start(entry)
        except (RedisError, OSError) as error:
            _LOG.warning("a batch has to wait: %s", reason_of(error))
            await asyncio.sleep(_PAUSE)
        else:
            return [entry for entry in found if consumer.holds(entry)]


async def _buried(consumer: Consumer, entry: Entry, tries: int) -> bool:
    reason = None
    if entry.again and entry.tries + 1 >= tries:
        left = entry.tries + 1
        reason = Reason(f"left: {left} times it was in a batch that did not end well", left)
    elif not _is_event(entry):
        reason = Reason("unreadable: it is no CloudEvent", 0)
    if reason is None:
        return False
    await consumer.bury(entry, reason)
    _LOG.error("%s is a dead letter, %s", entry.id, reason.text)
    return True


def _is_event(entry: Entry) -> bool:
    try:
        Event.decode(entry.event)
    except msgspec.DecodeError:
        return False
    return True
