"""Whether something may pass, key by key; and how much passes of what the rule says.

The limiter alone, beside what teams use; an hour of a clock that is an argument; and the script in
a real server, which two clients ask at once.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from throttled import RateLimiterType, Throttled, rate_limiter, store
from wxcore import Limiter
from wxgate.redis.place import Place as Server
from wxgate.stores.redis.call import SCRIPT, Frame, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture
    from wxgate.redis.link import Link
    from wxgate.settings.redis import RedisPlace

_RATE, _BURST = 100_000, 20


def _own() -> Callable[[str], bool]:
    limiter = Limiter(f"{_RATE}/s", _BURST)
    return lambda key: limiter.acquire(key, time.monotonic_ns() // 1000) == 0


def _limits() -> Callable[[str], bool]:
    """What most projects use; its windows are not GCRA."""
    strategy = SlidingWindowCounterRateLimiter(MemoryStorage())
    item = RateLimitItemPerSecond(_RATE)
    return lambda key: strategy.hit(item, key)


def _throttled() -> Callable[[str], bool]:
    """GCRA as well."""
    quota = rate_limiter.per_sec(_RATE, burst=_BURST)
    memory = store.MemoryStore({"MAX_SIZE": 100_000})
    throttle = Throttled(using=RateLimiterType.GCRA.value, quota=quota, store=memory)
    return lambda key: not throttle.limit(key).limited


@pytest.mark.parametrize("by", ["wxcore", "limits", "throttled"])
def bench_acquire(benchmark: BenchmarkFixture, by: str) -> None:
    """One decision for one of a thousand keys, the clock included."""
    passes = {"wxcore": _own, "limits": _limits, "throttled": _throttled}[by]()
    keys = cycle([f"oABCDEFGHIJKLMNOPQRST{at:05}" for at in range(1000)])
    assert passes(next(keys))
    benchmark.group = "Limiter.acquire"
    benchmark(lambda: passes(next(keys)))


HOUR = 3600
TIMES = 3
"""How much more is asked than the rule lets pass."""
LEAST = 0.95
"""Of what the rule lets pass: intervals are whole microseconds, rounded up."""


def _tell(benchmark: BenchmarkFixture, what: str, admitted: int, allowed: float) -> None:
    """Demand that never more passes, and hardly less; note it for the page."""
    assert LEAST * allowed <= admitted <= allowed
    benchmark.extra_info |= {"limit": what, "admitted": admitted, "allowed": allowed}


@pytest.mark.parametrize(
    ("rate", "burst", "per_s"),
    [("100/min", 20, 100 / 60), ("7/s", 20, 7.0), ("100/s", 50, 100.0)],
)
def bench_an_hour(benchmark: BenchmarkFixture, rate: str, burst: int, per_s: float) -> None:
    """Three times the rate, evenly, for an hour of its own clock."""
    step = round(1e6 / (TIMES * per_s))

    def hour() -> tuple[int, float]:
        limiter = Limiter(rate, burst)
        moments = range(0, HOUR * 1_000_000, step)
        admitted = sum(limiter.acquire("oUser", now) == 0 for now in moments)
        return admitted, burst + per_s * moments[-1] / 1e6

    _tell(benchmark, f"{rate}, burst {burst}, an hour", *benchmark.pedantic(hour))


SHARED_RATE, SHARED_BURST = 1000, 50
SECONDS = 1.0
BATCH = 16


@dataclass(slots=True)
class Node:
    """One gateway's connection, and the messages that it asks for."""

    link: Link
    frame: Frame
    number: int
    asked: int = 0
    admitted: int = 0

    async def ask(self) -> None:
        """Ask for a tick's messages, all under one limit: one call of the script."""
        interval = 1_000_000 // SHARED_RATE
        terms = b"%d %d 0 " % (interval, interval * (SHARED_BURST - 1))
        keys = [b"%d:%014d" % (self.number, self.asked + at) for at in range(BATCH)]
        self.asked += BATCH
        written = self.frame.write([], [(key, (b"oUser",), terms) for key in keys])
        answer = asyncio.get_running_loop().create_future()
        self.link.send(SCRIPT.whole(written), answer.set_result)
        told = read(await answer, BATCH)
        assert told is not None
        self.admitted += told[1].count(b"n")


async def _clock(link: Link) -> float:
    """The server's own, by which it counts."""
    seconds, micros = await link.ask(b"TIME")  # type: ignore[misc]
    return int(seconds) + int(micros) / 1e6


async def _both(settings: RedisPlace) -> tuple[int, float]:
    """Ask from two nodes at once; what passed, and what the rule lets pass in that time."""
    prefix = b"{wx}:"
    sessions = [await Server(settings, prefix + b"e").open() for _ in range(2)]
    links = [session.link for session in sessions]
    await links[0].ask(b"FLUSHALL")
    nodes = [Node(link, Frame(prefix, b"%d" % at, 4000), at) for at, link in enumerate(links)]
    start = await _clock(links[0])

    async def on(node: Node) -> None:
        while await _clock(node.link) < start + SECONDS:
            await node.ask()

    await asyncio.gather(*(on(node) for node in nodes))
    took = await _clock(links[0]) - start
    for link in links:
        link.close()
    assert all(node.asked > TIMES * node.admitted for node in nodes)
    return sum(node.admitted for node in nodes), SHARED_BURST + SHARED_RATE * took


def bench_two_nodes(benchmark: BenchmarkFixture, place: RedisPlace) -> None:
    """One user's messages reach two gateways, which share a server."""
    what = f"{SHARED_RATE}/s, burst {SHARED_BURST}, two nodes and a Redis"
    _tell(benchmark, what, *benchmark.pedantic(lambda: asyncio.run(_both(place))))
