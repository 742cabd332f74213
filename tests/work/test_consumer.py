"""A consumer against real servers: what it reads, and what it survives."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from servers.chaos import Chaos, Manner
from streams.hub import ROOT, Message, hub, messages

from .team import (
    LEASE,
    PATIENT,
    consumer,
    pending,
    read,
    until,
    until_dealt,
    until_pending,
    vanish,
    working,
)

if TYPE_CHECKING:
    from servers.cluster import Cluster
    from servers.server import Server
    from wxgate.work.consumer import Consumer
    from wxgate.work.entry import Entry


def finish(worker: Consumer, entries: list[Entry]) -> list[str]:
    """Be done with entries; their ids."""
    for entry in entries:
        worker.finish(entry)
    return [entry.id for entry in entries]


def test_everything_is_read_once_and_in_order(each_redis: Server) -> None:
    """By two at once, each with its partitions; what each key has comes in its order."""

    async def scene() -> list[tuple[str, int]]:
        got: list[tuple[str, int]] = []

        async def work(worker: Consumer) -> None:
            while entries := await worker.read(7):
                got.extend((entry.key, int(entry.id[2:])) for entry in entries)
                finish(worker, entries)

        async with (
            hub(each_redis.url, partitions=8) as one,
            working(each_redis.url, "a", lease=PATIENT) as first,
            working(each_redis.url, "b", lease=PATIENT) as second,
        ):
            await one.put(messages([1]))
            await until_dealt(first, second, partitions=8)
            tasks = [asyncio.create_task(work(worker)) for worker in (first, second)]
            for start in range(2, 302, 50):
                await one.put(messages(range(start, start + 50), keys=30))
            await until(lambda: len(got) >= 301)
            await until_pending(one)
            for worker in (first, second):
                worker.interrupt()
            await asyncio.gather(*tasks)
        return got

    got = asyncio.run(scene())
    assert len(got) == 301
    for key in {key for key, _ in got}:
        own = [number for each, number in got if each == key]
        assert own == sorted(own)


def test_what_the_dead_had_in_hand_is_claimed_first(redis_server: Server) -> None:
    """In its order, marked as seen before, and before anything new of the partition."""

    async def scene() -> tuple[list[tuple[str, bool]], int]:
        async with hub(redis_server.url, partitions=1) as one:
            await one.put(messages(range(1, 11)))
            dead = consumer(redis_server.url, "dead")
            dead.start()
            finish(dead, (await read(dead, 6))[:2])
            await until_pending(one, 4)
            await vanish(dead)
            async with working(redis_server.url, "heir") as heir:
                entries = await read(heir, 8)
                finish(heir, entries)
                await until_pending(one)
                async with asyncio.timeout(20):
                    while heir.done < len(entries):  # noqa: ASYNC110 (the answer is on its way)
                        await asyncio.sleep(0.01)
                return [(entry.id, entry.again) for entry in entries], heir.done

    found, done = asyncio.run(scene())
    assert found == [(f"id{n}", n <= 6) for n in range(3, 11)]
    assert done == 8


def test_a_consumer_whose_beat_has_ended_says_so(
    redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be read from, and others would have its partitions."""

    async def scene() -> None:
        async with working(redis_server.url, "a") as worker:
            reading = asyncio.create_task(worker.read(1))

            async def broken(*_: object) -> None:
                reason = "nobody has heard of it"
                raise KeyError(reason)

            monkeypatch.setattr(worker._leases, "beat", broken)  # noqa: SLF001
            with pytest.raises(KeyError, match="nobody has heard of it"):
                await asyncio.wait_for(reading, 20)

    asyncio.run(scene())


