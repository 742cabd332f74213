"""One kept-alive HTTP connection of WeChat's, cheap enough for thousands of messages a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxgate.sim.call import Call


class BrokenError(Exception):
    """The connection ended before the answer was complete: what the message became is unknown."""


def written(call: Call) -> bytes:
    """A call as it goes over the wire."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in call.headers)
    length = len(call.body)
    head = f"{call.method} {call.target} HTTP/1.1\r\nhost: gateway.example.com\r\n{headers}"
    return f"{head}content-length: {length}\r\n\r\n".encode() + call.body


class Line(asyncio.Protocol):
    """Sends one request at a time."""

    def __init__(self) -> None:
        """Not connected yet."""
        self._received = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @classmethod
    async def open(cls, port: int) -> Line:
        """Connect to a port of this machine. Raises ``OSError``."""
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return the answer's status and body. Raises ``BrokenError``."""
        if self._transport is None or self._transport.is_closing():
            raise BrokenError
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Remember where to write to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect one answer."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
        if len(body) < length:
            return
        self._received = b""
        if b"connection: close" in lines:
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((int(lines[0][9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BrokenError(str(exc or "closed")))
