"""Calls over HTTP, as WeChat makes them: five seconds, no redirects, no proxy."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

from wxgate.errors import WxGateError
from wxgate.sim.call import Answer
from wxgate.sinks.connection import ExchangeError
from wxgate.sinks.origin import Address, field
from wxgate.sinks.pool import ConnectError, Pool, tls_context

if TYPE_CHECKING:
    from wxgate.sim.call import Call

_PATIENCE_S = 5.0


class UnansweredError(WxGateError):
    """Nobody answered in time; the text says what went wrong."""


class Wire:
    """Connections to one gateway."""

    def __init__(self, base: str) -> None:
        """Connect lazily to `base`, such as `http://127.0.0.1:8080`."""
        self._address = Address.parse(base)
        self._prefix = self._address.target.rstrip("/")
        origin = self._address.origin
        self._pool = Pool(origin, tls_context() if origin.tls else None)

    async def exchange(self, call: Call) -> Answer:
        """Make a call and wait for its answer. Raises `UnansweredError`."""
        request = self._request(call)
        started = time.perf_counter()
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        try:
            answer = await self._pool.exchange(request, deadline)
        except (ConnectError, ExchangeError) as error:
            raise UnansweredError(str(error)) from error
        return Answer(answer.status, answer.body, time.perf_counter() - started)

    async def __aenter__(self) -> Self:
        """Use it for a while."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._pool.aclose()

    def _request(self, call: Call) -> bytes:
        lines = [
            f"{call.method} {self._prefix}{call.target} HTTP/1.1\r\n",
            field("host", self._address.authority),
            *(field(name, value) for name, value in call.headers),
        ]
        if call.method == "POST":
            lines.append(field("content-length", str(len(call.body))))
        return "".join([*lines, "\r\n"]).encode() + (call.body if call.method == "POST" else b"")
