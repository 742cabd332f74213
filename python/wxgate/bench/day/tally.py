"""What has arrived at the far end: how many events, and of how many different messages.

Every message that the player makes up has its number: a push in the low bits of its ``MsgId``, with
the second in which the run began above it; a payment in its ``out_trade_no``. A bit for each of
them is exact, and 3 MB for a day of twenty million.
"""

from __future__ import annotations

import msgspec

_BITS = 28
"""Of a push's id: its number; as in ``crates/wxload/src/message.rs``."""
_LOW = (1 << _BITS) - 1
_SECONDS = slice(1, 11)
"""Of an ``out_trade_no``: when the run began. The number is behind it."""
_ROOM = 1 << 16
"""Bytes by which a set of numbers grows at least."""


class Taken(msgspec.Struct, frozen=True):
    """What has arrived."""

    events: int
    ids: int | None = None
    """Different messages. Told only where it was asked for: it has to be counted."""


class _Data(msgspec.Struct):
    push: int | str | None = msgspec.field(name="MsgId", default=None)


class Event(msgspec.Struct):
    """As much of an event as says which message it tells of."""

    data: _Data
    subject: str = ""


class Tally:
    """Counts events, and marks the numbers of their messages."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self._events = 0
        self._runs: dict[tuple[str, int], bytearray] = {}

    def add(self, event: Event) -> None:
        """Count one event. Raises ``ValueError`` for one that the player did not cause."""
        if (push := event.data.push) is not None:
            number = int(push)
            self._mark("push", number >> _BITS, number & _LOW)
        else:
            paid = event.subject
            self._mark("payment", int(paid[_SECONDS]), int(paid[_SECONDS.stop :]))
        self._events += 1

    def _mark(self, kind: str, run: int, number: int) -> None:
        numbers = self._runs.get((kind, run))
        if numbers is None:
            numbers = self._runs[kind, run] = bytearray()
        at = number >> 3
        if at >= len(numbers):
            numbers.extend(bytes(at + _ROOM - len(numbers)))
        numbers[at] |= 1 << (number & 7)

    def taken(self, *, ids: bool) -> Taken:
        """What has arrived so far; ``ids`` has the different messages counted, in milliseconds."""
        if not ids:
            return Taken(self._events)
        marked = (int.from_bytes(numbers).bit_count() for numbers in self._runs.values())
        return Taken(self._events, sum(marked))
