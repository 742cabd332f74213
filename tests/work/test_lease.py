"""Who has which partition: everybody a fair share, nobody another's."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from streams.hub import ROOT, hub, messages
from wxgate.work.lease import Leases

from .team import until, until_dealt, vanish, working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servers.server import Server


@pytest.mark.parametrize(("partitions", "members"), [(1, 1), (16, 3), (16, 5), (3, 5), (8, 8)])
def test_everybody_gets_an_even_share(redis_server: Server, partitions: int, members: int) -> None:
    """Whoever has too much lets go, whoever has too little takes; then nothing moves any more."""

    async def scene() -> list[list[int]]:
        async with hub(redis_server.url, partitions=partitions) as one:
            await one.put(messages([1]))
            crowd = [Leases(one.client, ROOT, "g", f"m{n}", 60) for n in range(members)]
            have: list[list[int]] = [[] for _ in crowd]
            for _ in range(3):
                for n, each in enumerate(crowd):
                    dealt = await each.beat()
                    have[n] = dealt.mine
                    if surplus := dealt.mine[dealt.due :]:
                        have[n] = (await each.beat(surplus)).mine
            return have

    have = asyncio.run(scene())
    assert sorted(chain(*have)) == list(range(partitions))
    assert max(map(len, have)) - min(map(len, have)) <= 1


def test_two_never_have_the_same(redis_server: Server) -> None:
    """Whatever the order in which they come, go, beat and let go."""

    async def scene() -> None:
        async with hub(redis_server.url, partitions=8) as one:
            await one.put(messages([1]))
            crowd = [Leases(one.client, ROOT, "g", f"m{n}", 60) for n in range(4)]
            have: dict[int, Sequence[int]] = {}
            steps = [0, 1, 0, 1, 2, 0, 3, 1, -2, 0, 1, 3, 2, -1, 0, 3, 2, -4, 1, 0, 2]
            for step in steps:
                if step < 0:
                    await crowd[-step - 1].leave(have.pop(-step - 1, ()))
                else:
                    dealt = await crowd[step].beat()
                    have[step] = (await crowd[step].beat(dealt.mine[dealt.due :])).mine
                everything = [*chain(*have.values())]
                assert len(everything) == len(set(everything))

    asyncio.run(scene())


def test_what_the_dead_had_is_dealt_out_anew(redis_server: Server) -> None:
    """Once their leases have ended."""

    async def scene() -> list[int]:
        async with (
            hub(redis_server.url, partitions=8) as one,
            working(redis_server.url, "a") as alive,
        ):
            await one.put(messages([1]))
            async with working(redis_server.url, "b") as other:
                await until_dealt(alive, other, partitions=8)
                await vanish(other)
                await until(lambda: len(alive.partitions) == 8)
            return alive.partitions

    assert asyncio.run(scene()) == list(range(8))


def test_whoever_leaves_leaves_everything_at_once(redis_server: Server) -> None:
    """Nobody waits for the end of a lease that is given back."""

    async def scene() -> int:
        async with hub(redis_server.url, partitions=8) as one:
            await one.put(messages([1]))
            async with working(redis_server.url, "a", lease=60.0) as first:
                await until_dealt(first, partitions=8)
            async with working(redis_server.url, "b", lease=60.0) as second:
                await until_dealt(second, partitions=8)
                return len(second.partitions)

    assert asyncio.run(scene()) == 8
