"""Stage reply: every message under way, from its record to the answer that all its tries get."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from wxgate.flight import Flight, pack, pack_unsealed, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxcore import Journal, Stored
    from wxcore._wxcore import Gateway as Core
    from wxcore._wxcore import Received

    from wxgate.dispatch import Dispatcher
    from wxgate.flight import Answer
    from wxgate.metrics import Counters
    from wxgate.stores import Claims

_LOG = logging.getLogger("wxgate.reply")
_LATE_FOR_S = 30.0
"""How long an answer that came too late is worth having: a sender's tries end after 20 s."""
_MAX_LATE = 1024
_RESUMED_FOR_MS = 60_000
"""The life of an answer to a message of an earlier process; only pushes are answered."""


class Flights:
    """What is known to be coming, and how it ends."""

    def __init__(
        self,
        core: Core,
        claims: Claims,
        journal: Journal,
        dispatcher: Dispatcher,
        counters: Counters,
    ) -> None:
        """Nothing under way."""
        self._core = core
        self._claims = claims
        self._journal = journal
        self._dispatcher = dispatcher
        self._counters = counters
        self._open: dict[str, Flight] = {}
        self._late: dict[Flight, asyncio.TimerHandle] = {}

    def apply(self, core: Core) -> None:
        """Take messages of ``core`` for those of the configuration in force."""
        self._core = core

    def begin(self, account: str, message: Received) -> Flight:
        """Follow a message that has just been claimed."""
        flight = Flight(account, message.id, message)
        self._open[flight.message_id] = flight
        return flight

    def find(self, message_id: str) -> Flight | None:
        """Return the flight of a message that is being worked on."""
        return self._open.get(message_id)

    def resume(self, stored: Iterable[Stored], destination: int) -> None:
        """Follow messages of an earlier process that wait for an answer of ``destination``."""
        for one in stored:
            if one.id in self._open:
                continue
            self._claims.lease(one.id, _now() + _RESUMED_FOR_MS)
            flight = Flight(one.account, one.id, None)
            self._open[one.id] = flight
            self._await_answer(one.seq, flight, destination)

    def recorded(self, seq: int, flight: Flight) -> None:
        """It is on disk: acknowledge it, or wait for its answer."""
        flight.recorded = True
        message = flight.message
        assert message is not None  # noqa: S101 (for mypy: only new messages are recorded)
        self._counters.add(flight.account, "accepted")
        if message.waits:
            self._claims.pending(message, _now())
            self._await_answer(seq, flight)
        elif message.prescribed:
            self._finish(flight, message, b"")
        else:
            self._claims.complete([message], _now())
            self._end(flight, _acknowledgement(message))
        self._dispatcher.recorded(seq, message, fresh=message.is_of(self._core))
        if message.waits:
            if self.is_out(flight):
                flight.end(None)
            self.left(flight)

    def is_out(self, flight: Flight) -> bool:
        """Whether its service is known to be down: then its tries hold no places in vain."""
        asked = flight.asked
        return asked is not None and not asked.done() and self._dispatcher.is_out(flight.seq)

    def failed(self, flight: Flight, code: str) -> None:
        """It is not on disk: the next try is new."""
        if flight.message is not None:
            self._claims.abandon(flight.message)
        self._close(flight)
        flight.end(code)

    def late(self, flight: Flight) -> None:
        """Its sender was told "success"; its answer is kept for the next try, if one comes."""
        if flight.is_late or flight.message is None:
            return
        flight.is_late = True
        self._counters.add(flight.account, "late")
        self._limit(flight)

    def left(self, flight: Flight) -> None:
        """Note that a request may have hung up: with nobody left, it is as with a late answer."""
        if flight.recorded and flight.message is not None and not flight.is_awaited:
            self._limit(flight)

    def _limit(self, flight: Flight) -> None:
        """Wait for an answer only so much longer; it may have come just now."""
        if flight in self._late or self._open.get(flight.message_id) is not flight:
            return
        if len(self._late) >= _MAX_LATE:
            self._expire(next(iter(self._late)))
        loop = asyncio.get_running_loop()
        self._late[flight] = loop.call_later(_LATE_FOR_S, self._expire, flight)

    def again(self, account: str, message: Received, kept: bytes) -> Answer:
        """Answer one more try of a message that is done."""
        found = unpack(kept) if kept else b""
        return found if isinstance(found, tuple) else self.seal(account, message, found)

    def seal(self, account: str, message: Received, spec: bytes) -> Answer:
        """Make the answer from what the service said, and keep it for the next try."""
        acknowledgement = _acknowledgement(message)
        if not spec and not message.prescribed:
            return acknowledgement
        status, content_type, body, code = message.reply(spec, _now())
        if code is not None:
            _LOG.warning("account %s: the answer to %s is no reply: %s", account, message.id, code)
            self._counters.add(account, code)
        answer = status, content_type, body
        if answer == acknowledgement:
            return answer
        self._counters.add(account, "replied")
        kept = pack(answer)
        key, until = self._claims.answer(message, kept, _now())
        self._journal.remember(key, until, kept)
        return answer

    def close(self) -> None:
        """Tell whoever still waits that the time is up."""
        for timer in self._late.values():
            timer.cancel()
        for flight in list(self._open.values()):
            flight.end(None)

    def _await_answer(self, seq: int, flight: Flight, destination: int | None = None) -> None:
        answer = self._dispatcher.await_answer(seq, destination)
        answer.add_done_callback(partial(self._answered, flight))
        flight.seq, flight.asked = seq, answer

    def _answered(self, flight: Flight, answer: asyncio.Future[bytes]) -> None:
        if answer.cancelled():
            return
        # Without an answer, for a dead letter or a stop, the message is on disk all the same.
        has_failed = answer.exception() is not None
        spec = b"" if has_failed else answer.result()
        if flight.message is not None:
            self._finish(flight, flight.message, spec)
            return
        until = _now() + _RESUMED_FOR_MS
        key = self._claims.lease(flight.message_id, until)
        kept = pack_unsealed(spec) if spec else b""
        self._claims.restore(key, until, kept)
        self._journal.remember(key, until, kept)
        self._close(flight)
        flight.end(spec)

    def _finish(self, flight: Flight, message: Received, spec: bytes) -> None:
        self._claims.complete([message], _now())
        self._end(flight, self.seal(flight.account, message, spec))

    def _expire(self, flight: Flight) -> None:
        if flight.message is not None:
            self._claims.complete([flight.message], _now())
        if flight.asked is not None:
            # In an outage of hours they would be millions, each with its message.
            flight.asked.cancel()
        self._close(flight)
        flight.end(None)

    def _end(self, flight: Flight, answer: Answer) -> None:
        self._close(flight)
        flight.end(answer)

    def _close(self, flight: Flight) -> None:
        if self._open.get(flight.message_id) is flight:
            del self._open[flight.message_id]
        timer = self._late.pop(flight, None)
        if timer is not None:
            timer.cancel()


def _acknowledgement(message: Received) -> Answer:
    return message.status, message.content_type, message.body


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
