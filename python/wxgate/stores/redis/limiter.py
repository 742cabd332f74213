"""A rate limit that programs on several machines keep together: for what they send, or sign."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from wxcore import Limiter, Limits

from wxgate.redis.place import Place
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.stores.redis.call import SCRIPT, Frame
from wxgate.stores.redis.exchange import Asked, Exchange
from wxgate.stores.redis.recovery import Recovery
from wxgate.stores.redis.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wxcore._wxcore import Received

    from wxgate.redis.session import Session
    from wxgate.stores import Denied, Held
    from wxgate.stores.redis.call import Note

_LOG = logging.getLogger("wxgate.limits")
_START_WITHIN_S = 1.0
_LEASE_MS = 4000
"""Longer than a call is sent again after a lost connection: it counts once all the same."""
_KEYS = 100_000
"""That this node remembers by itself; further ones share a place."""
_NEW = ord("n")


class SharedLimiter:
    """``burst`` at once, then ``rate`` (``"5/s"``, ``"100/min"``), for all who give it this name.

    As exact as the limits of messages, by the server's clock and in the same script; what is asked
    in one tick goes in one call. While the server is slow or gone, each of ``nodes`` keeps to its
    part. Use it as an async context manager.
    """

    def __init__(
        self, redis: Redis | str, name: str, rate: str, burst: int = 1, *, nodes: int = 1
    ) -> None:
        """Not in use yet; ``redis`` is an address, or as ``[state.redis]`` has it.

        Raises ``ValueError`` for what is no address, rate or burst; ``OSError`` for the CA file.
        """
        settings = Redis(url=RedisUrl.parse(redis)) if isinstance(redis, str) else redis
        Limiter(rate, burst)  # (raises)
        self._name, self._burst, self._interval = name, burst, _interval(rate)
        self._node = _Node(settings, name, nodes)

    @property
    def is_shared(self) -> bool:
        """Whether the server counts; else this program counts for itself."""
        return self._node.exchange.in_use

    async def acquire(self, key: str, cost: int = 1) -> int:
        """Let ``cost`` of ``key`` pass, all or none: 0, or the µs after which they would.

        Raises ``ValueError`` if they never would: no more than the burst pass at once.
        """
        if not 1 <= cost <= self._burst:
            problem = f"cost: {cost} would never pass; from 1 to the burst, {self._burst}"
            raise ValueError(problem)
        # Several are one that takes as much longer, and may be as much less ahead.
        interval, tolerance = self._interval * cost, self._interval * (self._burst - cost)
        counted = b"%b\0%b" % (self._name.encode(), key.encode())
        call = _Call(os.urandom(12), (counted,), b"%d %d 0 " % (interval, tolerance))
        held = await self._node.ask(call)
        return held[1] if isinstance(held, tuple) else 0

    async def __aenter__(self) -> Self:
        """Start, and wait a moment for the server; without it, go on."""
        await self._node.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self._node.close()
        # One turn of the loop, in which the connection is closed for good.
        await asyncio.sleep(0)


class _Call(NamedTuple):
    """What the exchange asks of a message: a claim that nobody else makes, and its limit."""

    claim_key: bytes
    limit_keys: tuple[bytes, ...]
    limit_terms: bytes


class _Nothing:
    """What a server has to be told of calls that have passed."""

    def __len__(self) -> int:
        return 0

    def done(self, part: int, parts: int) -> list[tuple[bytes, int, bytes]]:
        del part, parts
        return []


class _Node:
    """The connection, and what this program counts by itself: what the exchange works for."""

    def __init__(self, settings: Redis, name: str, nodes: int) -> None:
        self.local = _Nothing()
        self.limits = Limits(_KEYS, nodes)
        self._name = name
        # Apart from messages: an epoch and a clock of its own, in the same slot.
        prefix = b"{%b}:o" % settings.prefix.encode()
        frame = Frame(prefix, os.urandom(8), _LEASE_MS)
        place, tally = Place(settings, prefix + b"e", SCRIPT), Tally()
        self.exchange = Exchange(frame, place, self, tally, settings.budget)
        self._recovery = Recovery(frame, place, self.exchange, self, tally)
        self._closing = False

    async def open(self) -> None:
        self._recovery.start()
        await asyncio.wait({self._recovery.tried}, timeout=_START_WITHIN_S)
        if not self.exchange.in_use:
            _LOG.warning("limiter %s: this node's part: %s", self._name, self._recovery.reason)

    def close(self) -> None:
        self._closing = True
        self._recovery.stop()
        self.exchange.close()

    async def ask(self, call: _Call) -> Held | Denied:
        if self.exchange.in_use:
            asked = Asked(asyncio.get_running_loop())
            self.exchange.ask(cast("Received", call), asked)
            return await asked.future
        return self.alone(call)

    def verdict(
        self, call: _Call | Received, letter: int, more: bytes, full: Denied | None
    ) -> Held | Denied:
        if letter == _NEW:
            # Counted along, for when nobody can be asked.
            self.alone(call, full)
            return True
        return 0, int(more.partition(b":")[2])

    def alone(self, call: _Call | Received, full: Denied | None = None) -> Held | Denied:
        del full
        interval, tolerance, rule = map(int, call.limit_terms.split())
        row = (call.limit_keys[0], interval, tolerance, rule)
        return self.limits.acquire([row], time.monotonic_ns() // 1000) or True

    def unheard(self, call: _Call | Received, full: Denied | None) -> None:
        """Nobody waits any more: what was counted stays counted."""

    def unfinished(self) -> list[Note]:
        return []

    def failed(self, reason: str, notes: Iterable[Note]) -> None:
        del notes
        if not self._closing:
            _LOG.warning("limiter %s: this node's part from now on: %s", self._name, reason)
            self._recovery.start(reason)

    def recovered(self, session: Session) -> None:
        _LOG.info("limiter %s: shared in %s", self._name, session.about.name)


def _interval(rate: str) -> int:
    """Whole microseconds from one to the next: what the second of two is told to wait."""
    limiter = Limiter(rate)
    limiter.acquire("", 0)
    return limiter.acquire("", 0)
