"""Messages under one limit to any node of a fleet, more and fewer than it allows: what passes.

The clocks of limits are moved, not waited for: messages come at random times at the rate that is
said, however long it takes to play them.
"""

from __future__ import annotations

import time
from asyncio import Future
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec
from wxcore._wxcore import Limits

from wxgate.testing import Rule, limited

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from wxcore._wxcore import Received

    from wxgate.bench.fleet.gateways import Fleet
    from wxgate.stores import Denied, Held
    from wxgate.stores.redis.claims import RedisClaims

    Arrivals = list[tuple[int, int]]
    """When messages come (µs), and to which node."""

RATE, BURST = 1000, 1000
"""Of the limit: messages a second, and at once."""
_RULE = Rule("one", f"{RATE}/s", BURST)
OVER, UNDER = 2.0, 0.8
"""What comes, over what the limit lets pass."""
_STEP_US = 20_000
"""What comes within so long is under way at once."""
_KEYS = 1000
_US = 1_000_000


class Passed(msgspec.Struct, frozen=True):
    """What passes a limit, over burst and rate times the time, or over what comes if that is less.

    *Over* is twice what the limit lets pass, *under* four fifths of it.
    """

    parts_over: float
    """Each node keeps to its part by itself."""
    parts_under: float
    shared_over: float | None = None
    """The nodes count together in a Redis; None if that was not played."""
    shared_under: float | None = None


def arrivals(nodes: int, seconds: float, times: float, chance: random.Random) -> Arrivals:
    """Say when messages come, and to which node."""
    return list(_arrivals(nodes, seconds, times, chance))


def _arrivals(
    nodes: int, seconds: float, times: float, chance: random.Random
) -> Iterator[tuple[int, int]]:
    now = 0.0
    while (now := now + chance.expovariate(RATE * times)) < seconds:
        yield round(now * _US), chance.randrange(nodes)


def in_parts(nodes: int, coming: Arrivals) -> float:
    """What passes where each node keeps to its part."""
    tables = [Limits(_KEYS, nodes) for _ in range(nodes)]
    one = limited(1, _RULE)
    passed = sum(tables[node].admit(one, at) is None for at, node in coming)
    return _share(passed, coming, coming[-1][0])


async def together(fleet: Fleet, coming: Arrivals, user: str) -> float:
    """What passes where the nodes count together, by the store's own clock."""
    began, passed = await fleet.clock.now(), 0
    for step, some in groupby(coming, key=lambda one: one[0] // _STEP_US):
        await fleet.clock.reach(began + step * _STEP_US)
        passed += await _passed(fleet, (node for _, node in some), user)
    return _share(passed, coming, await fleet.clock.now() - began)


async def _passed(fleet: Fleet, nodes: Iterable[int], user: str) -> int:
    now, asked = time.time_ns() // 1_000_000, []
    for node in nodes:
        claims, message = fleet.claims[node], limited(next(fleet.numbers), _RULE, user=user)
        asked.append((claims, message, claims.claim(message, now)))
    return sum([await _passes(claims, message, held) for claims, message, held in asked])


async def _passes(
    claims: RedisClaims, message: Received, held: Held | Future[Held | Denied]
) -> bool:
    """Whether a new message passes; what is claimed at once has met no limit yet."""
    if isinstance(held, Future):
        return await held is True
    return claims.limits is None or claims.limits.admit(message) is None


def _share(passed: int, coming: Arrivals, us: int) -> float:
    return passed / min(len(coming), BURST + RATE * us / _US)
