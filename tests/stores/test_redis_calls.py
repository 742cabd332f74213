"""What a tick costs the store: one call, whatever waits in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from wxgate.stores.redis import exchange
from wxgate.testing import message
from wxgate.testing.messages import Rule, limited

from .sites import NodeLimits
from .test_redis_faults import ask, heard, node, now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servers.cluster import Cluster
    from servers.server import Server
    from wxgate.stores.redis.claims import RedisClaims

CLAIMS = 64
"""As many as a call holds; and fewer notes, or there are two."""
NOTES = range(100, 163)
EACH = Rule("each", "1/h", burst=60)
SOME = Rule("some", "1/h", burst=50)
"""Of a tick, the last messages are over this one, whatever the other says."""


@pytest.fixture(autouse=True)
def _no_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a call too."""
    monkeypatch.setattr(exchange, "_BEAT_S", 3600.0)


def calls(servers: Sequence[Server]) -> int:
    """How many calls of a script there were."""
    found = [server.say("INFO", "commandstats") for server in servers]
    return sum(int(one.get("cmdstat_evalsha", {"calls": 0})["calls"]) for one in found)


def tell(here: RedisClaims) -> None:
    """Have something of every kind to tell."""
    done, answered, pending, *given_back = (NOTES[at::4] for at in range(4))
    here.complete([message(number) for number in done], now())
    for number in answered:
        here.answer(message(number), b"answer", now())
    for number in pending:
        here.pending(message(number), now())
    for number in given_back[0]:
        here.abandon(message(number))


async def tick(url: str, servers: Sequence[Server]) -> tuple[int, list[Any], list[Any]]:
    """Tell and ask as much as fits into a call; return the calls, the verdicts, what was heard."""
    async with node(url, budget=10.0) as here:
        here.limits = NodeLimits()
        before = calls(servers)
        tell(here)
        asked: list[Any] = [
            here.claim(limited(number, EACH, SOME), now()) for number in range(CLAIMS)
        ]
        assert all(isinstance(one, asyncio.Future) for one in asked)
        verdicts = await asyncio.gather(*asked)
        await heard(here)
        count = calls(servers) - before
        assert here.tally.late == here.tally.failures == 0
        async with node(url, budget=10.0) as there:
            return count, verdicts, [await ask(there, number) for number in NOTES]


def judge(verdicts: list[Any], told: list[Any]) -> None:
    """Demand that all of it has come through."""
    assert verdicts[:50] == [True] * 50
    assert {rule for rule, _ in verdicts[50:]} == {1}
    assert told[0::4] == [b""] * len(told[0::4])
    assert told[1::4] == [b"answer"] * len(told[1::4])
    assert told[2::4] == [False] * len(told[2::4])
    assert told[3::4] == [True] * len(told[3::4])


def test_all_that_waits_in_a_tick_is_one_call(each_redis: Server) -> None:
    """Claims, what is told of other messages, and limits."""
    count, verdicts, told = asyncio.run(tick(each_redis.url, [each_redis]))
    assert count == 1
    judge(verdicts, told)


def test_it_is_one_call_in_a_cluster_too(redis_cluster: Cluster) -> None:
    """All keys have one slot: of three primaries one is asked, once."""
    nodes = redis_cluster.nodes
    count, verdicts, told = asyncio.run(tick(redis_cluster.url, nodes))
    assert count == 1
    judge(verdicts, told)
    holder = redis_cluster.holder(redis_cluster.slot("{wx}"))
    assert [one.say("DBSIZE") > 0 for one in nodes] == [one is holder for one in nodes]


def test_what_finds_no_room_in_a_call_is_one_more(redis_server: Server) -> None:
    """A script holds the server up: a call has sixty-four messages at most."""

    async def run() -> int:
        async with node(redis_server.url, budget=10.0) as here:
            before = calls([redis_server])
            asked: list[Any] = [
                here.claim(message(number), now()) for number in range(2 * CLAIMS + 1)
            ]
            assert await asyncio.gather(*asked) == [True] * len(asked)
            return calls([redis_server]) - before

    assert asyncio.run(run()) == 3
