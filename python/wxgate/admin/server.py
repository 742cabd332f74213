"""A listener that answers GET and nothing else, so that it stays small enough to be right."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from wxgate.admin.pages import NOT_FOUND, Page, page

if TYPE_CHECKING:
    import socket

    from wxgate.admin.status import Status
    from wxgate.metrics import Counters

_MAX_HEAD = 8 * 1024
_PATIENCE = 5.0
_REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


class Admin:
    """Serves the pages of one worker; all workers listen on one socket."""

    def __init__(self, status: Status, counters: Counters) -> None:
        """Show this worker's state and the counters of all."""
        self._status = status
        self._counters = counters
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, listener: socket.socket, status: Status, counters: Counters) -> Admin:
        """Start to listen."""
        admin = cls(status, counters)
        admin._server = await asyncio.start_server(admin._answer, sock=listener, limit=_MAX_HEAD)
        return admin

    async def aclose(self) -> None:
        """Stop to listen."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, answer it, close."""
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(self._page(head)))
                await writer.drain()
        writer.close()

    def _page(self, head: bytes) -> Page:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or words[0] != b"GET":  # noqa: PLR2004 (method, target, version)
            return NOT_FOUND
        target = words[1].decode("latin-1").partition("?")[0]
        return page(target, self._status, self._counters)


def _response(answer: Page) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n"
        f"content-type: {answer.content_type}\r\n"
        f"content-length: {len(answer.body)}\r\n"
        "cache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + answer.body
