"""Deliveries at the rate of a limit: who may go, and who is called next. Times are in microseconds.

A lane whose head is over a limit waits in that limit's queue. The first in a queue is called when
the next message may go, and only then asks again, so that thousands that wait cost no more than
one. What waited before a restart is asked again as it is read: nothing of this is kept.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxcore import Limits

    from wxgate.dispatch.lane import Item, Lane

    Row = tuple[bytes, int, int, int]
    """Key, interval, tolerance, rule: as ``Gateway.paces`` has them."""


class Pacing(msgspec.Struct):
    """What the destinations of a worker share."""

    find: Callable[[bytes], Sequence[Row]]
    """The limits of a message, from its event; another reload, other limits."""
    limits: Limits
    """What has gone; of each destination under keys of its own."""
    count: Callable[[int, bool], None]
    """Told of every rule by index whether it let a message go, or made it wait."""


class _Queue:
    """The lanes that wait for one limit."""

    __slots__ = ("called", "lanes")

    def __init__(self) -> None:
        self.lanes: deque[Lane] = deque()
        self.called: Lane | None = None


class Paces:
    """The limits under which one destination is delivered to."""

    def __init__(self, name: str, pacing: Pacing) -> None:
        """Count under keys of the destination ``name``."""
        self._prefix = name.encode() + b"\0"
        self._pacing = pacing
        self._queues: dict[bytes, _Queue] = {}
        self._calls: list[tuple[int, bytes]] = []
        self._waiting = 0

    def __len__(self) -> int:
        """How many lanes wait."""
        return self._waiting

    @property
    def next(self) -> int | None:
        """When the next lane is to be called; None if none waits."""
        return self._calls[0][0] if self._calls else None

    def of(self, item: Item) -> Sequence[Row]:
        """Return the limits of a message; looked up once."""
        if item.paces is None:
            rows = self._pacing.find(item.event)
            item.paces = [
                (self._prefix + key, interval, tolerance, rule)
                for key, interval, tolerance, rule in rows
            ]
        return item.paces

    def free(self, item: Item) -> bool:
        """Whether a message is under no limit, and so may share a batch."""
        return item.message is not None and not self.of(item)

    def admits(self, lane: Lane, now: int) -> bool:
        """Whether the head of a lane may go now; if not, the lane waits here until ``due``.

        One of which only the place is in memory may, and is asked for again once it was read.
        """
        head = lane.items[0]
        if head.paces is None and head.message is None:
            return True
        rows = self.of(head)
        if not rows:
            return True
        for key, *_ in rows:
            queue = self._queues.get(key)
            if queue is not None and queue.called is not lane and (queue.called or queue.lanes):
                # Others were there before.
                self._wait(lane, queue)
                self._release(lane, rows, now)
                return False
        denied = self._pacing.limits.acquire(rows, now)
        if denied is None:
            self._release(lane, rows, now)
            for *_, rule in rows:
                self._pacing.count(rule, True)
            return True
        at, wait = denied
        self._deny(lane, rows, at, now, wait)
        return False

    def _deny(self, lane: Lane, rows: Sequence[Row], at: int, now: int, wait: int) -> None:
        key, *_, rule = rows[at]
        queue = self._queues.setdefault(key, _Queue())
        if queue.called is lane:
            queue.called = None
            queue.lanes.appendleft(lane)
            self._waiting += 1
        else:
            self._pacing.count(rule, False)
            self._wait(lane, queue)
        heapq.heappush(self._calls, (now + wait, key))
        self._release(lane, rows, now)

    def _wait(self, lane: Lane, queue: _Queue) -> None:
        queue.lanes.append(lane)
        self._waiting += 1

    def _release(self, lane: Lane, rows: Sequence[Row], now: int) -> None:
        """End the calls of a lane that has asked; the next of each queue is called in its turn."""
        for key, *_ in rows:
            queue = self._queues.get(key)
            if queue is None or queue.called is not lane:
                continue
            queue.called = None
            if queue.lanes:
                heapq.heappush(self._calls, (now, key))
            else:
                del self._queues[key]

    def release(self) -> list[Lane]:
        """Remove and return all that wait, in order: they are to ask anew."""
        lanes = [lane for queue in self._queues.values() for lane in queue.lanes]
        self._queues.clear()
        self._calls.clear()
        self._waiting = 0
        return lanes

    def due(self, now: int) -> list[Lane]:
        """Remove and return the lanes that are to ask again."""
        lanes = []
        while self._calls and self._calls[0][0] <= now:
            _, key = heapq.heappop(self._calls)
            queue = self._queues[key]
            if queue.called is None and queue.lanes:
                queue.called = queue.lanes.popleft()
                self._waiting -= 1
                lanes.append(queue.called)
        return lanes
