"""What was read from a stream, as the journal that dispatch expects."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxgate.work.entry import Entry


class ReadAhead:
    """Entries in memory by number, from reading until they are done."""

    def __init__(self, finish: Callable[[Entry], None], changed: Callable[[], None]) -> None:
        """Call ``finish`` with each entry that is done, and then ``changed``."""
        self._finish = finish
        self._changed = changed
        self._entries: dict[int, Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._last = 0
        self.bytes = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entries)

    def put(self, entry: Entry) -> int:
        """Give an entry the next number, and keep it."""
        self._last += 1
        entry.seq = self._last
        self._entries[self._last] = self._by_id[entry.id] = entry
        self.bytes += len(entry.event)
        return self._last

    def find(self, id_: str) -> Entry | None:
        """Return the entry with that idempotency key."""
        return self._by_id.get(id_)

    def read(
        self, destination: int, after: int, limit: int, max_bytes: int, /
    ) -> tuple[Sequence[Entry], int]:
        """Return what is kept, with numbers above ``after``; and how far that looked."""
        del destination
        numbers = list(self._entries)
        found: list[Entry] = []
        size, at = 0, bisect_right(numbers, after)
        for number in numbers[at : at + limit]:
            if found and size >= max_bytes:
                break
            found.append(self._entries[number])
            size += len(found[-1].event)
        is_all = at + len(found) == len(numbers)
        return found, self._last if is_all else found[-1].seq

    def settle(self, destination: int, seqs: Sequence[int], /) -> None:
        """Let go of entries that are done."""
        del destination
        for seq in seqs:
            if (entry := self._entries.pop(seq, None)) is not None:
                self.bytes -= len(entry.event)
                if self._by_id.get(entry.id) is entry:
                    del self._by_id[entry.id]
                self._finish(entry)
        self._changed()

    def advance(self, destination: int, cursor: int, /) -> None:
        """Nothing: what a consumer has read, Redis knows."""
