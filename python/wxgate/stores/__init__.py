"""What has to be remembered beside the journal: one module for each thing, one protocol for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import Future

    from wxcore._wxcore import Received

    Held = bytes | bool
    """What is known of a message: its kept answer if it is done; True if it is new, and the
    asker's from now on; False if somebody has it."""
    Denied = tuple[int, int]
    """A new message over a limit, which nobody has claimed: the rule, and the wait in µs."""


class Waiter(Protocol):
    """A try of a message that waits for what a store says of it."""

    @property
    def is_over(self) -> bool:
        """Whether it waits no more: then what it would have been given is given back."""
        ...

    def decided(self, claimed: Held | Denied) -> None:
        """Hear of it."""
        ...


class Claims(Protocol):
    """What is known of messages: ``new → leased → done(answer)``. Times are Unix milliseconds.

    ``wxcore.Claims`` serves one process, ``SharedClaims`` the workers of a machine, ``RedisClaims``
    any number of machines. ``wxgate.testing`` has the tests that every one of them passes.

    A store that is elsewhere may have ``claim_for(message, now, waiter)`` beside ``claim``, which
    returns None where it tells ``waiter`` later: that spares each message a future.
    """

    def claim(self, message: Received, now: int) -> Held | Denied | Future[Held | Denied]:
        """Ask for a message; a store that is elsewhere answers later.

        Raises ``StoreError`` if it cannot be known.
        """
        ...

    def complete(self, messages: list[Received], now: int) -> None:
        """Note that messages are done, and need no more than an acknowledgement."""
        ...

    def answer(self, message: Received, answer: bytes, now: int) -> tuple[bytes, int]:
        """Note that a message is done, and its answer; return its key and the end of its life."""
        ...

    def abandon(self, message: Received) -> None:
        """Give back a message that is not recorded."""
        ...

    def pending(self, message: Received, now: int) -> None:
        """Note that a message is on disk and its answer still to come."""
        ...

    def lease(self, message_id: str, until: int) -> bytes:
        """Take a message that is on disk, but unfinished; return its key."""
        ...

    def restore(self, key: bytes, until: int, answer: bytes) -> None:
        """Note that a message is done until ``until``: what a journal remembers of it."""
        ...


class LocalClaims(Claims, Protocol):
    """Claims of this machine: they answer at once, and can say what they know."""

    def claim(self, message: Received, now: int) -> Held:
        """Ask for a message. Raises ``StoreError`` if it cannot be known."""
        ...

    def done(self, part: int, parts: int) -> list[tuple[bytes, int, bytes]]:
        """Return one of ``parts`` equal parts of what is done: key, end of life (ms), answer.

        Raises ``StoreError``.
        """
        ...

    def __len__(self) -> int:
        """How many messages are known."""
        ...
