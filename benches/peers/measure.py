"""A pair: wxgate and another take turns, at full speed and at the same load."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from check import check
from wechat import AES_KEY, APPID, TOKEN
from world import started
from wxgate.bench import usage
from wxgate.bench.parts import Part, Played
from wxgate.bench.plan import Leg, Run, play

if TYPE_CHECKING:
    from contender import Contender
    from servers.server import Server
    from world import Running
    from wxgate.bench.plan import Seen

CONNECTIONS = 64
_SHOP = Played(name="shop", style="official_xml", receiver=APPID, token=TOKEN, aes_key=AES_KEY)
_TEXTS = [Part("shop", "text", 1.0)]
_MORE = 1.5
"""Times what it takes: each connection has its next message at once, and refusals stay bounded."""
_EPOCHS = itertools.count(int(time.time()))
"""Ids count from here: no two runs have a message in common."""
_HALF = 2
_AT_FIRST = 2000.0
"""Messages a second, which is warmed up from."""
_ROUGHLY = 300
"""Messages that tell how many make a round."""
_WARMING = 8
"""Runs before the rounds, at most; fewer when two are hardly faster than the one before them."""
_LOOK_BACK = 3
_FASTER = 1.1
_PATIENCE = 60.0
_AGAIN = 0.5
"""Seconds after which a message that was refused with 5xx is sent again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a pair is measured."""

    rounds: int
    seconds: float
    """Of a round at full speed, about, and of one at the same load."""
    load: int | None = None
    """Messages a second that both are given; half of what the slower of them takes otherwise."""


@dataclass(slots=True)
class Side:
    """What was seen of one contender: a value for each round."""

    start: float
    """Milliseconds to the first acknowledged message."""
    versions: dict[str, str]
    let_in: list[str]
    """Forged calls that it took for genuine."""
    cpu: list[float] = field(default_factory=list)
    """Microseconds of its processes a message, at full speed."""
    rate: list[float] = field(default_factory=list)
    """Messages a second, at full speed."""
    valkey: list[float] = field(default_factory=list)
    """Microseconds of the server a message, at full speed."""
    loaded: list[float] = field(default_factory=list)
    """Microseconds of its processes a message, at the pair's load."""
    p50: list[float] = field(default_factory=list)
    """Milliseconds from the intended time of sending, at the pair's load."""
    p99: list[float] = field(default_factory=list)
    refused: int = 0
    """Calls that it refused for want of capacity; each was sent again, and is in the costs."""
    lost: int = 0
    """Messages that it acknowledged and that never arrived."""
    late: float = 0.0
    """Largest share of messages for which the player was late, at the pair's load."""
    memory: float = 0.0
    """MB of all its processes, at the end."""


def pair(ours: Contender, other: Contender, server: Server, plan: Plan) -> dict[str, Any]:
    """Check both and measure them. Raises ``AbsentError``, or ``AssertionError`` for wrong work."""
    server.say("FLUSHALL")
    with started(ours, server, 0) as one, started(other, server, 1) as two:
        both = (one, two)
        sides = {id(each): Side(each.start, each.versions, check(each)) for each in both}
        for each in both:
            each.capacity = _capacity(each, plan)
        half = max(1, round(min(each.capacity for each in both) / _HALF))
        rate = plan.load or half
        for turn in range(plan.rounds):
            # Each goes first as often as the other: whatever drifts, drifts for both.
            order = both if turn % 2 == 0 else both[::-1]
            for each in order:
                _full(each, server, sides[id(each)], plan)
            for each in order:
                _loaded(each, sides[id(each)], rate, plan)
        for each in both:
            sides[id(each)].memory, sides[id(each)].lost = each.memory(), each.lost
    seen = {"wxgate": asdict(sides[id(one)]), "other": asdict(sides[id(two)])}
    return {"name": other.name, "role": other.role, "load": rate, **seen}


def _capacity(running: Running, plan: Plan) -> float:
    """Messages a second at full speed, roughly, once it has warmed up: compilers take a while."""
    rates, count = [_AT_FIRST], min(_ROUGHLY, int(_AT_FIRST * plan.seconds))
    while len(rates) <= _WARMING:
        seen = _send(running, count, _MORE * rates[-1], CONNECTIONS)
        rates.append(seen.counts.acknowledged / seen.seconds)
        count = max(1, int(rates[-1] * plan.seconds))
        if len(rates) > _LOOK_BACK and max(rates[-2:]) < _FASTER * rates[-_LOOK_BACK]:
            break
    return rates[-1]


def _full(running: Running, server: Server, side: Side, plan: Plan) -> None:
    count = max(1, int(running.capacity * plan.seconds))
    cpu, valkey = running.cpu, usage.cpu_seconds(server.pid)
    seen = _send(running, count, _MORE * running.capacity, CONNECTIONS)
    taken = seen.counts.acknowledged
    side.cpu.append((running.cpu - cpu) / taken * 1e6)
    side.valkey.append((usage.cpu_seconds(server.pid) - valkey) / taken * 1e6)
    side.rate.append(taken / seen.seconds)
    running.capacity = max(running.capacity, side.rate[-1])
    side.refused += seen.counts.refused + seen.counts.broken


def _loaded(running: Running, side: Side, rate: int, plan: Plan) -> None:
    count = max(1, int(rate * plan.seconds))
    cpu = running.cpu
    seen = _send(running, count, rate, 4 * CONNECTIONS)
    side.loaded.append((running.cpu - cpu) / seen.counts.acknowledged * 1e6)
    assert seen.latency is not None
    side.p50.append(seen.latency.p50)
    side.p99.append(seen.latency.p99)
    side.refused += seen.counts.refused + seen.counts.broken
    side.late = max(side.late, seen.slip.share)


def _send(running: Running, count: int, rate: float, connections: int) -> Seen:
    """Send so many messages; returns once all that were taken have arrived where they are to go.

    Whoever is overrun may refuse. wxgate may lose none: that raises ``AssertionError``.
    """
    run = Run(
        address=f"127.0.0.1:{running.port}",
        accounts=[_SHOP],
        mix=_TEXTS,
        legs=[Leg(count / rate + 1.0, rate)],
        messages=count,
        connections=connections,
        patience=_PATIENCE,
        retry_after=_AGAIN,
        epoch=next(_EPOCHS),
        seed=count,
    )
    seen = play(run)
    counts = seen.counts
    assert counts.acknowledged > 0, f"{running.contender.name}: {counts}"
    running.sent += counts.acknowledged
    if running.contender.role != "limit":
        _far_end(running)
    return seen


def _far_end(running: Running) -> None:
    if running.contender.role == "wxgate":
        running.arrived()
        return
    found = running.settled()
    running.lost += running.sent - found
    running.sent = found
