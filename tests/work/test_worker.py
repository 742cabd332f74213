"""A worker: the means of dispatch between a stream and whoever handles its messages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from streams.hub import ROOT, Hub, Message, hub, messages
from wxgate.dispatch import Limits, Place, Schedule
from wxgate.errors import SinkRefusedError, SinkRetryError
from wxgate.work.dead import letters
from wxgate.work.worker import Worker

from .team import LEASE, PATIENT, consumer, pending, read, until, until_pending, vanish, working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from servers.server import Server
    from wxgate.work.dead import DeadLetter

    Behaviour = Callable[[str], Awaitable[None]]

SOON = Schedule(first=0.01, max=0.05)
LIMITS = Limits(queue=64, concurrency=8, retry=SOON)


class Service:
    """What handles messages in a test, by their ids."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        """Take everything, unless told otherwise."""
        self.behaviour = behaviour
        self.taken: list[str] = []
        self.tried: list[str] = []
        self.open = 0

    async def deliver(self, event: bytes, nodes: Sequence[int]) -> bytes:
        """Handle one."""
        del nodes
        id_ = event.split(b'"', 4)[3].decode()
        self.tried.append(id_)
        self.open += 1
        try:
            if self.behaviour is not None:
                await self.behaviour(id_)
        finally:
            self.open -= 1
        self.taken.append(id_)
        return b""

    async def aclose(self) -> None:
        """Nothing to close."""


class BatchService(Service):
    """One that takes several at once."""

    def __init__(self) -> None:
        """Take everything."""
        super().__init__()
        self.batches: list[int] = []

    async def deliver_batch(self, events: Sequence[bytes], nodes: Sequence[int]) -> None:
        """Handle several."""
        self.batches.append(len(events))
        for event in events:
            await self.deliver(event, nodes)


@asynccontextmanager
async def employed(
    url: str,
    service: Service,
    name: str = "a",
    limits: Limits = LIMITS,
    lease: float = LEASE,
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A worker that runs until left; what is given stops it sooner."""
    stop = asyncio.Event()
    place = Place("service", service, limits)
    task = asyncio.create_task(
        Worker(consumer(url, name, lease=lease), place, lambda _: (0,)).run(stop, grace=5.0)
    )

    async def leave() -> None:
        stop.set()
        await task

    try:
        yield leave
    finally:
        await leave()


async def buried(one: Hub) -> list[DeadLetter]:
    """The dead letters of the stream."""
    return [letter async for letter in letters(one.client, ROOT)]


def test_what_fails_is_tried_again_and_holds_up_its_key_alone(redis_server: Server) -> None:
    """The others go on; behind it everything waits in its order."""
    failures = {"id1": 3}

    async def stubborn(id_: str) -> None:
        if failures.get(id_, 0) > 0:
            failures[id_] -= 1
            reason = "busy"
            raise SinkRetryError(reason)

    async def scene() -> list[str]:
        service = Service(stubborn)
        async with hub(redis_server.url, partitions=2) as one:
            await one.put(messages(range(1, 31), keys=5))
            async with employed(redis_server.url, service):
                await until(lambda: len(service.taken) == 30)
                await until_pending(one)
        return service.taken

    taken = asyncio.run(scene())
    assert len(taken) == 30
    own = [int(id_[2:]) for id_ in taken if int(id_[2:]) % 5 == 1]
    assert own == sorted(own)
    assert taken.index("id2") < taken.index("id1"), "another key went on meanwhile"


def test_a_key_that_is_stuck_with_much_behind_it_stops_nobody(redis_server: Server) -> None:
    """More waits behind it than the window has places."""
    stuck = asyncio.Event()

    async def behave(id_: str) -> None:
        if int(id_[2:]) <= 300 and not stuck.is_set():
            reason = "busy"
            raise SinkRetryError(reason)

    async def scene() -> int:
        service = Service(behave)
        async with hub(redis_server.url, partitions=1) as one:
            await one.put([Message(n, "stuck") for n in range(1, 301)])
            await one.put([Message(n, f"user{n}") for n in range(301, 331)])
            async with employed(redis_server.url, service):
                await until(lambda: len(service.taken) == 30)
                stuck.set()
                await until(lambda: len(service.taken) == 330)
                await until_pending(one)
        assert service.taken[30:] == [f"id{n}" for n in range(1, 301)]
        return len(service.taken)

    assert asyncio.run(scene()) == 330


