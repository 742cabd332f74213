"""Stage record: messages of one tick of the loop go to the journal together, and wait together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

from wxcore import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wxcore import Journal

    from wxgate.flight import Flight

    Recorded = Callable[[int, Flight], None]
    Failed = Callable[[Flight, str], None]

_LOG = logging.getLogger("wxgate.record")
_REFUSES_FOR_S = 5.0
"""After a refusal. Then only a message can find out more, and one must be let through to come."""


class Recorder:
    """Between the loop and the journal's committer."""

    def __init__(
        self,
        journal: Journal,
        recorded: Recorded,
        failed: Failed,
        give_up: Callable[[], None] | None = None,
        turned: Callable[[float], None] | None = None,
    ) -> None:
        """Call ``recorded`` with the sequence number once a message is durable, or ``failed``.

        ``give_up`` is called once the disk has failed for good, ``turned`` with how long a turn of
        the loop took (s).
        """
        self._journal = journal
        self._recorded = recorded
        self._failed = failed
        self._give_up = give_up
        self._turned = turned
        self._asked = 0.0
        self._quiet_until = 0.0
        self._unsaid = 0
        self._gathered: list[Flight] = []
        self._refused_at = -_REFUSES_FOR_S
        self._open: deque[tuple[int, list[Flight]]] = deque()
        """Groups handed to the committer: the first number and its flights, in order."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(journal.fileno(), self._committed)

    def record(self, flight: Flight) -> None:
        """Have a message written with all others of this tick."""
        if not self._gathered:
            self._asked = time.perf_counter()
            self._loop.call_soon(self._hand_over)
        self._gathered.append(flight)

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way to the disk."""
        return not (self._gathered or self._open)

    @property
    def refuses(self) -> bool:
        """Whether messages were refused just now, so that they had better go elsewhere."""
        return self._loop.time() - self._refused_at < _REFUSES_FOR_S

    def close(self) -> None:
        """Listen no more."""
        self._loop.remove_reader(self._journal.fileno())

    def _hand_over(self) -> None:
        flights, self._gathered = self._gathered, []
        if self._turned is not None:
            self._turned(time.perf_counter() - self._asked)
        messages = [flight.message for flight in flights if flight.message is not None]
        try:
            first = self._journal.append(messages, time.time_ns() // 1_000_000)
        except JournalError as error:
            self._fail(flights, error.code)
            return
        self._open.append((first, flights))

    def _committed(self) -> None:
        """Resolve whatever the committer has decided since."""
        durable, failed, state = self._journal.progress()
        while self._open and self._open[0][0] + len(self._open[0][1]) - 1 <= durable:
            first, flights = self._open.popleft()
            if any(start <= first < end for start, end in failed):
                self._fail(flights, "failed")
            else:
                self._refused_at = -_REFUSES_FOR_S
                for seq, flight in enumerate(flights, first):
                    self._recorded(seq, flight)

        if state == "poisoned" and self._give_up is not None:
            _LOG.critical("the journal cannot be written any more: the process ends")
            give_up, self._give_up = self._give_up, None
            give_up()

    def _fail(self, flights: list[Flight], code: str) -> None:
        self._refused_at = self._loop.time()
        self._complain(len(flights), code)
        for flight in flights:
            self._failed(flight, "record.full" if code in {"full", "refusing"} else "record.failed")

    def _complain(self, count: int, code: str) -> None:
        """Log at most once a second: what is full may be the disk of the log."""
        self._unsaid += count
        if self._loop.time() < self._quiet_until:
            return
        self._quiet_until = self._loop.time() + 1.0
        _LOG.error("%d message(s) could not be recorded: %s", self._unsaid, code)
        self._unsaid = 0
