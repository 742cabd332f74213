"""A stream as a destination: what is appended, where, and what becomes of losses."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from servers.chaos import Chaos, Manner
from wxgate.errors import SinkRetryError
from wxgate.sinks import stream
from wxgate.streams.append import LostError, append
from wxgate.streams.ledger import Ledger
from wxgate.work.share import Share

from .hub import ROOT, Message, hub, messages, record

if TYPE_CHECKING:
    from servers.cluster import Cluster
    from servers.replicated import Replicated
    from servers.server import Server


def test_a_user_s_messages_lie_in_one_partition_in_order(each_redis: Server) -> None:
    """Whoever reads a partition from its beginning has each user's messages as they came."""

    async def scene() -> list[list[tuple[str, str]]]:
        async with hub(each_redis.url) as one:
            for start in range(0, 200, 50):
                await one.put(messages(range(start + 1, start + 51)))
            return await one.entries()

    partitions = asyncio.run(scene())
    homes: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, entries in enumerate(partitions):
        for id_, key in entries:
            assert homes.setdefault(key, number) == number
            assert int(id_[2:]) > last.get(key, 0)
            last[key] = int(id_[2:])
    assert sum(map(len, partitions)) == 200
    assert len(set(homes.values())) > 1


def test_an_event_lies_there_as_it_is(redis_server: Server) -> None:
    """With its id and its key beside it, for readers that parse no JSON."""

    async def scene() -> object:
        async with hub(redis_server.url, partitions=1) as one:
            message = Message(7, "oABC", {"Content": "退款"})
            await one.put([message])
            await one.sink.deliver(message.event, (0,))
            found: Any = await one.client.xrange(ROOT.partition(0).entries)
            expected = {b"id": b"id7", b"key": b"oABC", b"event": message.event}
            return [fields == expected for _, fields in found]

    assert asyncio.run(scene()) == [True, True]


def test_a_batch_is_one_call(redis_server: Server) -> None:
    """However many partitions it touches."""

    async def scene() -> int:
        async with hub(redis_server.url, partitions=16) as one:
            await one.put(messages([1]))
            before = redis_server.say("INFO", "commandstats")["cmdstat_evalsha"]["calls"]
            await one.put(messages(range(2, 102), keys=100))
            after = redis_server.say("INFO", "commandstats")["cmdstat_evalsha"]["calls"]
            return int(after) - int(before)

    assert asyncio.run(scene()) == 1


@pytest.mark.parametrize("loss", ["FLUSHALL", "restart", "DEL"])
def test_what_the_server_loses_is_appended_again(own_redis: Server, loss: str) -> None:
    """From the journal, before whatever comes next, in order."""

    async def scene() -> list[list[tuple[str, str]]]:
        async with hub(own_redis.url) as one:
            for start in range(0, 100, 20):
                await one.put(messages(range(start + 1, start + 21)))
            if loss == "FLUSHALL":
                own_redis.say("FLUSHALL")
            elif loss == "restart":
                await asyncio.to_thread(own_redis.restart)
            else:
                own_redis.say("DEL", *(own_redis.say("KEYS", "wx:stream:*")))
            await one.insist([Message(101, "user1")])
            return await one.entries()

    partitions = asyncio.run(scene())
    assert sorted(int(id_[2:]) for entries in partitions for id_, _ in entries) == list(
        range(1, 102)
    )
    for entries in partitions:
        for user in {key for _, key in entries}:
            own = [int(id_[2:]) for id_, key in entries if key == user]
            assert own == sorted(own)


def test_a_loss_is_noticed_without_traffic(redis_server: Server) -> None:
    """A look at the stream is enough, and comes by itself."""

    async def scene() -> list[str]:
        async with hub(redis_server.url) as one:
            await one.put(messages(range(1, 31)))
            redis_server.say("FLUSHALL")
            await one.sink.look()
            return await one.ids()

    assert len(asyncio.run(scene())) == 30


def test_a_replica_that_lagged_is_given_what_it_lacks(replicated: Replicated) -> None:
    """The tail that it never saw, and nothing else, comes from the journal."""

    async def scene() -> tuple[list[int], Counter[str]]:
        async with hub(replicated.url, within=1.0) as one:
            await one.put(messages(range(1, 51)))
            assert replicated.primary.say("WAIT", 1, 5000) == 1
            # From here on the replica hears nothing, and is then all there is.
            replicated.lag()
            await one.put(messages(range(51, 81)))
            replicated.primary.kill()
            replicated.replica.resume()
            old = replicated.primary.port
            await asyncio.to_thread(replicated.until_failed_over, old)
            await one.insist(messages([81]))
            return sorted(one.recalled), Counter(await one.ids())

    recalled, ids = asyncio.run(scene())
    assert recalled == list(range(51, 81))
    assert set(ids) == {f"id{number}" for number in range(1, 82)}
    # Of the last one nobody knows how often it was tried.
    assert all(count == 1 for id_, count in ids.items() if id_ != "id81")


