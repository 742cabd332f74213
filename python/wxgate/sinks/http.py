"""Destinations over HTTP: CloudEvents, structured, one POST a message."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import ConnectError, ConnectTimeoutError, RequestError

from wxgate.errors import SinkRefusedError, SinkRetryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyreqwest.response import Response

_CONNECT = timedelta(seconds=1)
_IDLE = timedelta(seconds=4)
"""Shorter than the idle limit of common servers (5 s), so that a pooled connection is alive."""
_MAX_ANSWER = 256 * 1024
_TAKEN = range(200, 300)
_NO_USE_IN_REPEATING = {400, 401, 403, 404, 405, 410, 413, 415, 422}


class HttpSink:
    """The nodes of one upstream, or one address."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout: float = 5.0,
        concurrency: int = 256,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Connect lazily; ``timeout`` (s) bounds one exchange, ``concurrency`` their number."""
        self._urls = tuple(urls)
        self._slots = asyncio.Semaphore(concurrency)
        builder = (
            ClientBuilder()
            .timeout(timedelta(seconds=timeout))
            .connect_timeout(_CONNECT)
            .pool_idle_timeout(_IDLE)
            .pool_max_idle_per_host(concurrency)
            .follow_redirects(enable=False)
            .no_proxy()
            .default_headers({**(headers or {}), "content-type": "application/cloudevents+json"})
        )
        self._client = builder.build()

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Post to the chosen node; if nothing listens there, to the next in line."""
        async with self._slots:
            for node in nodes or (0,):
                with contextlib.suppress(ConnectError, ConnectTimeoutError):
                    return await self._post(self._urls[node], event)
            reason = f"{', '.join(self._urls)}: cannot connect"
            raise SinkRetryError(reason)

    async def _post(self, url: str, event: bytes) -> bytes:
        try:
            request = self._client.post(url).body_bytes(event).build_streamed()
            async with request as response:
                return _answer(url, response.status, await _body(response))
        except (ConnectError, ConnectTimeoutError):
            raise
        except RequestError as error:
            reason = f"{url}: {type(error).__name__}"
            raise SinkRetryError(reason) from error

    async def aclose(self) -> None:
        """Close the pool."""
        await self._client.close()


async def _body(response: Response) -> bytes:
    """Read the answer as it comes, so that no service can fill the memory."""
    body = b""
    while chunk := await response.body_reader.read(_MAX_ANSWER):
        body += bytes(chunk)
        if len(body) > _MAX_ANSWER:
            reason = f"an answer of more than {_MAX_ANSWER} bytes is no reply"
            raise SinkRefusedError(reason)
    return body


def _answer(url: str, status: int, body: bytes) -> bytes:
    if status in _TAKEN:
        return body
    reason = f"{url}: HTTP {status}"
    if status in _NO_USE_IN_REPEATING:
        raise SinkRefusedError(reason)
    raise SinkRetryError(reason)
