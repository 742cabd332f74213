"""Whether something may pass, key by key: the limiter alone, in one process."""

from __future__ import annotations

import time
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from throttled import RateLimiterType, Throttled, rate_limiter, store
from wxcore import Limiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

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
