"""Trimming: only what every group has finished, whatever they are about."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from wxgate.streams.survey import survey

from .hub import ROOT, hub, messages

if TYPE_CHECKING:
    from servers.server import Server

PART = ROOT.partition(0)


def test_without_a_group_nothing_goes(redis_server: Server) -> None:
    """Nobody has finished what nobody has begun."""

    async def scene() -> int:
        async with hub(redis_server.url, partitions=1) as one:
            await one.put(messages(range(1, 301)))
            await one.sink.look()
            return len(await one.ids())

    assert asyncio.run(scene()) == 300


def test_what_is_finished_is_kept_for_a_while(redis_server: Server) -> None:
    """As long as ``keep`` says, for a group that comes later."""

    async def scene() -> tuple[int, int]:
        async with hub(redis_server.url, partitions=1, keep=3600) as one:
            await one.put(messages(range(1, 301)))
            await one.client.xgroup_create(PART.entries, "g", "$")
            await one.sink.look()
            kept = len(await one.ids())
            await survey(one.runner, PART, "w", 0)
            return kept, len(await one.ids())

    kept, left = asyncio.run(scene())
    assert kept == 300
    assert left < 100, "whole nodes of a stream are freed, a hundred entries or so"


@pytest.mark.parametrize("seed", range(5))
def test_nothing_unfinished_is_ever_trimmed(each_redis: Server, seed: int) -> None:
    """Two groups that read and acknowledge at random, in any order, and trimming all the while."""
    dice = random.Random(seed)  # noqa: S311 (a seed for a test)

    async def scene() -> None:
        async with hub(each_redis.url, partitions=1) as one:
            each_redis.configure(stream_node_max_entries=10)
            await one.put(messages([1]))
            unfinished: dict[str, set[bytes]] = {"a": set(), "b": set()}
            for name in unfinished:
                await one.client.xgroup_create(PART.entries, name, "0")
            seq, places = 1, set[bytes]()
            for _ in range(150):
                count = dice.randrange(5)
                await one.put(messages(range(seq + 1, seq + 1 + count)))
                seq += count
                group = dice.choice(list(unfinished))
                read: Any = await one.client.xreadgroup(
                    group, "c", {PART.entries: ">"}, count=dice.randrange(1, 12)
                )
                unfinished[group] |= {place for _, found in read for place, _ in found}
                done = [place for place in unfinished[group] if dice.random() < 0.7]
                if done:
                    await one.client.xack(PART.entries, group, *done)
                    unfinished[group].difference_update(done)
                await survey(one.runner, PART, "w", 0)
                there: Any = await one.client.xrange(PART.entries)
                places = {place for place, _ in there}
                for name, left in unfinished.items():
                    assert left <= places, "an entry that was in hand has been trimmed"
                    info: Any = await one.client.xinfo_groups(PART.entries)
                    lag = next(g["lag"] for g in info if g["name"] == name.encode())
                    last = next(g["last-delivered-id"] for g in info if g["name"] == name.encode())
                    unread: Any = await one.client.xrange(PART.entries, b"(" + last)
                    assert lag in {None, len(unread)}, "one that nobody has read has been trimmed"
            assert len(places) < seq, "and something was trimmed"

    asyncio.run(scene())
