"""One run of the script: what goes along, and who waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from wxcore._wxcore import Received

    from wxgate.stores import Denied, Waiter
    from wxgate.stores.redis.call import Claim, Note

    Ask = tuple[Waiter, Received, Denied | None]
    """Who waits, for what, and which limit had no place for it."""

CAPACITY = 64
"""Claims, and notes as many: a script holds the server up for all others while it runs."""


class Run:
    """Gathers until it is sent; once it is due its time runs."""

    __slots__ = (
        "asks",
        "claims",
        "is_due",
        "is_late",
        "is_over",
        "notes",
        "sends",
        "timer",
        "written",
    )

    def __init__(self) -> None:
        """Empty."""
        self.notes: list[Note] = []
        self.claims: list[Claim] = []
        self.asks: list[Ask] = []
        """Who waits for each of the claims."""
        self.timer: TimerHandle | None = None
        self.written = b""
        self.sends = 0
        """How often it was sent: it may be what makes the connection end."""
        self.is_due = False
        """Whether it is to leave as soon as another call comes back, if not at once."""
        self.is_late = False
        """Whether its asks were answered without it."""
        self.is_over = False
        """Whether its answer interests nobody any more."""

    @property
    def is_full(self) -> bool:
        """Whether it should leave as it is."""
        return len(self.claims) >= CAPACITY or len(self.notes) >= CAPACITY

    def end(self) -> None:
        """Stop its time."""
        self.is_over = True
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
