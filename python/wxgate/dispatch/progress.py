"""How far a destination is: what it counts, and what the journal is still to be told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate.dispatch.message import Log
    from wxgate.dispatch.place import Tally


class Progress:
    """The counts of one destination since the start, and the settlements of one tick."""

    __slots__ = ("_advanced", "_told", "dead", "delivered", "lost", "retried", "settled")

    def __init__(self) -> None:
        """Start with nothing done."""
        self.delivered = self.retried = self.dead = self.lost = 0
        self.settled: list[int] = []
        """Messages that are done, which the journal does not know yet."""
        self._advanced = 0
        self._told = (0, 0, 0)

    def count(self, name: str, tally: Tally) -> None:
        """Tell what has been counted since the last time."""
        counts = self.delivered, self.retried, self.dead
        if counts != self._told:
            tally(name, *(now - told for now, told in zip(counts, self._told, strict=True)))
            self._told = counts

    def note(self, log: Log, index: int, cursor: int) -> None:
        """Tell the journal what is done, and how far the destination has looked.

        Raises ``OSError``: what is not noted is told again the next time, or delivered again after
        a start.
        """
        if self.settled:
            log.settle(index, self.settled)
            self.settled = []
        if cursor != self._advanced:
            log.advance(index, cursor)
            self._advanced = cursor
