"""Kept-alive connections to one place."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from wxgate.errors import WxGateError
from wxgate.sinks.connection import Connection, cause

if TYPE_CHECKING:
    from wxgate.sinks.answer import Answer
    from wxgate.sinks.origin import Origin

CONNECT = 1.0
"""Seconds for a connection: name, TCP and TLS together."""
_CLOSED = "the client is closed"
_SLOW = "no connection in time"
_CUT = "closed as soon as it was open"


class ConnectError(WxGateError):
    """There is no connection, so that nothing was sent; the text is the system's."""


class Pool:
    """As many connections as there are exchanges at once; what is unused longest goes first."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None = None) -> None:
        """Connect lazily; ``tls`` is needed where the origin speaks it."""
        self._origin = origin
        self._tls = tls
        self._unused: list[Connection] = []
        self._open: set[Connection] = set()
        self._empty: asyncio.Future[None] | None = None
        self._closed = False

    async def exchange(self, request: bytes, deadline: float, *, fresh: bool = False) -> Answer:
        """Send a whole request and return its answer, by ``deadline`` in the loop's time.

        ``fresh`` takes a new connection. Raises ``ConnectError``, or ``ExchangeError``:
        ``StaleConnectionError`` if a kept connection was found closed. Cancellation closes the
        connection.
        """
        connection = None if fresh else self._take()
        if connection is None:
            connection = await self._connect(deadline)
        try:
            answer = await connection.exchange(request, deadline)
        except asyncio.CancelledError:
            connection.abort()
            raise
        if connection.usable:
            self._unused.append(connection)
        return answer

    async def aclose(self) -> None:
        """Close all connections, also those in use, and wait until they are."""
        self._closed = True
        self._unused.clear()
        if self._open:
            self._empty = asyncio.get_running_loop().create_future()
            for connection in tuple(self._open):
                connection.abort()
            await self._empty

    def _take(self) -> Connection | None:
        unused = self._unused
        if not unused:
            return None
        now = asyncio.get_running_loop().time()
        while unused:
            # The one used last is the likeliest to be alive; the others can grow old.
            connection = unused.pop()
            if connection.usable and not connection.is_stale(now):
                return connection
            connection.abort()
        return None

    async def _connect(self, deadline: float) -> Connection:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConnectError(_CLOSED)
        host, port, _ = self._origin
        within = min(CONNECT, deadline - loop.time())
        try:
            async with asyncio.timeout(within):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self), host, port, ssl=self._tls
                )
        except TimeoutError:
            raise ConnectError(_SLOW) from None
        except (OSError, UnicodeError) as error:
            raise ConnectError(cause(error)) from error
        if self._closed or not connection.usable:
            connection.abort()
            raise ConnectError(_CUT)
        return connection

    def opened(self, connection: Connection) -> None:
        """Keep account of a connection."""
        self._open.add(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        with suppress(ValueError):
            self._unused.remove(connection)
        if self._empty is not None and not self._open and not self._empty.done():
            self._empty.set_result(None)


def tls_context() -> ssl.SSLContext:
    """Verify certificates and names by the system's authorities. Nothing turns that off.

    Which these are is OpenSSL's to say: ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name others.
    """
    context = ssl.create_default_context()
    context.keylog_filename = None  # type: ignore[assignment]  # Python takes one from the environment; ours writes no keys
    context.set_alpn_protocols(["http/1.1"])
    return context