def test_an_append_without_an_answer_is_made_again(redis_server: Server) -> None:
    """Under the same id; whether the first one was made cannot be known."""

    async def scene() -> list[str]:
        async with Chaos(redis_server.port) as chaos, hub(chaos.url, within=0.3) as one:
            await one.put(messages([1]))
            chaos.down = Manner(silent=True)
            with pytest.raises(SinkRetryError):
                await one.put(messages([2]))
            chaos.calm()
            chaos.cut()
            await one.put(messages([2, 3]))
            return await one.ids()

    assert set(asyncio.run(scene())) == {"id1", "id2", "id3"}


@pytest.mark.parametrize("size", [1, 40, 400, 4000])
def test_a_cut_in_the_middle_of_a_call_loses_nothing(redis_server: Server, size: int) -> None:
    """At any byte, on the way there."""

    async def scene() -> set[str]:
        async with Chaos(redis_server.port) as chaos, hub(chaos.url, within=0.5) as one:
            await one.put(messages(range(1, 5)))
            chaos.cut()
            chaos.up = Manner(cut_at=size)
            with pytest.raises(SinkRetryError):
                await one.put(messages(range(5, 25)))
            chaos.calm()
            await one.put(messages(range(5, 25)))
            return set(await one.ids())

    assert asyncio.run(scene()) == {f"id{number}" for number in range(1, 25)}


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_line_that_trickles_loses_nothing(redis_server: Server, way: str) -> None:
    """Too slow for an answer in time: half a call was none, of a whole one nobody knows."""

    async def scene() -> tuple[Counter[str], list[int]]:
        async with Chaos(redis_server.port) as chaos, hub(chaos.url, within=0.5) as one:
            await one.put(messages(range(1, 5)))
            setattr(chaos, way, Manner(rate=50))
            with pytest.raises(SinkRetryError, match="no answer in time"):
                await one.put(messages(range(5, 25)))
            chaos.calm()
            chaos.cut()
            await one.put(messages(range(5, 25)))
            return Counter(await one.ids()), one.recalled

    ids, recalled = asyncio.run(scene())
    assert set(ids) == {f"id{number}" for number in range(1, 25)}
    assert max(ids.values()) <= (1 if way == "up" else 2)
    assert recalled == [], "something was taken for lost"


def test_a_line_that_is_slow_but_in_time_is_waited_for(redis_server: Server) -> None:
    """Nothing is sent twice, and nobody hangs up."""

    async def scene() -> tuple[Counter[str], int]:
        async with Chaos(redis_server.port) as chaos, hub(chaos.url, within=30.0) as one:
            await one.put(messages(range(1, 5)))
            chaos.up, chaos.down = Manner(rate=20_000), Manner(rate=200)
            await one.put(messages(range(5, 25)))
            chaos.calm()
            accepted = chaos.accepted
            return Counter(await one.ids()), accepted

    ids, accepted = asyncio.run(scene())
    assert ids == Counter(f"id{number}" for number in range(1, 25))
    assert accepted == 1


def _refusing(server: Server, how: str) -> None:
    match how:
        case "OOM":
            server.configure(maxmemory=1, maxmemory_policy="noeviction")
        case "NOREPLICAS":
            server.configure(min_replicas_to_write=1)
        case "READONLY":
            server.say("REPLICAOF", "127.0.0.1", "1")
        case "NOAUTH":
            server.configure(requirepass="secret")
            server.say("AUTH", "secret")


@pytest.mark.parametrize("how", ["OOM", "NOREPLICAS", "READONLY", "NOAUTH"])
def test_a_server_that_refuses_to_write_is_tried_again(own_redis: Server, how: str) -> None:
    """Nothing of it counts as taken; the reason says what the server said."""

    async def scene() -> str:
        async with hub(own_redis.url) as one:
            await one.put(messages([1]))
            if how == "NOAUTH":
                own_redis.configure(requirepass="secret")
                await one.runner.aclose()
            else:
                _refusing(own_redis, how)
            with pytest.raises(SinkRetryError) as caught:
                await one.put(messages([2]))
            return str(caught.value)

    reason = asyncio.run(scene())
    assert reason.startswith("redis: ")