def test_what_is_refused_or_given_up_is_a_dead_letter(redis_server: Server) -> None:
    """With its reason, its group and its event; the rest is handled."""

    async def behave(id_: str) -> None:
        if id_ == "id1":
            reason = "no such order"
            raise SinkRefusedError(reason)
        if id_ == "id2":
            raise ValueError(id_)

    async def scene() -> list[DeadLetter]:
        service = Service(behave)
        limits = replace(LIMITS, retry=Schedule(first=0.01, max=0.02, give_up=0.1))
        async with hub(redis_server.url) as one:
            await one.put(messages(range(1, 6)))
            async with employed(redis_server.url, service, limits=limits):
                while len(await buried(one)) < 2:  # noqa: ASYNC110 (Redis tells nobody)
                    await asyncio.sleep(0.01)
                await until_pending(one)
            assert sorted(service.taken) == ["id3", "id4", "id5"]
            return sorted(await buried(one), key=lambda letter: letter.id)

    first, second = asyncio.run(scene())
    assert (first.id, first.reason, first.attempts) == ("id1", "refused: no such order", 1)
    assert second.reason == "gave_up: ValueError"
    assert second.attempts > 1
    assert second.group == "workers"
    assert second.event == messages([2])[0].event


def test_no_more_are_handled_at_once_than_were_allowed(redis_server: Server) -> None:
    """Everything else waits in Redis, or in a bounded window."""
    most = 0

    async def scene() -> None:
        service = Service()

        async def behave(_: str) -> None:
            nonlocal most
            most = max(most, service.open)
            await asyncio.sleep(0.002)

        service.behaviour = behave
        async with hub(redis_server.url) as one:
            await one.put(messages(range(1, 601), keys=300))
            async with employed(redis_server.url, service):
                await until(lambda: len(service.taken) >= 20)
                assert await pending(one) <= 8 * LIMITS.queue + LIMITS.concurrency
                await until(lambda: len(service.taken) == 600)

    asyncio.run(scene())
    assert most == LIMITS.concurrency


def test_stopping_ends_what_was_begun_and_leaves_the_rest(redis_server: Server) -> None:
    """The next one has at once what was read and not begun, and nothing twice."""

    async def scene() -> tuple[list[str], list[str]]:
        go = asyncio.Event()

        async def slow(_: str) -> None:
            await go.wait()

        first, second = Service(slow), Service()
        async with hub(redis_server.url) as one:
            await one.put(messages(range(1, 51), keys=50))
            async with employed(redis_server.url, first) as leave:
                await until(lambda: first.open == LIMITS.concurrency)
                leaving = asyncio.ensure_future(leave())
                for _ in range(100):  # turns of the loop: time passes by itself
                    await asyncio.sleep(0)
                go.set()
                await leaving
            async with employed(redis_server.url, second, "b"):
                await until(lambda: len(second.taken) == 50 - LIMITS.concurrency)
                await until_pending(one)
        return first.taken, second.taken

    first, second = asyncio.run(scene())
    assert len(first) == LIMITS.concurrency
    assert sorted(first + second) == sorted(f"id{n}" for n in range(1, 51))


def test_a_service_that_takes_batches_gets_them(redis_server: Server) -> None:
    """What was in dead hands twice goes alone all the same."""

    async def scene() -> BatchService:
        service = BatchService()
        async with hub(redis_server.url, partitions=1) as one:
            await one.put(messages(range(1, 41), keys=40))
            dead = consumer(redis_server.url, "dead")
            dead.start()
            entries: list[Any] = []
            while len(entries) < 10:
                entries += await dead.read(10 - len(entries))
            await dead.mark(entries[4])
            await vanish(dead)
            async with employed(redis_server.url, service, limits=replace(LIMITS, batch=16)):
                await until(lambda: len(service.taken) == 40)
                await until_pending(one)
        return service

    service = asyncio.run(scene())
    assert max(service.batches) > 1
    assert sorted(service.taken) == sorted(f"id{n}" for n in range(1, 41))
    assert sum(service.batches) < 40, "one of them came by itself"


