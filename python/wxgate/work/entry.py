"""A message as a consumer has it in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.work.share import Share


class _Head(msgspec.Struct):
    source: str
    type: str
    subject: str | None = None


_HEAD = msgspec.json.Decoder(_Head)


class Entry:
    """One message of a share, from reading to acknowledgement."""

    __slots__ = (
        "again",
        "event",
        "id",
        "key",
        "marks",
        "places",
        "seq",
        "share",
        "started",
        "tries",
    )

    def __init__(self, share: Share, place: bytes, fields: Sequence[bytes]) -> None:
        """Read the entry at ``place`` of the stream."""
        found = dict(zip(fields[::2], fields[1::2], strict=True))
        self.share = share
        self.places = [place]
        """Where it stands in the stream; in several places if it was appended repeatedly."""
        self.id = found.get(b"id", place).decode(errors="replace")
        """The idempotency key."""
        self.key = found.get(b"key", b"").decode(errors="replace")
        """The routing key."""
        self.event = found.get(b"event", b"")
        """The CloudEvent, as JSON."""
        self.again = False
        """Whether it was in hand before, and nobody knows what came of it."""
        self.tries = 0
        """How often it was started, since it is so, and ended neither well nor badly."""
        self.marks = 0
        """How often Redis is to count it as started before it is started the next time."""
        self.started = False
        self.seq = 0
        """Its number among what this process has read."""

    @property
    def accepted(self) -> int:
        """When it was appended, in milliseconds since 1970."""
        return int(self.places[0].partition(b"-")[0])

    @property
    def account(self) -> str:
        """The account's name."""
        return self._head().source.rpartition("/")[2]

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return self._head().type

    @property
    def subject(self) -> str | None:
        """The user, where there is one."""
        return self._head().subject

    @property
    def wait(self) -> bool:
        """Nobody waits for an answer here."""
        return False

    @property
    def destinations(self) -> list[tuple[int, list[int], bool]]:
        """Where it goes: to the one destination there is."""
        return [(0, [0], False)]

    def _head(self) -> _Head:
        try:
            return _HEAD.decode(self.event)
        except msgspec.DecodeError:
            return _Head("", "")
