"""A stream of the hub as a destination: appended in batches, trimmed, and mended after losses."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from wxcore import HashRing

from wxgate.errors import SinkRetryError, StoreError
from wxgate.streams.append import LostError, Record, announce, append
from wxgate.streams.memory import Memory
from wxgate.streams.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wxgate.dispatch.lane import Item
    from wxgate.redis.runner import Runner
    from wxgate.sinks import Recall
    from wxgate.streams.keys import Root

_LOG = logging.getLogger("wxgate.stream")
_CALL_BYTES = 1024 * 1024
"""Of events in one call: the server does nothing else meanwhile."""
_CALL_RECORDS = 128
_REMEMBERED = 1_000_000
"""Messages of a stream, 24 bytes each, that are remembered until every group has finished them."""
_FIRST_LOOK = 5.0
_LAST_LOOK = 60.0
"""Seconds between looks at what is finished: soon after an append, then ever more rarely."""


class _Head(msgspec.Struct):
    id: str
    partitionkey: str


_HEAD = msgspec.json.Decoder(_Head)


class StreamSink:
    """Appends to one stream, at least once and in order within a routing key.

    What was appended without an answer is appended again, under the same ``id``.
    """

    def __init__(
        self,
        root: Root,
        runner: Runner,
        *,
        partitions: int,
        keep: float,
        memory: Memory | None = None,
    ) -> None:
        """Spread keys over ``partitions``; keep what is finished for ``keep`` seconds.

        ``memory`` is that of the sink which this one replaces.
        """
        self._root = root
        self._runner = runner
        self.memory = memory or Memory()
        self._partitions = partitions
        ledgers = enumerate(self.memory.ledgers(partitions))
        self._parts = [(root.partition(number), ledger) for number, ledger in ledgers]
        self._ring = HashRing([str(number) for number in range(partitions)])
        self._keep_ms = round(keep * 1000)
        self._most = max(1, _REMEMBERED // partitions)
        self._recall: Recall | None = None
        self._announced = False
        self._looking: asyncio.Task[None] | None = None
        self._looked_after = 0.0
        """When, on the loop's clock, looking may end."""

    def open(self, recall: Recall) -> None:
        """Read from the journal by ``recall`` what the server turns out to have lost."""
        self._recall = recall

    def start(self) -> None:
        """Look after what was appended before, under other settings."""
        if self._remembers():
            self._look()

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Append one event that is in no journal. Raises ``SinkRetryError``."""
        del nodes
        head = _HEAD.decode(event)
        await self._deliver([Record(0, head.id, head.partitionkey, event)])
        return b""

    async def deliver_items(self, items: Sequence[Item]) -> None:
        """Append messages, in order. Raises ``SinkRetryError``."""
        await self._deliver(
            [
                Record(item.seq, item.message.id, item.message.key, item.event)
                for item in items
                if item.message is not None
            ]
        )

    async def aclose(self) -> None:
        """Stop looking after the stream, and disconnect."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        await self._runner.aclose()

    async def _deliver(self, records: Sequence[Record]) -> None:
        async with self.memory.turn:
            try:
                if not self._announced:
                    await announce(self._runner, self._root.about, self._partitions)
                    self._announced = True
                await self._repay()
                for chunk in _chunks(records):
                    await self._append(chunk)
            except StoreError as error:
                reason = f"redis: {error}"
                raise SinkRetryError(reason) from error
        self._look()

    async def _append(self, records: Sequence[Record]) -> None:
        """Append, and before that whatever the server says it has not."""
        while True:
            try:
                await self._call(records)
            except LostError as lost:
                if self._runner.is_cluster:
                    # There it is a call for each partition, and the others have theirs.
                    records = [one for one in records if self._number(one) in lost.tails]
                # Where one partition has lost something, others may have, which nobody writes to.
                await self._examine()
            else:
                return

    async def _call(self, records: Sequence[Record]) -> None:
        by_partition: defaultdict[int, list[Record]] = defaultdict(list)
        for record in records:
            by_partition[self._number(record)].append(record)
        batch = [(*self._parts[number], some) for number, some in by_partition.items()]
        if not self._runner.is_cluster:
            await append(self._runner, self.memory.writer, batch, self._most)
            return
        calls = (append(self._runner, self.memory.writer, [one], self._most) for one in batch)
        results = await asyncio.gather(*calls, return_exceptions=True)
        errors = [one for one in results if isinstance(one, BaseException)]
        lost = [one for one in errors if isinstance(one, LostError)]
        if len(errors) > len(lost):
            raise next(one for one in errors if not isinstance(one, LostError))
        if lost:
            raise LostError({number: tail for one in lost for number, tail in one.tails.items()})

    def _number(self, record: Record) -> int:
        return int(self._ring.pick(record.key))

    async def _examine(self) -> None:
        """Trim every partition; find out what the server has lost, and append that again."""
        lost = {}
        for partition, ledger in self._parts:
            found = await survey(self._runner, partition, self.memory.writer, self._keep_ms)
            if len(ledger) and not ledger.fits(found.tail):
                lost[partition.number] = found.tail
            elif found.finished >= 0:
                ledger.finish(found.finished)
        if lost:
            self._owe(lost)
            await announce(self._runner, self._root.about, self._partitions)
        await self._repay()

    def _owe(self, tails: Mapping[int, int]) -> None:
        """Take down what is missing on the server, given how far it has come."""
        ledgers = [(self._parts[number][1], tail) for number, tail in tails.items()]
        forgotten = sum(ledger.forgotten for ledger, _ in ledgers)
        count = sum(ledger.rewind(tail) for ledger, tail in ledgers)
        _LOG.error("stream:%s: the server has lost %d messages", self._root.stream, count)
        if forgotten:
            _LOG.critical("stream:%s: and perhaps %d older ones", self._root.stream, forgotten)

    async def _repay(self) -> None:
        """Append again what is owed; what is left when this fails stays owed."""
        for _, ledger in self._parts:
            while ledger.owed:
                seqs = ledger.owed[:_CALL_RECORDS]
                found = await self._read_back(seqs)
                for chunk in _chunks(found):
                    try:
                        await self._call(chunk)
                    except LostError as lost:
                        self._owe(lost.tails)
                        break
                else:
                    del ledger.owed[: len(seqs)]

    async def _read_back(self, seqs: Sequence[int]) -> list[Record]:
        found = [] if self._recall is None else await asyncio.to_thread(self._recall, seqs)
        if missing := len(seqs) - len(found):
            reason = "the journal keeps %d of them no longer: raise journal.retain"
            _LOG.critical(f"stream:%s: {reason}", self._root.stream, missing)
        return [Record(one.seq, one.id, one.key, one.event) for one in found]

    def _look(self) -> None:
        """Look after the stream as long as something can become of what was appended."""
        loop = asyncio.get_running_loop()
        self._looked_after = loop.time() + self._keep_ms / 1000 + _LAST_LOOK
        if self._looking is None or self._looking.done():
            self._looking = loop.create_task(self._look_on())

    async def _look_on(self) -> None:
        loop = asyncio.get_running_loop()
        pause, ends = _FIRST_LOOK, self._looked_after
        while self._remembers() or loop.time() < self._looked_after:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LAST_LOOK)
            if ends != self._looked_after:
                pause, ends = _FIRST_LOOK, self._looked_after
            try:
                await self.look()
            except StoreError as error:
                _LOG.warning("stream:%s is not looked after: %s", self._root.stream, error)

    def _remembers(self) -> bool:
        return any(len(ledger) or ledger.owed for _, ledger in self._parts)

    async def look(self) -> None:
        """Trim what is finished; notice and mend losses. Raises ``StoreError``."""
        async with self.memory.turn:
            await self._examine()


def _chunks(records: Sequence[Record]) -> Iterable[Sequence[Record]]:
    """Cut into calls of which none keeps the server busy for long."""
    start = size = 0
    for at, record in enumerate(records):
        if at > start and (at - start == _CALL_RECORDS or size + len(record.event) > _CALL_BYTES):
            yield records[start:at]
            start, size = at, 0
        size += len(record.event)
    if records:
        yield records[start:]
