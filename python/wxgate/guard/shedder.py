"""Which requests are refused unread, because too many wait for the event loop already.

The loop's own queue is what grows when more comes than can be done, and whoever comes last waits
behind all of it, also in order to be refused. So the server asks here before it hands a request to
the loop (``wxgate.scheduler``): what finds the queue full gets its answer there and then, for a
fraction of what the loop would spend on it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sized

    from wxgate.flight import Answer

_PREFIX = "/cb/"


class Shedder:
    """How many requests wait for one worker's loop, and which are refused for that.

    ``refuses`` is called on granian's thread, all else on the loop. Both hold the GIL, and each
    number is written by one of them alone.
    """

    __slots__ = (
        "_begun",
        "_exempt",
        "_let_in",
        "_queue",
        "_refused",
        "_told",
        "_untold",
        "answer",
        "asked",
        "room",
    )

    def __init__(self, queue: Sized) -> None:
        """Refuse nothing. ``queue`` holds what has been read and still waits for its turn."""
        self._queue = queue
        self._let_in = self._begun = 0
        self._refused: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._untold: dict[str, None] = {}
        """Accounts that may have been refused more often than told: few, however many there are."""
        self._exempt: frozenset[str] = frozenset()
        self.asked = False
        """Whether the server asks at all."""
        self.room = (sys.maxsize, sys.maxsize)
        """Requests that may wait to be read; and together with those that wait for their turn."""
        self.answer: Answer = (503, "text/plain", b"")

    @property
    def is_calm(self) -> bool:
        """Whether nobody is behind: the server's thread has time for more than refusals."""
        return self.room[0] == sys.maxsize

    def apply(self, accounts: Iterable[str], exempt: Iterable[str], answer: Answer) -> None:
        """Refuse with ``answer`` from now on, and nothing to the accounts that are exempt."""
        self._exempt = frozenset(exempt)
        # Only the configuration adds names: a stranger's would be kept for ever.
        for name in ("", *accounts):
            self._refused.setdefault(name, 0)
        self.answer = answer

    def refuses(self, path: str) -> bool:
        """Whether to refuse a request unread; if not, it waits for the loop from now on."""
        waiting = self._let_in - self._begun
        unread, room = self.room
        if waiting >= unread or waiting + len(self._queue) >= room:
            place = path[len(_PREFIX) :] if path.startswith(_PREFIX) else ""
            # Of a platform's account only itself: its tickets, not what authorizers' users say.
            if place not in self._exempt:
                account = place.partition("/")[0]
                account = account if account in self._refused else ""
                # Counted before it is listed, as it is unlisted before it is told.
                self._refused[account] += 1
                self._untold[account] = None
                return True
        self._let_in += 1
        return False

    def begin(self) -> None:
        """Note that the loop has read a request."""
        self._begun += 1

    def told(self) -> Iterator[tuple[str, int]]:
        """Tell how many were refused since the last time, by account; empty for none of them."""
        for account in list(self._untold):
            del self._untold[account]
            count = self._refused[account]
            if more := count - self._told.get(account, 0):
                self._told[account] = count
                yield account, more