def test_whoever_was_away_too_long_is_told_so(redis_server: Server) -> None:
    """It may neither read nor acknowledge: another has the partition."""

    async def scene() -> tuple[list[Entry], int, bool]:
        async with hub(redis_server.url, partitions=1) as one:
            await one.put(messages(range(1, 5)))
            slow = consumer(redis_server.url, "slow")
            slow.start()
            held = await read(slow, 4)
            for task in slow._tasks:  # noqa: SLF001
                task.cancel()
            async with working(redis_server.url, "quick") as quick:
                again = await read(quick, 4)
                assert [entry.id for entry in again] == [entry.id for entry in held]
                finish(slow, held)
                await slow._acknowledge_some()  # noqa: SLF001
                left = await pending(one)
                await one.put(messages([5]))
                stolen = await slow._look(10)  # noqa: SLF001
                finish(quick, again)
                await slow.stop()
                return stolen, left, slow.holds(held[0])

    stolen, left, holds = asyncio.run(scene())
    assert stolen == []
    assert left == 4, "what it acknowledged was another's"
    assert not holds


def test_what_was_finished_before_is_known(redis_server: Server) -> None:
    """Appended again under the same id, it is acknowledged unread; by the next consumer too."""

    async def scene() -> tuple[list[str], list[str]]:
        async with hub(redis_server.url, partitions=1) as one:
            await one.put(messages(range(1, 4)))
            async with working(redis_server.url, "a") as first:
                got = finish(first, await read(first, 3))
                await until_pending(one)
                await one.put(messages([2, 3, 4]))
                got += finish(first, await read(first, 1))
                await until_pending(one)
            async with working(redis_server.url, "b") as second:
                await one.put(messages([1, 4, 5]))
                more = finish(second, await read(second, 1))
                await until_pending(one)
                return got, more

    got, more = asyncio.run(scene())
    assert got == ["id1", "id2", "id3", "id4"]
    assert more == ["id5"]


def test_a_repetition_among_claims_is_acknowledged_before_the_last_page(
    redis_server: Server,
) -> None:
    """Who waits until all is said, as before a suspect is tried, waits for no other message."""

    async def scene() -> int:
        async with hub(redis_server.url, partitions=1) as one:
            await one.put(messages([1]))
            async with working(redis_server.url, "a") as first:
                finish(first, await read(first, 1))
                await until_pending(one)
            await one.put(messages(range(1, 9)))
            part = ROOT.partition(0)
            await one.client.xreadgroup("workers", "dead", {part.entries: ">"}, count=8)
            async with working(redis_server.url, "b") as heir:
                held = await heir.read(2)
                assert [entry.id for entry in held] == ["id2", "id3", "id4"]
                await heir.acknowledged()
                return await pending(one)

    assert asyncio.run(scene()) == 7


def test_a_mark_that_is_made_twice_counts_once(redis_server: Server) -> None:
    """Its answer may have been lost; and who lived after all starts at nothing."""

    async def heir(one: Consumer) -> list[tuple[int, int]]:
        one.start()
        entries = await read(one, 2)
        for entry in entries:
            for _ in range(3):
                await one.mark(entry)
        await one.unmark(entries[1:])
        await one.mark(entries[1])
        tries = [(entry.tries, entry.marks) for entry in entries]
        await vanish(one)
        return tries

    async def scene() -> list[list[tuple[int, int]]]:
        async with hub(redis_server.url, partitions=1) as one:
            await one.put(messages([1, 2]))
            return [await heir(consumer(redis_server.url, name)) for name in "abc"]

    assert asyncio.run(scene()) == [
        [(0, 0), (0, 0)],
        [(1, 1), (1, 0)],
        [(2, 2), (1, 0)],
    ]


def test_a_repetition_of_what_is_in_hand_waits_for_it(redis_server: Server) -> None:
    """It is acknowledged with the first one, not before: the first may come to nothing."""

    async def scene() -> tuple[int, int]:
        async with (
            hub(redis_server.url, partitions=1) as one,
            working(redis_server.url, "a") as worker,
        ):
            await one.put(messages([1]))
            (held,) = await read(worker, 1)
            await one.put(messages([1, 2]))
            (other,) = await read(worker, 1)
            assert other.id == "id2"
            before = await pending(one)
            finish(worker, [held])
            await until_pending(one, 1)
            return before, await pending(one)

    assert asyncio.run(scene()) == (3, 1)


