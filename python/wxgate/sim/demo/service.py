"""The team's own service, in miniature: takes CloudEvents over HTTP and answers texts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Self

import msgspec

from wxgate.event import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    Arrived = Callable[[Event], None]

_TAKEN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


def answer(event: Event) -> dict[str, Any] | None:
    """What the service has to say: to texts something, in the shape that each kind understands."""
    kind, _, name = event.type.removeprefix("wechat.").partition(".")
    if name != "text":
        return None
    echo = f"收到: {said(event)}"
    if event.account == "bot":
        return {"msgtype": "stream", "stream": {"content": echo, "finish": True}}
    if kind == "miniprogram":
        return {"type": "transfer_customer_service"}
    return {"type": "text", "content": echo}


def said(event: Event) -> str:
    """The text of a message; a bot's stands elsewhere."""
    inner = event.data.get("text")
    return str(inner["content"]) if isinstance(inner, dict) else event.text


class Service:
    """Listens on loopback; tells `arrived` of every event, before the gateway has its answer."""

    def __init__(self, arrived: Arrived) -> None:
        """Not listening yet."""
        self._arrived = arrived
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "use it as a context"  # noqa: S101 (for mypy)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        """Start to listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, and let go of kept-alive connections."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                reply = answer(self._take(await _body(reader)))
                body = msgspec.json.encode(reply) if reply else b""
                writer.write(_TAKEN % (len(body), body))
                await writer.drain()
        self._open.discard(writer)
        writer.close()

    def _take(self, body: bytes) -> Event:
        event = Event.decode(body)
        self._arrived(event)
        return event


async def _body(reader: asyncio.StreamReader) -> bytes:
    """The next request's body; the gateway always says how long it is."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return await reader.readexactly(int(value))
    return b""
