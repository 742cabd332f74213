"""Between dispatch and what handles messages: only what is still ours is started."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from wxgate.dispatch.batch import BatchSink
from wxgate.errors import SinkError, SinkRefusedError, SinkRetryError
from wxgate.work.consumer import reason_of
from wxgate.work.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.dispatch.lane import Item
    from wxgate.sinks import Sink
    from wxgate.work.consumer import Consumer


class Guard:
    """A sink that passes on to another what this consumer still has.

    What another consumer has by now counts as taken here: it is not this one's any more. What was
    in somebody's hands before is marked in Redis before it is handled, so that a message over
    which processes die is known.
    """

    def __init__(self, sink: Sink, consumer: Consumer) -> None:
        """Guard ``sink``."""
        self._sink = sink
        self._consumer = consumer
        self._watched: dict[Entry, asyncio.Future[None]] = {}

    def watch(self, entry: Entry) -> asyncio.Future[None]:
        """Return what is done when an entry was tried, with whatever result."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watched[entry] = future
        return future

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Not called: dispatch sees that it takes items."""
        return await self._sink.deliver(event, nodes)

    async def deliver_items(self, items: Sequence[Item]) -> None:
        """Have messages handled. Raises what the sink raises."""
        try:
            await self._deliver(items)
        finally:
            if self._watched:
                self._tried(items)

    def _tried(self, items: Sequence[Item]) -> None:
        for item in items:
            future = (
                self._watched.pop(item.message, None) if isinstance(item.message, Entry) else None
            )
            if future is not None and not future.done():
                future.set_result(None)

    async def _deliver(self, items: Sequence[Item]) -> None:
        ours, entries = [], []
        for item in items:
            entry = item.message
            if not isinstance(entry, Entry):
                continue
            if self._consumer.holds(entry):
                ours.append(item)
                entries.append(entry)
            else:
                # Dispatch will say that it is done, which it is not.
                entry.share.leave(entry)
        if not ours:
            return
        if len(ours) > 1 and any(entry.tries for entry in entries):
            reason = "a message over which a process died is handled alone"
            raise SinkRefusedError(reason)
        if not self._consumer.sure:
            reason = "redis is away, and others may have the messages"
            raise SinkRetryError(reason)
        await self._handle(ours, entries)

    async def _handle(self, items: list[Item], entries: list[Entry]) -> None:
        for entry in entries:
            entry.share.start(entry)
        try:
            await self._mark(entries)
            await self._pass_on(items)
        except BaseException as error:
            for entry in entries:
                entry.share.stop(entry)
            if not isinstance(error, SinkError) or isinstance(error, SinkRetryError):
                await self._unmark(entries)
            raise

    async def _pass_on(self, items: list[Item]) -> None:
        first = items[0]
        if len(items) == 1:
            await self._sink.deliver(first.event, first.nodes)
        elif isinstance(self._sink, BatchSink):
            await self._sink.deliver_batch([item.event for item in items], first.nodes)
        else:
            reason = f"{type(self._sink).__name__} takes no batches"
            raise TypeError(reason)

    async def _mark(self, entries: list[Entry]) -> None:
        try:
            for entry in entries:
                if entry.again:
                    await self._consumer.mark(entry)
        except (RedisError, OSError) as error:
            raise SinkRetryError(reason_of(error)) from error

    async def _unmark(self, entries: list[Entry]) -> None:
        try:
            await self._consumer.unmark(entry for entry in entries if entry.again)
        except (RedisError, OSError):
            # A mark too many: the message is handled alone the next time, if there is one.
            return

    async def aclose(self) -> None:
        """Close the sink."""
        await self._sink.aclose()
