"""What has to be remembered beside the journal: one module for each thing, one protocol for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wxcore._wxcore import Received


class Claims(Protocol):
    """What is known of messages: ``new → leased → done(answer)``. Times are Unix milliseconds.

    ``wxcore.Claims`` serves one process, ``SharedClaims`` the workers of a machine.
    """

    def claim(self, message: Received, now: int) -> bytes | bool:
        """Ask: True if it is new, and the asker's now; False if leased; the kept answer if done.

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