def _lose(server: Server, loss: str) -> None:
    for number in range(4) if loss != "FLUSHALL" else ():
        part = ROOT.partition(number)
        if loss == "DEL":
            server.say("DEL", part.entries)
        else:
            server.say("XGROUP", "DESTROY", part.entries, "workers")
    if loss == "FLUSHALL":
        server.say("FLUSHALL")
    server.say("CONFIG", "RESETSTAT")


@pytest.mark.parametrize("loss", ["FLUSHALL", "DEL", "XGROUP DESTROY"])
def test_after_a_flush_the_group_is_made_again(
    redis_server: Server, caplog: pytest.LogCaptureFixture, loss: str
) -> None:
    """Said once, without a busy loop; nothing is lost, and nothing finished is handled again."""

    async def scene() -> tuple[list[str], int]:
        got: list[str] = []

        async def work(worker: Consumer) -> None:
            while entries := await worker.read(10):
                got.extend(finish(worker, entries))

        async with (
            hub(redis_server.url, partitions=4) as one,
            working(redis_server.url, "a") as worker,
        ):
            await one.put(messages(range(1, 41)))
            task = asyncio.create_task(work(worker))
            await until(lambda: len(got) >= 40)
            _lose(redis_server, loss)
            await asyncio.sleep(3 * LEASE)
            calls = redis_server.say("INFO", "commandstats")["cmdstat_evalsha"]["calls"]
            await one.put(messages(range(41, 61)))
            await until(lambda: len(got) >= 60)
            worker.interrupt()
            await task
            return got, int(calls)

    with caplog.at_level(logging.WARNING):
        got, calls = asyncio.run(scene())
    assert sorted(got, key=lambda id_: int(id_[2:])) == [f"id{n}" for n in range(1, 61)]
    assert calls < 60, "some beats, and no loop"
    assert caplog.text.count("the group is made again") <= 4


def test_a_server_that_comes_back_empty_is_gone_on_with(own_redis: Server) -> None:
    """A restart without data, with messages in hand: they are handled once more at most."""

    async def scene() -> tuple[list[str], list[str]]:
        async with (
            hub(own_redis.url, partitions=2) as one,
            working(own_redis.url, "a") as worker,
        ):
            await one.put(messages(range(1, 11)))
            held = await read(worker, 10)
            await asyncio.to_thread(own_redis.restart)
            got = finish(worker, held)
            await one.sink.look()
            await one.put(messages([11]))
            more = finish(worker, await read(worker, 1))
            await until_pending(one)
            return got, more

    got, more = asyncio.run(scene())
    assert len(set(got)) == 10
    assert more == ["id11"]


def test_a_partition_that_was_another_s_for_a_moment_is_taken_anew(redis_server: Server) -> None:
    """Whoever forgets deals anew, and may deal it back; what is finished is known all the same."""

    async def scene() -> list[str]:
        async with (
            hub(redis_server.url, partitions=1) as one,
            working(redis_server.url, "a") as worker,
        ):
            await one.put(messages(range(1, 4)))
            got = finish(worker, await read(worker, 3))
            await until_pending(one)
            redis_server.say("SET", ROOT.partition(0).owner("workers"), "b:token")
            await one.put(messages(range(4, 7)))
            return got + finish(worker, await read(worker, 3))

    assert asyncio.run(scene()) == [f"id{number}" for number in range(1, 7)]


def test_two_groups_have_each_message_once(redis_server: Server) -> None:
    """What one has finished the other still has before it."""

    async def scene() -> list[list[str]]:
        async with hub(redis_server.url, partitions=2) as one:
            await one.put(messages(range(1, 6)))
            found = []
            for group in ("orders", "billing"):
                async with working(redis_server.url, "a", group=group) as worker:
                    found.append(sorted(finish(worker, await read(worker, 5))))
            return found

    first, second = asyncio.run(scene())
    assert first == second == [f"id{n}" for n in range(1, 6)]


