"""Scripts, wherever their keys are: in a slot on the move, or still to be read from a disk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import redis
from servers.fixtures import FLAVOURS, present
from servers.server import Server
from wxgate.errors import SinkRetryError
from wxgate.redis import runner
from wxgate.sinks import stream

from .hub import ROOT, hub, messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.cluster import Cluster
    from servers.flavour import Flavour

PART = ROOT.partition(0)


@dataclass
class Move:
    """The slot of a partition, on its way from one primary to another."""

    cluster: Cluster
    slot: int
    source: Server
    target: Server

    def begin(self) -> None:
        """From now on the source sends on for what it has not."""
        self.cluster.migrate(self.slot, self.source, self.target)

    def carry(self, most: int = 1000) -> None:
        """Bring over some keys."""
        keys: list[bytes] = self.source.say("CLUSTER", "GETKEYSINSLOT", self.slot, most)
        self.source.say("MIGRATE", "127.0.0.1", self.target.port, "", 0, 5000, "KEYS", *keys)

    def end(self) -> None:
        """Tell everybody who has it."""
        self.cluster.move(self.slot, self.target)

    def back(self) -> None:
        """Have all as it was."""
        for server in (self.source, self.target):
            server.say("FLUSHALL")
            server.say("CLUSTER", "SETSLOT", self.slot, "STABLE")
        self.cluster.move(self.slot, self.source)


@pytest.fixture(autouse=True)
def _no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a call of its own."""
    monkeypatch.setattr(stream, "_FIRST_LOOK", 3600.0)


@pytest.fixture
def move(redis_cluster: Cluster) -> Iterator[Move]:
    """Not begun yet."""
    slot = redis_cluster.slot(PART.entries)
    source = redis_cluster.holder(slot)
    target = next(one for one in redis_cluster.nodes if one is not source)
    one = Move(redis_cluster, slot, source, target)
    yield one
    one.back()


def said(server: Server, error: str) -> int:
    """How often a server has said this."""
    found: dict[str, Any] = server.say("INFO", "errorstats")
    return int(found.get(f"errorstat_{error}", {"count": 0})["count"])


async def until_said(server: Server, error: str) -> None:
    """Wait until it has."""
    while not said(server, error):  # noqa: ASYNC110 (another process has it)
        await asyncio.sleep(0.005)


def all_of(count: int) -> list[str]:
    """Ids of the first messages."""
    return sorted(f"id{number}" for number in range(1, count + 1))


def test_what_is_on_the_move_is_asked_for_where_it_has_gone(move: Move) -> None:
    """ASK: for once; the slot is still the old primary's. MOVED: from then on."""

    async def scene() -> tuple[list[int], list[str], list[int]]:
        async with hub(move.cluster.url, partitions=1) as one:
            await one.put(messages(range(1, 21)))
            move.begin()
            move.carry()
            await one.put(messages(range(21, 41)))
            sent_on, sent_back = said(move.source, "ASK"), said(move.target, "MOVED")
            await one.put(messages(range(41, 61)))
            once = [said(move.source, "ASK") - sent_on, said(move.target, "MOVED") - sent_back]
            move.end()
            await one.put(messages(range(61, 81)))
            sent_away = said(move.source, "MOVED")
            await one.put(messages(range(81, 101)))
            assert said(move.source, "MOVED") == sent_away > 0
            return once, sorted(await one.ids()), one.recalled

    once, ids, recalled = asyncio.run(scene())
    assert once == [1, 0]
    assert ids == all_of(100)
    assert recalled == [], "something was taken for lost"


def test_a_call_waits_until_all_its_keys_have_come(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRYAGAIN, of whichever primary: neither has them all."""
    # So that this machine may be as slow as it likes.
    monkeypatch.setattr(runner, "_HOPS", 100_000)

    async def scene() -> tuple[list[str], list[int]]:
        async with hub(move.cluster.url, partitions=1) as one:
            await one.put(messages(range(1, 21)))
            move.begin()
            move.carry(1)
            putting = asyncio.create_task(one.put(messages(range(21, 41))))
            await until_said(move.source, "TRYAGAIN")
            assert not putting.done()
            move.carry()
            await putting
            move.end()
            return sorted(await one.ids()), one.recalled

    ids, recalled = asyncio.run(scene())
    assert ids == all_of(40)
    assert recalled == [], "something was taken for lost"


def test_a_call_does_not_wait_for_ever(move: Move) -> None:
    """It is dispatch's to repeat, and nothing of it was done."""

    async def scene() -> tuple[list[str], list[int]]:
        async with hub(move.cluster.url, partitions=1) as one:
            await one.put(messages(range(1, 21)))
            move.begin()
            move.carry(1)
            with pytest.raises(SinkRetryError, match="redis: TRYAGAIN"):
                await one.put(messages(range(21, 41)))
            move.carry()
            move.end()
            await one.put(messages(range(21, 41)))
            return sorted(await one.ids()), one.recalled

    ids, recalled = asyncio.run(scene())
    assert ids == all_of(40)
    assert recalled == [], "something was taken for lost"


@pytest.mark.parametrize("which", FLAVOURS, ids=lambda one: one.name)
def test_a_server_that_still_reads_its_disk_has_nothing_lost(
    tmp_path: Path, which: Flavour
) -> None:
    """LOADING: nothing is appended again, and what comes meanwhile is dispatch's to repeat."""

    async def scene(server: Server) -> tuple[list[str], list[int]]:
        async with hub(server.url, within=30.0) as one:
            await one.put(messages(range(1, 41)))
            server.say("DEBUG", "POPULATE", 5000, "filler", 200)
            server.say("SAVE")
            server.kill()
            server.options = _SLOWLY
            server.launch()
            await until_loading(server)
            with pytest.raises(SinkRetryError, match="redis: LOADING"):
                await one.put(messages([41]))
            await asyncio.to_thread(server.configure, key_load_delay=0)
            await asyncio.to_thread(server.until_answering)
            await one.put(messages([41]))
            return sorted(await one.ids()), one.recalled

    with Server(present(which), tmp_path) as server:
        ids, recalled = asyncio.run(scene(server))
    assert ids == all_of(41)
    assert recalled == [], "something was taken for lost"


_SLOWLY = ("--loading-process-events-interval-bytes", "1024", "--key-load-delay", "10000")
"""Ten milliseconds for each key, and answers between some of them."""


async def until_loading(server: Server) -> None:
    """Wait until it is there, and says that it is not ready."""
    while True:
        try:
            await asyncio.to_thread(server.say, "PING")
        except redis.BusyLoadingError:
            return
        except redis.ConnectionError:
            await asyncio.sleep(0.005)
