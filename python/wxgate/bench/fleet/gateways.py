"""What the nodes of a fleet have for claims and limits: as gateways have it, all on one Redis."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import msgspec
from wxcore._wxcore import Claims
from wxcore._wxcore import Limits as OwnLimits

from wxgate import descriptors
from wxgate.bench import leftovers
from wxgate.errors import StoreError
from wxgate.limits import Limits
from wxgate.metrics import Counters, Layout
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.settings.state import State
from wxgate.stores.redis.claims import RedisClaims
from wxgate.work.connect import close, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from wxgate.work.connect import Client

_BUDGET_S = 1.0
"""Not 20 ms: what keeps one of these nodes is that all others have the same processor."""
_AT_ONCE = 50
"""Nodes that connect together."""
_PATIENT_S = 30.0
_OTHERS = 100
"""Descriptors of this process beside the nodes' connections."""
_FIRST = 10**12
"""More than a fleet is sent by numbers of its own."""
_US = 1_000_000


@dataclass(slots=True)
class Fleet:
    """Its nodes' claims, with their limits behind them, and the clock by which all count."""

    claims: list[RedisClaims]
    clock: Clock
    numbers: Iterator[int] = field(default_factory=lambda: count(_FIRST))
    """Of messages, each once."""

    @property
    def late(self) -> int:
        """Messages that a node decided on because no answer came in time."""
        return sum(one.tally.late for one in self.claims)

    @property
    def alone(self) -> int:
        """Messages that a node decided on because the store was not in use."""
        return sum(one.tally.decided_alone for one in self.claims)


class Clock:
    """The clock of limits in a Redis: the server's own, and how far the store is ahead of it.

    The store keeps that in a key, so as never to go back after a failover. There it can be moved on
    without waiting.
    """

    def __init__(self, client: Client, prefix: str) -> None:
        """Of gateways with this prefix, while nothing is asked of them."""
        self._client = client
        self._key = f"{{{prefix}}}:t"

    async def now(self) -> int:
        """Microseconds."""
        return await self._server() + (await self._kept())[1]

    async def reach(self, us: int) -> None:
        """Move it on to a time, unless it has come there by itself."""
        last, ahead = await self._kept()
        missing = us - ahead - await self._server()
        if missing > 0:
            await self._client.set(self._key, f"{last} {ahead + missing}")

    async def _server(self) -> int:
        seconds, microseconds = await self._client.time()
        return int(seconds) * _US + int(microseconds)

    async def _kept(self) -> tuple[int, int]:
        """What the store saw last, and how far it is ahead."""
        kept = await self._client.get(self._key)
        last, ahead = map(int, kept.split()) if kept else (0, 0)
        return last, ahead


@asynccontextmanager
async def standing(nodes: int, url: str) -> AsyncIterator[Fleet]:
    """Start so many nodes; leave nothing in Redis.

    Raises ``ValueError`` for what is no server's address, ``StoreError`` or ``redis.RedisError`` if
    it cannot be used.
    """
    descriptors.raised(nodes + _OTHERS)
    settings = Redis(url=_one(url), prefix=f"wxfleet-{secrets.token_hex(4)}", budget=_BUDGET_S)
    client = connect(settings, _PATIENT_S)
    try:
        await client.ping()
        async with _open(settings, nodes) as claims:
            yield Fleet(claims, Clock(client, settings.prefix))
        await leftovers.remove(client, settings.prefix)
    finally:
        await close(client)


def _one(url: str) -> RedisUrl:
    """Whose clock can be asked, and moved."""
    parsed = RedisUrl.parse(url)
    if parsed.layout != "one":
        reason = "one server is asked, redis://HOST:PORT/0 or unix:///PATH"
        raise ValueError(reason)
    return parsed


@asynccontextmanager
async def _open(settings: Redis, nodes: int) -> AsyncIterator[list[RedisClaims]]:
    claims = [_node(settings, nodes) for _ in range(nodes)]
    try:
        for at in range(0, nodes, _AT_ONCE):
            await asyncio.gather(*(one.open() for one in claims[at : at + _AT_ONCE]))
        for one in claims:
            if not one.is_shared:
                raise StoreError(str(one.report()["reason"]))
        yield claims
    finally:
        for one in claims:
            await one.aclose()


def _node(settings: Redis, nodes: int) -> RedisClaims:
    """As ``stores.choice`` does."""
    state = msgspec.structs.replace(State(), nodes=nodes)
    own = Claims(state.max_claims, state.max_answers, time.time_ns() // 1_000_000)
    limits = OwnLimits(state.max_limits, state.parts)
    return RedisClaims(settings, own, Limits((), (), limits, Counters(Layout((), (), 1))))