def test_an_idle_consumer_costs_next_to_nothing(redis_server: Server) -> None:
    """It waits for an answer, and beats."""

    async def scene() -> int:
        async with (
            hub(redis_server.url, partitions=16) as one,
            working(redis_server.url, "a", lease=3.0) as worker,
        ):
            await one.put(messages([1]))
            finish(worker, await read(worker, 1))
            waiting = asyncio.create_task(worker.read(1))
            await until_pending(one)
            redis_server.say("CONFIG", "RESETSTAT")
            await asyncio.sleep(2.0)
            stats = redis_server.say("INFO", "commandstats")
            worker.interrupt()
            await waiting
            return sum(int(one["calls"]) for name, one in stats.items() if "eval" in name)

    # Two beats, what a machine with more to do had not come to before, and the hub's look at each
    # partition where it was slow; not hundreds.
    assert asyncio.run(scene()) <= 10 + 16


def test_a_group_works_in_a_cluster(redis_cluster: Cluster) -> None:
    """Where every partition is another slot's."""

    async def scene() -> list[str]:
        got: list[str] = []
        async with (
            hub(redis_cluster.url, partitions=8) as one,
            working(redis_cluster.url, "a", lease=PATIENT) as first,
            working(redis_cluster.url, "b", lease=PATIENT) as second,
        ):
            await one.put(messages(range(1, 41), keys=40))
            await until_dealt(first, second, partitions=8)

            async def work(worker: Consumer) -> None:
                while entries := await worker.read(5):
                    got.extend(finish(worker, entries))

            tasks = [asyncio.create_task(work(worker)) for worker in (first, second)]
            await one.put(messages(range(41, 81), keys=40))
            await until(lambda: len(got) >= 80)
            await until_pending(one)
            for worker in (first, second):
                worker.interrupt()
            await asyncio.gather(*tasks)
        return got

    assert sorted(asyncio.run(scene())) == sorted(f"id{n}" for n in range(1, 81))


@pytest.mark.parametrize("size", [1, 500, 2000, 5000])
def test_an_answer_that_is_cut_off_is_asked_for_again(redis_server: Server, size: int) -> None:
    """The server has given out what never arrived; nobody else would ever ask for it."""

    async def scene() -> list[str]:
        async with (
            Chaos(redis_server.port) as chaos,
            hub(redis_server.url, partitions=4) as one,
            working(chaos.url, "a", lease=30.0) as worker,
        ):
            await one.put(messages([1]))
            got = finish(worker, await read(worker, 1))
            waiting = asyncio.create_task(worker.read(50))
            await asyncio.sleep(0.1)
            chaos.cut()
            chaos.down = Manner(cut_at=size)
            await one.put(messages(range(2, 42)))
            await asyncio.sleep(0.3)
            chaos.calm()
            got += finish(worker, await waiting)
            got += finish(worker, await read(worker, 41 - len(got)))
            await until_pending(one)
            return got

    assert sorted(asyncio.run(scene())) == sorted(f"id{n}" for n in range(1, 42))


def test_a_foreign_entry_is_no_obstacle(redis_server: Server) -> None:
    """What somebody else wrote into the stream has at least a place, which becomes its id."""

    async def scene() -> list[str]:
        async with (
            hub(redis_server.url, partitions=1) as one,
            working(redis_server.url, "a") as worker,
        ):
            await one.put([Message(1, "user")])
            part = ROOT.partition(0).entries
            await one.client.xadd(part, {"a": "b"}, id="9999999999999-1")
            await one.client.xadd(part, {"id": b"\xff", "key": b"\xfe"}, id="9999999999999-2")
            entries = await read(worker, 3)
            return [entry.id for entry in entries] + [entries[1].account + entries[1].type]

    assert asyncio.run(scene()) == ["id1", "9999999999999-1", "\ufffd", ""]
