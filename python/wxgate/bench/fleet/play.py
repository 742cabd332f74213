"""Play fleets of so many nodes: what each knows alone, and all together."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import msgspec
import uvloop
from wxcore._wxcore import Claims

from wxgate.bench.fleet import passing, tries
from wxgate.bench.fleet.passing import Passed
from wxgate.bench.fleet.ring import Ring, keys, lay
from wxgate.bench.fleet.tries import Known
from wxgate.bench.fleet.weight import claim_bytes
from wxgate.settings.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxgate.bench.fleet.passing import Arrivals
    from wxgate.bench.fleet.tries import Deal

SIZES = (10, 100, 1000)
"""Nodes of the fleets that are played."""
_KEYS = 400_000
_MILLISECONDS = 100
_SECONDS, _FEWEST_SECONDS = 5.0, 2.0
"""Of the clock of limits: a burst has to be used up before a rate shows."""
_CLAIMS = 1_000_000


class Fleet(msgspec.Struct, frozen=True):
    """What came of one size."""

    nodes: int
    ring: Ring
    known: Known
    passed: Passed
    late: int | None = None
    """Messages that nodes decided on by themselves, since the Redis had not answered in time."""
    apart: int | None = None
    """The same, since it was not in use. Both are None if it was not played."""


class Fleets(msgspec.Struct, frozen=True):
    """What came of all."""

    fleets: list[Fleet]
    claim_bytes: float
    """Memory of one claim in a node."""
    seconds: float


def play(
    sizes: Sequence[int] = SIZES,
    *,
    scale: float = 1.0,
    redis: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Fleets:
    """Play fleets of so many nodes; a ``scale`` below 1 sends fewer keys and messages.

    Without the address of a Redis what nodes have in common there is not played. Raises
    ``ValueError`` for what is no server's address, ``StoreError`` or ``redis.RedisError`` if it
    cannot be used.
    """
    began = time.perf_counter()
    fleets = []
    for nodes in sizes:
        say(f"{nodes:,} nodes")
        fleets.append(uvloop.run(_fleet(nodes, scale, redis)))
    weight = claim_bytes(_CLAIMS)
    return Fleets(fleets, weight, time.perf_counter() - began)


async def _fleet(nodes: int, scale: float, redis: str | None) -> Fleet:
    chance = random.Random(nodes)  # noqa: S311 (a run that can be repeated)
    ring = lay(nodes, keys(int(_KEYS * scale), chance))
    messages = int(tries.A_MILLISECOND * _MILLISECONDS * scale)
    dealt = tries.deal(nodes, messages, chance)
    over, under = (
        passing.arrivals(nodes, max(_FEWEST_SECONDS, _SECONDS * scale), times, chance)
        for times in (passing.OVER, passing.UNDER)
    )
    alone = await tries.send(_alone(nodes), dealt)
    repeats = sum(map(len, dealt)) - messages
    known = Known(messages, repeats, tries.elsewhere(dealt), repeats - alone.twice)
    passed = Passed(passing.in_parts(nodes, over), passing.in_parts(nodes, under))
    fleet = Fleet(nodes, ring, known, passed)
    return fleet if redis is None else await _shared(fleet, redis, dealt, (over, under))


def _alone(nodes: int) -> list[Claims]:
    state, now = State(), time.time_ns() // 1_000_000
    return [Claims(state.max_claims, state.max_answers, now) for _ in range(nodes)]


async def _shared(
    fleet: Fleet, redis: str, dealt: Deal, coming: tuple[Arrivals, Arrivals]
) -> Fleet:
    """Play the same once more, with nodes that share a Redis."""
    # Imported here: who has none needs no client.
    from wxgate.bench.fleet.gateways import standing  # noqa: PLC0415

    async with standing(fleet.nodes, redis) as nodes:
        taken = await tries.send(nodes.claims, dealt)
        over = await passing.together(nodes, coming[0], "over")
        under = await passing.together(nodes, coming[1], "under")
        late, apart = nodes.late, nodes.alone
    passed = msgspec.structs.replace(fleet.passed, shared_over=over, shared_under=under)
    known = tries.together(fleet.known, taken)
    return msgspec.structs.replace(fleet, known=known, passed=passed, late=late, apart=apart)
