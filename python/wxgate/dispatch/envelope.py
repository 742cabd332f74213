"""What dispatch asks of every message, live, read back or queued again."""

from __future__ import annotations

from typing import Protocol


class Keyed(Protocol):
    """Who sent it, and what it is known by."""

    @property
    def id(self) -> str:
        """The idempotency key."""

    @property
    def account(self) -> str:
        """The account's name."""

    @property
    def key(self) -> str:
        """The routing key, within which messages keep their order."""


class Envelope(Keyed, Protocol):
    """What dead letters want to know; live messages and stored ones have it."""

    @property
    def type(self) -> str:
        """The CloudEvents type."""
