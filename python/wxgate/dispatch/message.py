"""What dispatch reads and what it keeps of it, as the protocols it works against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from wxgate.dispatch.envelope import Envelope, Keyed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence


class Routed(Keyed, Protocol):
    """What the choice of a node depends on."""

    @property
    def seq(self) -> int:
        """Its place in the journal."""

    @property
    def event(self) -> bytes:
        """The CloudEvent, as JSON."""


class Kept:
    """A message in memory, with its place in the journal."""

    __slots__ = ("account", "event", "id", "key", "seq")

    def __init__(self, seq: int, message: Envelope, event: bytes) -> None:
        """Take what the choice of a node depends on."""
        self.seq = seq
        self.event = event
        self.id, self.account, self.key = message.id, message.account, message.key


class Stored(Envelope, Protocol):
    """A message read back from the journal."""

    @property
    def seq(self) -> int:
        """Its place in the journal."""

    @property
    def subject(self) -> str | None:
        """The user, where there is one."""

    @property
    def accepted(self) -> int:
        """When it was accepted, in milliseconds since 1970."""

    @property
    def event(self) -> bytes:
        """The CloudEvent, as JSON."""

    @property
    def wait(self) -> bool:
        """Whether somebody asked for an answer to it."""


class Live(Envelope, Protocol):
    """A message that has just become durable and is still in memory."""

    @property
    def event(self) -> bytes:
        """The CloudEvent, as JSON."""

    @property
    def destinations(self) -> Sequence[tuple[int, Sequence[int], bool]]:
        """Where it goes: ``(place, nodes, wait)``, the chosen node first."""


class Log(Protocol):
    """The journal, as far as dispatch is concerned. Destinations are meant by index."""

    def read(
        self, destination: int, after: int, limit: int, max_bytes: int, /
    ) -> tuple[Sequence[Stored], int]:
        """Return what is durable, unsettled and addressed to it, ascending, seq above ``after``.

        And the seq up to which it looked. Raises ``OSError``.
        """
        ...

    def settle(self, destination: int, seqs: Sequence[int], /) -> None:
        """Note that the destination needs these no more."""
        ...

    def advance(self, destination: int, cursor: int, /) -> None:
        """Note that the destination has considered everything up to ``cursor``."""
        ...


class Letter(msgspec.Struct, frozen=True):
    """A message that nobody takes, on its way to the dead letters."""

    id: str
    destination: str
    account: str
    type: str
    subject: str | None
    key: str
    accepted: int
    """When it was accepted, in milliseconds since 1970."""
    buried: int
    """When it was given up, likewise."""
    reason: str
    """``refused: …`` or ``gave_up: …``, with what the destination said."""
    attempts: int
    event: bytes


class DeadLetters(Protocol):
    """Where messages go that no destination takes."""

    def bury(self, letter: Letter, /) -> Awaitable[None]:
        """Keep a letter; done means durable. Raises ``StoreError``."""
        ...


class _Subject(msgspec.Struct):
    subject: str | None = None


_SUBJECT = msgspec.json.Decoder(_Subject)


def subject_of(event: bytes) -> str | None:
    """Read the user out of an event; None if there is none, or if it is no event."""
    try:
        return _SUBJECT.decode(event).subject
    except msgspec.DecodeError:
        return None
