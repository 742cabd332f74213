"""The limiter for what programs send: the law of limits, whichever machine asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wxgate.settings.problems import UnfitError
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.stores.redis.limiter import SharedLimiter

from .limit_law import Heard, laws, let_pass, never_more, never_needlessly_less, server_time
from .limit_sites import NEVER_LATE_S
from .sites import until

if TYPE_CHECKING:
    from servers.cluster import Cluster
    from servers.server import Server

    from .limit_law import Law

    Ask = tuple[int, str, int]
    """A node, a key and how many at once."""
    Round = tuple[int, list[Ask]]
    """Microseconds to let pass before, and what is under way at once."""

KEYS, HOUR = "ab", 3_600_000_000
ASKS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(KEYS), st.integers(1, 12)), min_size=1, max_size=30
)
ROUNDS = st.lists(st.tuples(st.integers(0, 4_000), ASKS), min_size=1, max_size=8)


def place(url: str) -> Redis:
    """A server that no machine is too busy to wait for."""
    return Redis(url=RedisUrl.parse(url), budget=NEVER_LATE_S)


@settings(
    max_examples=60,
    # As for messages: there is nothing to shrink.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(laws(1), ROUNDS)
def test_two_programs_let_pass_what_burst_and_rate_allow(
    redis_server: Server, rules: list[Law], rounds: list[Round]
) -> None:
    """By the server's clock, in every span, whatever it costs and however calls fall together."""
    (law,) = rules

    async def run() -> list[Heard]:
        heard = []
        one = SharedLimiter(place(redis_server.url), law.name, law.rate, law.burst)
        other = SharedLimiter(place(redis_server.url), law.name, law.rate, law.burst)
        with redis_server.client() as client:
            client.flushall()
            async with one, other:
                assert one.is_shared
                assert other.is_shared
                for rest, drawn in rounds:
                    asks = [(node, key, min(cost, law.burst)) for node, key, cost in drawn]
                    before = let_pass(client, rest)
                    calls = [(one, other)[node].acquire(key, cost) for node, key, cost in asks]
                    waits = await asyncio.gather(*calls)
                    heard.append(round_of(asks, waits, before, server_time(client)))
        return heard

    heard = asyncio.run(run())
    for key in KEYS:
        never_more(law, (0, key), heard)
        never_needlessly_less(law, (0, key), heard)


def round_of(asks: list[Ask], waits: list[int], before: int, after: int) -> Heard:
    """What was heard between two times."""
    heard = Heard(before, after)
    for (_, key, cost), wait in zip(asks, waits, strict=True):
        if wait:
            heard.deny((0, key), cost)
        else:
            heard.passed[0, key] += cost
    return heard


async def passed(limiters: list[SharedLimiter], calls: int, key: str = "wx1") -> int:
    """How many of these calls pass, which reach one program after the other."""
    asked = [limiters[at % len(limiters)].acquire(key) for at in range(calls)]
    return (await asyncio.gather(*asked)).count(0)


def test_programs_count_together_under_a_name_and_a_key(redis_cluster: Cluster) -> None:
    """Other names and keys are other limits; in a Cluster as well."""

    async def run() -> None:
        where = place(redis_cluster.url)
        limiters = [SharedLimiter(where, "push", "1/h", 10) for _ in range(3)]
        other = SharedLimiter(where, "sign", "1/h", 4)
        async with limiters[0], limiters[1], limiters[2], other:
            assert await passed(limiters, 30) == 10
            assert await passed(limiters, 30, "wx2") == 10
            assert await passed([other], 30) == 4
            wait = await limiters[0].acquire("wx1", 2)
            assert HOUR < wait <= 2 * HOUR

    asyncio.run(run())


def test_on_their_own_each_keeps_to_its_part_and_then_they_count_together_again(
    own_redis: Server,
) -> None:
    """What was let pass before the server was gone is known."""

    async def run() -> None:
        limiters = [
            SharedLimiter(own_redis.url, "push", "1/h", 10, nodes=2),
            SharedLimiter(own_redis.url, "push", "1/h", 10, nodes=2),
        ]
        async with limiters[0], limiters[1]:
            await until(lambda: all(one.is_shared for one in limiters))
            first = [await one.acquire("wx1") for one in limiters]
            assert first == [0, 0]
            own_redis.kill()
            await until(lambda: not any(one.is_shared for one in limiters))
            assert await passed(limiters, 30) == 10 - 2
            own_redis.start()
            await until(lambda: all(one.is_shared for one in limiters))
            # It has forgotten all of it.
            assert await passed(limiters, 30) == 10

    asyncio.run(run())


def test_without_a_server_it_starts_all_the_same(own_redis: Server) -> None:
    """By its part."""

    async def run() -> None:
        own_redis.kill()
        async with SharedLimiter(own_redis.url, "push", "1/h", 9, nodes=3) as limiter:
            assert not limiter.is_shared
            assert await passed([limiter], 10) == 3

    asyncio.run(run())


def test_what_could_never_pass_is_an_error() -> None:
    """Also what is no rate, no burst and no address."""

    async def run() -> None:
        limiter = SharedLimiter("redis://127.0.0.1:1", "push", "5/s", 3)
        for cost in (0, -1, 4):
            with pytest.raises(ValueError, match="from 1 to the burst, 3"):
                await limiter.acquire("wx1", cost)
        for rate, burst in (("5/week", 3), ("5/s", 0)):
            with pytest.raises(ValueError, match=r"rate|burst"):
                SharedLimiter("redis://127.0.0.1:1", "push", rate, burst)
        with pytest.raises(UnfitError):
            SharedLimiter("http://127.0.0.1:1", "push", "5/s", 3)

    asyncio.run(run())
