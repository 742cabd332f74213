"""Calls over HTTP, as WeChat makes them: five seconds, no redirects, no proxy."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import RequestError

from wxgate.errors import WxGateError
from wxgate.sim.call import Answer

if TYPE_CHECKING:
    from wxgate.sim.call import Call

_PATIENCE = timedelta(seconds=5)


class UnansweredError(WxGateError):
    """Nobody answered in time; the text says what went wrong."""


class Wire:
    """Connections to one gateway."""

    def __init__(self, base: str) -> None:
        """Connect lazily to `base`, such as `http://127.0.0.1:8080`."""
        self._base = base.rstrip("/")
        builder = ClientBuilder().timeout(_PATIENCE).follow_redirects(False).no_proxy()
        self._client = builder.build()

    async def exchange(self, call: Call) -> Answer:
        """Make a call and wait for its answer. Raises `UnansweredError`."""
        request = self._client.request(call.method, f"{self._base}{call.target}")
        request = request.headers(list(call.headers))
        if call.method == "POST":
            request = request.body_bytes(call.body)
        started = time.perf_counter()
        try:
            response = await request.build().send()
            body = bytes(await response.bytes())
        except RequestError as error:
            raise UnansweredError(_cause(error)) from error
        return Answer(response.status, body, time.perf_counter() - started)

    async def __aenter__(self) -> Self:
        """Use it for a while."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._client.close()


def _cause(error: RequestError) -> str:
    """The innermost reason, which is the system's own."""
    causes = (error.details or {}).get("causes") or []
    return str(causes[-1]["message"]) if causes else type(error).__name__
