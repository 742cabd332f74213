"""A proxy between a client and a server that delays, throttles, cuts and goes silent at will."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl

_CHUNK = 64 * 1024
_SIPS = 20
"""Pieces a second in which a throttled direction passes on what it has."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How bytes are passed on; each direction has a manner of its own."""

    delay: float = 0.0
    """Seconds that a chunk waits. Chunks that follow wait behind it."""
    rate: float = 0.0
    """Bytes a second, in small pieces, so that an answer trickles; 0: as fast as they come."""
    cut_at: int | None = None
    """Reset both sides once so many bytes of a connection went this way, and not one more."""
    silent: bool = False
    """Half-open: take bytes, pass on nothing."""
    instead: bytes = b""
    """What is passed on in the place of each chunk."""


PLAIN = Manner()


class Chaos:
    """Listens on a port of its own and connects to a server. An async context manager.

    ``up`` is how it treats what the client sends, ``down`` what the server says; both may change at
    any time. With ``tls`` it speaks TLS to the client, for servers that do not.
    """

    def __init__(self, target: int, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Stand before the server at a port of this machine."""
        self.target = target
        self.port = port
        self.up = PLAIN
        self.down = PLAIN
        self.refuses = False
        """Whether new connections are reset at once."""
        self.accepted = 0
        """Connections so far."""
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """What a client is to connect to."""
        return f"redis{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def calm(self) -> None:
        """Pass everything on from now on."""
        self.up = self.down = PLAIN
        self.refuses = False

    def cut(self) -> None:
        """Reset every connection that is open."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut everything, listen no more."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self._writers.add(writer)
        self.accepted += 1
        try:
            if not self.refuses:
                await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # a side has gone, or the test is over
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._open.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(to_server)
        ways = {
            asyncio.ensure_future(self._pass(reader, to_server, "up")),
            asyncio.ensure_future(self._pass(from_server, writer, "down")),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_server.transport.abort()
            self._writers.discard(to_server)

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, way: str
    ) -> None:
        """Pass bytes one way until a side is gone, or the manner says to cut."""
        passed = 0
        with contextlib.suppress(OSError):
            while chunk := await source.read(_CHUNK):
                manner: Manner = getattr(self, way)
                if manner.delay:
                    await asyncio.sleep(manner.delay)
                manner = getattr(self, way)
                if manner.silent:
                    continue
                chunk = manner.instead or chunk
                ends = manner.cut_at is not None and passed + len(chunk) > manner.cut_at
                if ends and manner.cut_at is not None:
                    chunk = chunk[: max(0, manner.cut_at - passed)]
                passed += len(chunk)
                await self._pour(chunk, target, way)
                if ends:
                    return

    async def _pour(self, chunk: bytes, target: asyncio.StreamWriter, way: str) -> None:
        """Pass a chunk on at the rate that holds by then: it may change on the way."""
        while chunk:
            rate = getattr(self, way).rate
            size = max(1, round(rate / _SIPS)) if rate else len(chunk)
            sip, chunk = chunk[:size], chunk[size:]
            target.write(sip)
            await target.drain()
            if rate:
                await asyncio.sleep(len(sip) / rate)
