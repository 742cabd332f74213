"""One connection to one peer: a request, its answer, the next request. Never two at once."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
from contextlib import suppress
from typing import Protocol

from wxgate.errors import WxGateError
from wxgate.sinks.answer import Answer, AnswerReader, UnreadableAnswerError

IDLE = 4.0
"""Seconds that an unused connection is kept: less than common servers keep theirs (5 s)."""
_TAKEN = range(200, 300)
_OPTIONS = (
    # A peer that vanished is noticed within 10 s however long its answer may take: idle + interval
    # x count while we wait, the user timeout while we send.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
)


class ExchangeError(WxGateError):
    """A request was sent, in part or whole, and no answer came: the peer may have taken it."""


class StaleConnectionError(ExchangeError):
    """A connection that had served before ended without a byte of an answer.

    As a rule the peer closed it for idleness and has not seen the request; that is not certain.
    """


class Keeper(Protocol):
    """Who holds connections; each is told of once when it opens and once when it is no more."""

    def opened(self, connection: Connection) -> None:
        """Take note of a connection that stands, TLS included."""

    def lost(self, connection: Connection) -> None:
        """Forget it."""


class Connection(asyncio.Protocol):
    """A socket's protocol, and the exchanges on it."""

    __slots__ = (
        "_deadline",
        "_keeper",
        "_loop",
        "_reader",
        "_timer",
        "_transport",
        "_unused_since",
        "_used",
        "_waiter",
        "_wakes",
        "usable",
    )
    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, keeper: Keeper) -> None:
        """Belong to a loop and a keeper."""
        self._loop = loop
        self._keeper = keeper
        self._reader = AnswerReader()
        self._waiter: asyncio.Future[Answer] | None = None
        self._deadline = math.inf
        self._unused_since = 0.0
        self._used = False
        self._timer: asyncio.TimerHandle | None = None
        self._wakes = math.inf
        self.usable = False
        """Whether a request may be sent on it: open, and none is under way."""

    def connection_made(  # type: ignore[override]  # uvloop's are no subclass of BaseTransport
        self, transport: asyncio.Transport
    ) -> None:
        """Prepare the socket."""
        self._transport = transport
        connected = transport.get_extra_info("socket")
        with suppress(OSError):  # a connection that is gone already is about to say so
            for level, option, value in _OPTIONS:
                connected.setsockopt(level, option, value)
        self.usable = True
        self._unused_since = self._loop.time()
        self._wake_at(self._unused_since + IDLE)
        self._keeper.opened(self)

    def is_stale(self, now: float) -> bool:
        """Whether it was unused for so long that the peer may be about to close it."""
        return now - self._unused_since >= IDLE

    def exchange(self, request: bytes, deadline: float) -> asyncio.Future[Answer]:
        """Send a request; the future has the answer, or ``ExchangeError`` by ``deadline``.

        Only for a connection that is ``usable``. Who cancels the future calls ``abort`` too, or
        the answer would be taken for the next request's.
        """
        self.usable = False
        self._reader = AnswerReader()
        self._waiter = waiter = self._loop.create_future()
        self._deadline = deadline
        if deadline < self._wakes:
            self._wake_at(deadline)
        self._transport.write(request)
        return waiter

    def data_received(self, data: bytes) -> None:
        """Read on; what comes unasked ends the connection."""
        if self._waiter is None:
            self.abort()
            return
        try:
            whole = self._reader.feed(data)
        except UnreadableAnswerError as error:
            self._fail(ExchangeError(str(error)))
            return
        if whole:
            self._settle(self._waiter)

    def eof_received(self) -> None:
        """The end is also the end of an answer that has no length; the transport closes itself."""
        if self._waiter is not None and self._reader.end():
            self._settle(self._waiter)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits, and who keeps it."""
        self.usable = False
        if self._timer is not None:
            self._timer.cancel()
        if self._used and not self._reader.begun:
            self._fail(StaleConnectionError("the connection was closed"))
        else:
            self._fail(ExchangeError(cause(exc) if exc else "closed before the answer was whole"))
        self._keeper.lost(self)

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self.usable = False
        self._transport.abort()

    def _settle(self, waiter: asyncio.Future[Answer]) -> None:
        reader, self._waiter = self._reader, None
        self._used = True
        self._unused_since = self._loop.time()
        # A peer may answer before it has read all: what is left to send is not for the next one.
        unsent = self._transport.get_write_buffer_size()
        if reader.head is None or not reader.head.keeps or reader.surplus or unsent:
            self.abort()
        else:
            self.usable = True
        if not waiter.done():
            waiter.set_result(reader.answer())

    def _fail(self, error: ExchangeError) -> None:
        """End the exchange, by the status if that is known and asks for no body."""
        waiter, self._waiter = self._waiter, None
        self.abort()
        if waiter is None or waiter.done():
            return
        head = self._reader.head
        if head is None or head.status in _TAKEN:
            waiter.set_exception(error)
        else:
            waiter.set_result(Answer(head.status, b"", head.retry_after))

    def _wake_at(self, when: float) -> None:
        """One timer a connection. It is set again when it goes off, not with every exchange."""
        if self._timer is not None:
            self._timer.cancel()
        self._wakes = when
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        busy = self._waiter is not None
        due = self._deadline if busy else self._unused_since + IDLE
        if now < due:
            self._wake_at(min(due, now + IDLE))
        elif busy:
            self._fail(ExchangeError("no answer in time"))
        else:
            self.abort()


def cause(error: BaseException) -> str:
    """The system's own words for an error."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError | socket.gaierror):
        return error.strerror or type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
