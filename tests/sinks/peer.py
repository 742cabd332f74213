"""A server that says what a test has written for it, byte by byte, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    import ssl

Then = Literal["keep", "close", "reset", "hang"]
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Say:
    """What follows a request: these bytes, all at once or one by one; then what."""

    data: bytes = EMPTY
    then: Then = "keep"
    drip: float | None = None
    """Seconds between two bytes."""


@dataclass(slots=True)
class Got:
    """A request that came in."""

    connection: int
    head: str
    body: bytes


@dataclass(slots=True)
class Peer:
    """Answers the requests of all connections in the order of ``script``, then by its last line."""

    script: list[Say] = field(default_factory=lambda: [Say()])
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    on_accept: Literal["serve", "reset"] = "serve"
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a connection has ended, be it by the client."""
    port: int = 0
    """Where it listens."""
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/hook"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, whatever is under way."""
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def until(self, number: int) -> None:
        """Wait for so many requests."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.got) >= number)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._converse(self.connections, reader, writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.open -= 1
            self.left.set()
            self._serving.discard(task)

    async def _converse(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.on_accept == "reset":
            _reset(writer)
            return
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                line.split(": ")[1] for line in head.split("\r\n") if line.startswith("content-len")
            )
            body = await reader.readexactly(int(length))
            async with self.arrived:
                self.got.append(Got(number, head, body))
                self.arrived.notify_all()
            say = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            await _say(say, writer)
            if say.then == "hang":
                await reader.read()
            if say.then == "reset":
                _reset(writer)
            if say.then != "keep":
                return


async def _say(say: Say, writer: asyncio.StreamWriter) -> None:
    step = len(say.data) or 1 if say.drip is None else 1
    for at in range(0, len(say.data), step):
        writer.write(say.data[at : at + step])
        await writer.drain()
        if say.drip is not None:
            await asyncio.sleep(say.drip)


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def http(status: int, body: bytes = b"", *fields: str) -> bytes:
    """An ordinary answer."""
    lines = [f"HTTP/1.1 {status} Reason", f"content-length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body
