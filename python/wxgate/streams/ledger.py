"""What one gateway worker has appended to one partition and cannot yet know to be finished.

Each append has a number, which the server keeps beside the partition as the writer's tail. A tail
below the last confirmed number means that the server has lost appends: it was flushed, restarted
without its data, or replaced by a replica that lagged. What is missing then is known exactly, by
its places in the journal.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Ledger:
    """The appends to one partition: numbers, places in the journal, and when they were made."""

    __slots__ = ("_numbers", "_seqs", "_times", "attempted", "confirmed", "forgotten", "owed")

    def __init__(self) -> None:
        """Start with nothing appended."""
        self.confirmed = 0
        """The number of the last append that the server has confirmed."""
        self.attempted = 0
        """The number of the last that was tried; the server may have it or not."""
        self.owed: list[int] = []
        """Places in the journal of what the server has lost, in the order of its first append."""
        self.forgotten = 0
        """Appends no longer remembered though not known to be finished."""
        self._numbers = array("Q")
        self._seqs = array("Q")
        self._times = array("Q")

    def __len__(self) -> int:
        """How many messages are remembered."""
        return len(self._seqs)

    def attempt(self) -> int:
        """Return the number of a new append."""
        self.attempted += 1
        return self.attempted

    def confirm(self, number: int, seqs: Sequence[int], time: int, most: int) -> None:
        """Note that the server has it, since ``time`` (ms of its clock); remember ``most``."""
        self.confirmed = number
        self._numbers.extend([number] * len(seqs))
        self._seqs.extend(seqs)
        self._times.extend([time] * len(seqs))
        if (surplus := len(self._seqs) - most) > 0:
            self.forgotten += surplus
            self._drop(surplus)

    def fits(self, tail: int) -> bool:
        """Whether the server's tail is one that it may have."""
        return self.confirmed <= tail <= self.attempted

    def rewind(self, tail: int) -> int:
        """Take the server's tail as it is; owe what was appended after it, and say how much."""
        start = next((at for at, one in enumerate(self._numbers) if one > tail), len(self._seqs))
        lost = self._seqs[start:].tolist()
        self.owed = [*lost, *self.owed]
        del self._numbers[start:], self._seqs[start:], self._times[start:]
        self.confirmed = tail
        self.attempted = max(self.attempted, tail)
        return len(lost)

    def finish(self, time: int) -> None:
        """Forget what was appended before ``time`` (ms): every group has finished it."""
        count = next((at for at, one in enumerate(self._times) if one >= time), len(self._times))
        self._drop(count)
        if not self._seqs:
            self.forgotten = 0

    def _drop(self, count: int) -> None:
        del self._numbers[:count], self._seqs[:count], self._times[:count]
