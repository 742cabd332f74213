"""Destinations over HTTP: CloudEvents, structured, one POST a message or a batch."""

from __future__ import annotations

import asyncio
import random
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from wxgate.errors import SinkError, SinkGoneError, SinkRefusedError, SinkRetryError
from wxgate.sinks.checks import Checks
from wxgate.sinks.connection import ExchangeError, StaleConnectionError
from wxgate.sinks.fleet import Fleet
from wxgate.sinks.health import Policy
from wxgate.sinks.origin import Address, field
from wxgate.sinks.pool import ConnectError, Pool, tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wxgate.sinks.answer import Answer
    from wxgate.sinks.checks import Schedule

_TAKEN = range(200, 300)
_GONE = 410
_FAILED = 500
"""From here on a status says that the node is not well."""
REACHED = 4
"""Nodes that one try seeks a connection to, at most."""
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
    A node that cannot be connected to is passed over at once, for nothing was sent to it.
    Redirects are not followed, and no proxy is asked for.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout: float = 5.0,
        concurrency: int = 256,
        headers: Mapping[str, str] | None = None,
        fleet: Fleet | None = None,
        checks: Schedule | None = None,
    ) -> None:
        """Connect lazily; ``timeout`` (s) bounds one exchange, ``concurrency`` their number.

        ``fleet`` chooses among the nodes, in the order of ``urls``. Raises ``ValueError`` for an
        address or a header that cannot be sent.
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
        self._fleet = fleet or _alike([address.shown for address in addresses])
        self._checks = None
        if checks is not None:
            places = [(node.address, node.pool) for node in self._nodes]
            self._checks = Checks(places, checks, self._fleet.checked, random.random)

    def start(self) -> None:
        """Begin to ask nodes how they are, if that is wanted; inside the event loop."""
        if self._checks is not None:
            self._checks.start()

    @property
    def fleet(self) -> Fleet:
        """The nodes, and how they stand."""
        return self._fleet

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
        if self._checks is not None:
            await self._checks.aclose()
        for node in self._nodes:
            await node.pool.aclose()

    async def _hand_over(self, body: bytes, nodes: Sequence[int], *, batch: bool) -> bytes:
        unreachable: list[str] = []
        tried: list[int] = []
        await self._slots.acquire()
        try:
            while len(tried) < REACHED and (at := self._fleet.choose(nodes, tried)) is not None:
                node = self._nodes[at]
                head = node.batch if batch else node.event
                try:
                    return await self._send(at, b"%b%d\r\n\r\n%b" % (head, len(body), body))
                except ConnectError as error:
                    unreachable.append(f"{node.address.shown}: {error}")
                    tried.append(at)
        finally:
            self._slots.release()
        raise SinkRetryError("; ".join(unreachable) or "no node is left to try")

    async def _send(self, at: int, request: bytes) -> bytes:
        node, fleet = self._nodes[at], self._fleet
        well: bool | None = None
        fleet.begin(at)
        try:
            answer = await self._post(node.pool, request)
            well = answer.status < _FAILED
        except ConnectError:
            well = False
            raise
        except ExchangeError as error:
            well = False
            reason = f"{node.address.shown}: {error}"
            raise SinkRetryError(reason, node=at) from error
        finally:
            fleet.end(at, well=well)
        if answer.status in _TAKEN:
            return answer.body
        raise _not_taken(node.address, at, answer)

    async def _post(self, pool: Pool, request: bytes) -> Answer:
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            return await pool.exchange(request, deadline)
        except StaleConnectionError:
            return await pool.exchange(request, deadline, fresh=True)


def _alike(names: Sequence[str]) -> Fleet:
    weights = [1.0] * len(names)
    return Fleet(names, weights, Policy(), None, time.monotonic, random.random)


def _head(address: Address, fields: str, media_type: str) -> bytes:
    lines = (
        f"POST {address.target} HTTP/1.1\r\n",
        field("host", address.authority),
        field("content-type", media_type),
        fields,
        "content-length: ",
    )
    return "".join(lines).encode("latin-1")


def _not_taken(address: Address, at: int, answer: Answer) -> SinkError:
    reason = f"{address.shown}: HTTP {answer.status}"
    if answer.status in _LATER:
        after = _seconds(answer.retry_after)
        # Who says when to come back means itself; another node is asked where this one is ill.
        elsewhere = after is None and answer.status >= _FAILED
        return SinkRetryError(reason, after, at if elsewhere else None)
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
