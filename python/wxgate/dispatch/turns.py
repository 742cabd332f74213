"""Lanes that are ready, account by account: each in its turn, however many lanes one has."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wxgate.dispatch.lane import Lane


class Turns:
    """A queue for each account, served in rotation; used like one ``deque``."""

    __slots__ = ("_count", "_queues")

    def __init__(self) -> None:
        """Start empty."""
        self._queues: dict[str, deque[Lane]] = {}
        """The account whose turn it is stands first; none of them is empty."""
        self._count = 0

    def __len__(self) -> int:
        """How many lanes are ready."""
        return self._count

    def append(self, lane: Lane) -> None:
        """Put a lane behind the others of its account."""
        queue = self._queues.get(lane.account)
        if queue is None:
            self._queues[lane.account] = queue = deque()
        queue.append(lane)
        self._count += 1

    def extend(self, lanes: Iterable[Lane]) -> None:
        """Append all."""
        for lane in lanes:
            self.append(lane)

    def extendleft(self, lanes: Iterable[Lane]) -> None:
        """Put each in front of the others of its account."""
        for lane in lanes:
            self._queues.setdefault(lane.account, deque()).appendleft(lane)
            self._count += 1

    def popleft(self) -> Lane:
        """Remove the first lane of the account whose turn it is; there must be one."""
        account, queue = next(iter(self._queues.items()))
        lane = queue.popleft()
        self._count -= 1
        if not queue:
            del self._queues[account]
        elif len(self._queues) > 1:
            del self._queues[account]
            self._queues[account] = queue
        return lane

    def remove(self, lane: Lane) -> None:
        """Remove a lane. Raises ``ValueError``."""
        queue = self._queues.get(lane.account, deque())
        queue.remove(lane)
        self._count -= 1
        if not queue:
            del self._queues[lane.account]

    def __reversed__(self) -> Iterator[Lane]:
        """All lanes, of each account the last first."""
        for queue in self._queues.values():
            yield from reversed(queue)
