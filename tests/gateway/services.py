"""A service of the team's own, as scripted as a test needs it, on a free port."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Request:
    """What came in."""

    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        """A header's value."""
        for line in self.head.split("\r\n")[1:]:
            known, _, value = line.partition(": ")
            if known.lower() == name:
                return value
        return None


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Scripted:
    """Answers every request with one status and body, after a delay, and while it is `ready`."""

    status: int = 200
    checked: int | None = None
    """The status of what is asked for by GET, if it is another."""
    body: bytes = b""
    delay: float = 0.0
    chunked: bool = False
    port: int = 0
    ready: asyncio.Event = field(default_factory=_open)
    got: list[Request] = field(default_factory=list)
    server: asyncio.Server | None = None
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        """Listen."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, once every answer is given or nobody wants it."""
        assert self.server is not None
        self.server.close()
        self.ready.set()
        if self.serving:
            await asyncio.wait(self.serving, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request = Request(head, b"")
            request.body = await reader.readexactly(int(request.header("content-length") or 0))
            self.got.append(request)
            await asyncio.sleep(self.delay)
            await self.ready.wait()
            writer.write(self._answer(request))
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self.serving.discard(task)

    def _answer(self, request: Request) -> bytes:
        is_check = self.checked is not None and request.head.startswith("GET ")
        status = self.checked if is_check else self.status
        head = f"HTTP/1.1 {status} X\r\nconnection: close\r\n".encode()
        if self.chunked:
            parts = b"%x\r\n%s\r\n0\r\n\r\n" % (len(self.body), self.body)
            return head + b"transfer-encoding: chunked\r\n\r\n" + parts
        return head + f"content-length: {len(self.body)}\r\n\r\n".encode() + self.body
