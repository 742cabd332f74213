"""What one gateway worker has appended to a stream, whatever the settings were meanwhile."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from wxgate.streams.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence


class Memory:
    """A writer's name on the server, and a ledger for each partition that it has known.

    Of one server and prefix. Whoever appends holds ``turn``: two sinks have one memory while a
    reload replaces the first.
    """

    def __init__(self) -> None:
        """Start with nothing appended, under a name of its own."""
        self.writer = secrets.token_hex(8)
        self.turn = asyncio.Lock()
        """One after the other: tails of appends that overtake each other would prove nothing."""
        self._ledgers: list[Ledger] = []

    def ledgers(self, partitions: int) -> Sequence[Ledger]:
        """Return one for each of so many partitions at least, and for those of earlier settings."""
        self._ledgers += [Ledger() for _ in range(partitions - len(self._ledgers))]
        return tuple(self._ledgers)