def test_a_server_that_forgot_its_scripts_is_told_them_again(redis_server: Server) -> None:
    """NOSCRIPT costs a call."""

    async def scene() -> int:
        async with hub(redis_server.url) as one:
            await one.put(messages([1]))
            redis_server.say("SCRIPT", "FLUSH")
            await one.put(messages([2]))
            return len(await one.ids())

    assert asyncio.run(scene()) == 2


def test_in_a_cluster_partitions_are_spread_over_the_primaries(redis_cluster: Cluster) -> None:
    """Each partition is one slot; a batch reaches all of them, and a loss of one is repaired."""

    async def scene() -> tuple[set[int], list[str], list[str]]:
        async with hub(redis_cluster.url, partitions=16) as one:
            await one.put(messages(range(1, 201), keys=100))
            slots = {redis_cluster.slot(ROOT.partition(number).entries) for number in range(16)}
            holders = {redis_cluster.holder(slot).port for slot in slots}
            ids = await one.ids()
            redis_cluster.nodes[0].say("FLUSHALL")
            await one.put(messages(range(201, 301), keys=100))
            return holders, ids, await one.ids()

    holders, before, after = asyncio.run(scene())
    assert len(holders) == 3
    assert len(before) == 200
    assert sorted(int(id_[2:]) for id_ in after) == list(range(1, 301))


def test_in_a_cluster_a_batch_is_one_call_for_each_partition(
    redis_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a slot: however many of its messages the batch has."""
    # A look at the stream would be calls too.
    monkeypatch.setattr(stream, "_FIRST_LOOK", 3600.0)

    def calls() -> int:
        found = [one.say("INFO", "commandstats") for one in redis_cluster.nodes]
        return sum(int(one.get("cmdstat_evalsha", {"calls": 0})["calls"]) for one in found)

    async def scene() -> tuple[int, int]:
        async with hub(redis_cluster.url, partitions=8) as one:
            # Whoever has a slot is known from here on, and knows the script.
            await one.put(messages(range(1, 101), keys=100))
            before = calls()
            await one.put(messages(range(101, 201), keys=100))
            return calls() - before, sum(map(bool, await one.entries()))

    made, touched = asyncio.run(scene())
    assert made == touched == 8


def test_a_loss_beyond_the_journal_is_said(
    redis_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """What retention has deleted cannot be appended again; nobody shall believe that it was."""

    async def scene() -> None:
        async with hub(redis_server.url) as one:
            await one.put(messages(range(1, 11)))
            one.journal.clear()
            redis_server.say("FLUSHALL")
            await one.put(messages([11]))

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(scene())
    missing = re.findall(r"the journal keeps (\d+) of them no longer", caplog.text)
    assert sum(map(int, missing)) == 10


@pytest.mark.parametrize("again", ["a writer", "a group"])
def test_entries_that_are_deleted_alone_are_missed(redis_server: Server, again: str) -> None:
    """Their tails stay: by every writer, whoever makes the stream again before it looks."""

    async def scene() -> list[str]:
        async with hub(redis_server.url) as one, hub(redis_server.url) as other:
            await one.put(messages(range(1, 31)))
            await other.put(messages(range(31, 61)))
            redis_server.say("DEL", *(ROOT.partition(n).entries for n in range(4)))
            if again == "a group":
                for number in range(4):
                    share = Share(ROOT.partition(number), "workers", "me", "token")
                    await share.take(one.client)
            await one.put(messages(range(61, 91)))
            await other.put(messages(range(91, 121)))
            return await one.ids()

    assert sorted(asyncio.run(scene())) == sorted(f"id{number}" for number in range(1, 121))


def test_a_batch_is_appended_whole_or_not_at_all(redis_server: Server) -> None:
    """One tail that is wrong keeps all partitions from being written."""

    async def scene() -> tuple[dict[int, int], list[str]]:
        async with hub(redis_server.url) as one:
            ledgers = [Ledger(), Ledger()]
            parts = [ROOT.partition(number) for number in range(2)]
            batch = [(parts[at], ledgers[at], [record(at + 1)]) for at in range(2)]
            await append(one.runner, "w", batch, 100)
            await one.client.delete(parts[1].tail("w"))
            with pytest.raises(LostError) as caught:
                await append(one.runner, "w", batch, 100)
            return dict(caught.value.tails), await one.ids()

    tails, ids = asyncio.run(scene())
    assert tails == {1: 0}
    assert ids == ["id1", "id2"]
