"""Destinations over HTTP: CloudEvents, structured, one POST a message or a batch."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from wxgate.errors import SinkError, SinkGoneError, SinkRefusedError, SinkRetryError
from wxgate.sinks.connection import ExchangeError, StaleConnectionError
from wxgate.sinks.origin import Address, field
from wxgate.sinks.pool import ConnectError, Pool, tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wxgate.sinks.answer import Answer

_TAKEN = range(200, 300)
_GONE = 410
_LATER = {408, 425, 429, *range(500, 600)}
_LONGEST = 86_400.0
"""Seconds; nobody who asks for more than a day means it."""
_SECONDS = re.compile(r"[0-9]{1,9}")


class _Node(NamedTuple):
    """Where it is, the connections to it, and what its requests begin with."""

    address: Address
    pool: Pool
    event: bytes
    """The head of a POST up to the digits of its length."""
    batch: bytes


class HttpSink:
    """The nodes of one upstream, or one address.

    Delivery is at least once, with the same ``id``. An exchange whose outcome is not known is
    reported as one to be repeated, and the sink itself repeats a POST in one case: a kept
    connection ended before the first byte of an answer. As a rule the service closed it for
    idleness before the request arrived; it may also have taken the message and died.
    Redirects are not followed, and no proxy is asked for.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout: float = 5.0,
        concurrency: int = 256,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Connect lazily; ``timeout`` (s) bounds one exchange, ``concurrency`` their number.

        Raises ``ValueError`` for an address or a header that cannot be sent.
        """
        addresses = [Address.parse(url) for url in urls]
        tls = tls_context() if any(address.origin.tls for address in addresses) else None
        fields = "".join(field(name, value) for name, value in (headers or {}).items())
        self._nodes = [
            _Node(
                address,
                Pool(address.origin, tls if address.origin.tls else None),
                _head(address, fields, "application/cloudevents+json"),
                _head(address, fields, "application/cloudevents-batch+json"),
            )
            for address in addresses
        ]
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Post to the chosen node; if it cannot be connected to, to the next in line.

        Returns what the node answers. Raises ``SinkRetryError``, ``SinkGoneError`` or
        ``SinkRefusedError``, which name the node and its status or the system's error.
        """
        return await self._hand_over(event, nodes, batch=False)

    async def deliver_batch(self, events: Sequence[bytes], nodes: Sequence[int]) -> None:
        """Post events as one JSON array, as ``deliver`` does one: all are taken, or none is."""
        await self._hand_over(b"[%b]" % b",".join(events), nodes, batch=True)

    async def aclose(self) -> None:
        """Close all connections; exchanges that are under way fail."""
        for node in self._nodes:
            await node.pool.aclose()

    async def _hand_over(self, body: bytes, nodes: Sequence[int], *, batch: bool) -> bytes:
        unreachable = []
        await self._slots.acquire()
        try:
            for at in nodes or (0,):
                node = self._nodes[at]
                head = node.batch if batch else node.event
                try:
                    return await self._post(node, b"%b%d\r\n\r\n%b" % (head, len(body), body))
                except ConnectError as error:
                    unreachable.append(f"{node.address.shown}: {error}")
        finally:
            self._slots.release()
        raise SinkRetryError("; ".join(unreachable))

    async def _post(self, node: _Node, request: bytes) -> bytes:
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            try:
                answer = await node.pool.exchange(request, deadline)
            except StaleConnectionError:
                answer = await node.pool.exchange(request, deadline, fresh=True)
        except ExchangeError as error:
            reason = f"{node.address.shown}: {error}"
            raise SinkRetryError(reason) from error
        if answer.status in _TAKEN:
            return answer.body
        raise _not_taken(node.address, answer)


def _head(address: Address, fields: str, media_type: str) -> bytes:
    lines = (
        f"POST {address.target} HTTP/1.1\r\n",
        field("host", address.authority),
        field("content-type", media_type),
        fields,
        "content-length: ",
    )
    return "".join(lines).encode("latin-1")


def _not_taken(address: Address, answer: Answer) -> SinkError:
    reason = f"{address.shown}: HTTP {answer.status}"
    if answer.status in _LATER:
        return SinkRetryError(reason, _seconds(answer.retry_after))
    return SinkGoneError(reason) if answer.status == _GONE else SinkRefusedError(reason)


def _seconds(retry_after: str | None) -> float | None:
    """Read ``Retry-After``, seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
    if retry_after is None:
        return None
    if _SECONDS.fullmatch(retry_after):
        return min(float(retry_after), _LONGEST)
    # Imported here: dates are rare, and this brings a megabyte along.
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST)
