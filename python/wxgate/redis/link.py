"""One connection: what is sent is answered in order, each answer to who asked."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from hiredis import ProtocolError, Reader, ReplyError

from wxgate.errors import StoreError
from wxgate.redis.wire import command

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Answered = Callable[[object], None]
    """Takes an answer, which may be a ``ReplyError``, or a ``LostError`` in its place."""

_MOST_BYTES = 16 * 1024 * 1024
"""Of one answer. Ours have some kilobytes: more is not meant for us."""


class LostError(StoreError):
    """The connection ended before the answer came: whether the command was run is unknown."""


class Link(asyncio.Protocol):
    """Made by ``connect``; lost for good when the connection is."""

    def __init__(self) -> None:
        """Not connected yet."""
        self.on_lost: Callable[[], None] | None = None
        self._reader = Reader()
        self._waiting: deque[Answered] = deque()
        self._transport: asyncio.Transport | None = None
        self._bytes = 0
        self._why = "closed"

    @classmethod
    async def connect(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Link:
        """Connect, to the Unix socket ``host`` if ``port`` is 0.

        Raises ``OSError``, of which ``ssl.SSLError`` is one.
        """
        loop = asyncio.get_running_loop()
        if not port:
            _, link = await loop.create_unix_connection(cls, host)
            return link
        _, link = await loop.create_connection(cls, host, port, ssl=tls)
        return link

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, written: bytes, answered: Answered) -> None:
        """Send a command; ``answered`` is called once, also if the connection is lost."""
        if self._transport is None or self._transport.is_closing():
            answered(LostError(self._why))
            return
        self._waiting.append(answered)
        self._transport.write(written)

    async def ask(self, *words: bytes) -> object:
        """Send a command and wait. Raises ``hiredis.ReplyError`` or ``LostError``."""
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def answered(answer: object) -> None:
            if future.done():
                return
            if isinstance(answer, (ReplyError, LostError)):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        self.send(command(*words), answered)
        return await future

    def close(self, why: str = "closed") -> None:
        """End the connection; who waits is told now."""
        self._why = why
        if self._transport is not None:
            self._transport.abort()
        self._lose()

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Remember where to write to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand out whatever is complete."""
        self._bytes += len(data)
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not False:
                self._bytes = 0
                if not self._waiting:
                    self.close("it said what nobody had asked for")
                    return
                self._waiting.popleft()(answer)
        except ProtocolError:
            self.close("it does not speak Redis' protocol")
            return
        if self._bytes > _MOST_BYTES:
            self.close(f"an answer of more than {_MOST_BYTES} bytes")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if exc is not None and self._why == "closed":
            self._why = str(exc) or type(exc).__name__
        self._lose()

    def _lose(self) -> None:
        # Who was on this connection may remember it for a while, but not megabytes of nonsense.
        self._reader = Reader()
        waiting, self._waiting = self._waiting, deque()
        lost = LostError(f"connection lost: {self._why}")
        for answered in waiting:
            answered(lost)
        told, self.on_lost = self.on_lost, None
        if told is not None:
            told()
