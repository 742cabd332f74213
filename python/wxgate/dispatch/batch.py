"""Several messages in one try: of ready lanes, bound for the same node."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxgate.dispatch.lane import Item, Lane
    from wxgate.dispatch.turns import Turns
    from wxgate.sinks import Sink

_SEARCH = 4
"""Lanes looked at for each place in the batch: the others may be bound for other nodes."""


@runtime_checkable
class BatchSink(Protocol):
    """A sink that takes several events at once: all of them or none."""

    async def deliver_batch(self, events: Sequence[bytes], nodes: Sequence[int]) -> object:
        """Hand over CloudEvents. Raises as ``deliver`` does."""
        ...


class ItemSink(Protocol):
    """A sink that is told more of messages than their events, and always takes them like this."""

    async def deliver_items(self, items: Sequence[Item]) -> object:
        """Hand over messages, in order: all of them or none. Raises as ``deliver`` does."""
        ...


def takes_items(sink: Sink) -> TypeGuard[ItemSink]:
    """Whether it is an ``ItemSink``; ``isinstance`` goes through all of a class each time."""
    return hasattr(sink, "deliver_items")


class Batch:
    """Messages that are tried together: the heads of lanes, in order within each."""

    def __init__(self, parts: list[tuple[Lane, int]]) -> None:
        """Take the first messages of each lane, so many of each."""
        self.parts = parts
        self.lanes = [lane for lane, _ in parts]
        self.items = [item for lane, count in parts for item in lane.items[:count]]

    async def deliver(self, sink: Sink) -> None:
        """Hand all of it over."""
        if takes_items(sink):
            await sink.deliver_items(self.items)
            return
        if not isinstance(sink, BatchSink):
            reason = f"{type(sink).__name__} takes no batches"
            raise TypeError(reason)
        await sink.deliver_batch([item.event for item in self.items], self.items[0].nodes)

    def take_apart(self) -> None:
        """Have each message tried by itself from now on."""
        for item in self.items:
            item.alone = True

    def blame(self, error: Exception) -> bool:
        """Count a failed try for each message; return whether it was the first for one of them."""
        for item in self.items:
            item.attempts += 1
            item.seek_another(error)
        return any(item.attempts == 1 for item in self.items)


def gather(
    lane: Lane, ready: Turns, size: int, free: Callable[[Item], bool] | None = None
) -> Batch | None:
    """Put together what may go with the head of ``lane``; None if that goes by itself.

    ``free`` says whether a message may share a batch as far as limits go.
    """
    fits = _Fits(_node(lane.items[0]), free)
    parts = [(lane, fits.count(lane, size))]
    room = size - parts[0][1]
    if room == size:
        return None
    passed = []
    for _ in range(min(len(ready), room * _SEARCH)):
        if not room:
            break
        other = ready.popleft()
        if count := fits.count(other, room):
            parts.append((other, count))
            room -= count
        else:
            passed.append(other)
    ready.extendleft(reversed(passed))
    return Batch(parts) if room < size - 1 else None


class _Fits:
    """What may be in a batch for one node."""

    def __init__(self, node: int, free: Callable[[Item], bool] | None) -> None:
        self._node = node
        self._free = free

    def count(self, lane: Lane, room: int) -> int:
        """Count the messages at the head of a lane that may be in it."""
        return sum(takewhile(bool, map(self._fits, lane.items[:room])))

    def _fits(self, item: Item) -> bool:
        if item.alone or item.wait or item.message is None or _node(item) != self._node:
            return False
        return self._free is None or self._free(item)


def _node(item: Item) -> int:
    return item.nodes[0] if item.nodes else 0