def test_what_is_handled_alone_is_acknowledged_before_the_next(redis_server: Server) -> None:
    """Who dies over the next one would have this one suspected once more, and buried at last."""
    unsaid: list[int] = []

    async def scene() -> None:
        async with hub(redis_server.url, partitions=1) as one:

            async def behave(_: str) -> None:
                group = await one.client.xpending(ROOT.partition(0).entries, "workers")
                unsaid.append(group["pending"])

            service = Service(behave)
            await one.put(messages(range(1, 6), keys=5))
            dead = consumer(redis_server.url, "dead")
            dead.start()
            for entry in await read(dead, 5):
                await dead.mark(entry)
            await vanish(dead)
            async with employed(redis_server.url, service, lease=PATIENT):
                await until(lambda: len(service.taken) == 5)
                await until_pending(one)

    asyncio.run(scene())
    assert unsaid == [5, 4, 3, 2, 1]


def test_a_suspect_behind_one_that_is_tried_again_stops_nobody(redis_server: Server) -> None:
    """It waits for its key alone, then is handled with nothing beside it, and in order."""
    stuck = asyncio.Event()
    beside: list[int] = []

    async def scene() -> list[str]:
        async def behave(id_: str) -> None:
            if id_ == "id1" and not stuck.is_set():
                reason = "busy"
                raise SinkRetryError(reason)
            if id_ == "id2":
                await asyncio.sleep(0.05)
                beside.append(service.open)

        service = Service(behave)
        async with hub(redis_server.url, partitions=1) as one:
            await one.put([Message(n, "stuck") for n in (1, 2, 3)])
            dead = consumer(redis_server.url, "dead")
            dead.start()
            for entry in (await read(dead, 3))[:2]:
                await dead.mark(entry)
            await vanish(dead)
            await one.put([Message(n, f"user{n}") for n in range(4, 24)])
            async with employed(redis_server.url, service):
                await until(lambda: len(service.taken) == 20)
                await one.put([Message(24, "stuck")])
                stuck.set()
                await until(lambda: len(service.taken) == 24)
                await until_pending(one)
        return service.taken

    taken = asyncio.run(scene())
    assert [id_ for id_ in taken if int(id_[2:]) not in range(4, 24)] == [
        "id1",
        "id2",
        "id3",
        "id24",
    ]
    assert beside == [1]


def test_what_has_gone_to_another_is_not_begun(redis_server: Server) -> None:
    """Two who share: neither handles what the other does, and nothing is lost in between."""

    async def scene() -> list[str]:
        async def slow(_: str) -> None:
            await asyncio.sleep(0.06)

        first, second = Service(slow), Service(slow)
        async with hub(redis_server.url, partitions=8) as one:
            await one.put(messages(range(1, 601), keys=60))
            async with employed(redis_server.url, first, lease=PATIENT):
                await until(lambda: len(first.taken) > 20)
                async with employed(redis_server.url, second, "b", lease=PATIENT):
                    await until(lambda: len(first.taken) + len(second.taken) >= 600)
                    await until_pending(one)
            assert second.taken
        return first.taken + second.taken

    assert sorted(asyncio.run(scene())) == sorted(f"id{n}" for n in range(1, 601))


def test_two_workers_take_over_from_each_other_without_repeating(redis_server: Server) -> None:
    """Consumers come and go; each leaves gently."""

    async def scene() -> list[str]:
        taken: list[str] = []
        async with hub(redis_server.url, partitions=8) as one:
            await one.put(messages([1]))
            for turn in range(4):
                service = Service()
                async with employed(redis_server.url, service, f"w{turn}"):
                    await one.put(messages(range(turn * 50 + 2, turn * 50 + 52)))
                    await until(lambda service=service: len(service.taken) >= 40)  # type: ignore[misc]
                taken += service.taken
            async with working(redis_server.url, "last") as last:
                while len(taken) < 201:
                    entries = await last.read(10)
                    taken += [entry.id for entry in entries]
        return taken

    taken = asyncio.run(scene())
    assert sorted(taken) == sorted(f"id{n}" for n in range(1, 202))
