"""Batches: what goes together, and what becomes of one that fails."""

from __future__ import annotations

import asyncio

from wxgate.dispatch import Limits, Schedule
from wxgate.errors import SinkGoneError

from .clockwork import loop, play
from .world import Service, World, busy, in_order, refused

LIMITS = Limits(concurrency=1, batch=4)


def test_ready_messages_of_one_node_go_together() -> None:
    """Several of one key in their order; none for another node; one alone goes by itself."""

    async def run() -> None:
        service = Service()
        world = World(service, limits=LIMITS)
        world.resume()
        await loop().rest()
        for node, keys in ((0, "aabb"), (1, "ccc"), (0, "d"), (2, "e")):
            for key in keys:
                world.record(key, destinations=((0, (node, 9), False),))
        await loop().rest()
        assert service.batches == [
            ["a/1", "a/2", "b/3", "b/4"],
            ["c/5", "c/6", "c/7"],
        ]
        assert service.nodes == [(0, 9), (1, 9), (0, 9), (2, 9)]
        assert world.left() == []

    play(run())


def test_what_is_waited_for_goes_by_itself() -> None:
    """A batch has no answer for one of its messages."""

    async def run() -> None:
        async def behave(name: str, _: int) -> bytes:
            return name.encode()

        service = Service(behave)
        world = World(service, limits=LIMITS)
        world.resume()
        await loop().rest()
        answer = world.dispatcher.await_answer(2)
        for key, wait in (("a", False), ("b", True), ("c", False)):
            world.record(key, destinations=((0, (0,), wait),))
        await loop().rest()
        assert await answer == b"b/2"
        assert service.batches == [["a/1", "c/3"]]

    play(run())


def test_a_batch_that_is_refused_is_taken_apart() -> None:
    """Only the message that is no good becomes a dead letter."""

    async def run() -> None:
        async def behave(name: str, _: int) -> bytes:
            if name == "b/3":
                raise refused(422)
            return b""

        service = Service(behave)
        world = World(service, limits=LIMITS)
        world.resume()
        await loop().rest()
        for key in "abbc":
            world.record(key)
        await loop().rest()
        assert service.batches == [["a/1", "b/2", "b/3", "c/4"]]
        assert sorted(service.taken) == ["a/1", "b/2", "c/4"]
        assert [letter.id for letter in world.graves.letters] == ["b/3"]
        assert in_order(service.taken)

    play(run())


def test_a_batch_that_fails_is_tried_again_one_by_one() -> None:
    """A message that breaks the service costs the others a delay, and no more."""

    async def run() -> None:
        async def behave(name: str, _: int) -> bytes:
            if name.startswith("bad"):
                raise busy(500)
            return b""

        service = Service(behave)
        limits = Limits(concurrency=1, batch=4, retry=Schedule(give_up=5.0))
        world = World(service, limits=limits)
        world.resume()
        await loop().rest()
        for key in ("a", "bad", "c", "a"):
            world.record(key)
        await loop().rest()
        assert sorted(service.taken) == ["a/1", "a/4", "c/3"]
        (letter,) = world.graves.letters
        assert letter.id == "bad/2"
        assert letter.attempts > 1
        assert in_order(service.taken)

    play(run())


def test_a_batch_that_hears_410_parks_the_destination() -> None:
    """All of it stays, in its order."""

    async def run() -> None:
        gone = True

        async def behave(_: str, __: int) -> bytes:
            if gone:
                raise SinkGoneError
            return b""

        service = Service(behave)
        world = World(service, limits=LIMITS)
        world.resume()
        await loop().rest()
        for key in "aabbcc":
            world.record(key)
        await loop().rest()
        assert world.dispatcher.snapshot()[0].parked
        gone = False
        world.dispatcher.unpark("x:0")
        await loop().rest()
        assert in_order(service.taken)
        assert len(service.taken) == 6

    play(run())


def test_a_batch_that_hangs_is_called_off() -> None:
    """As a single message is."""

    async def run() -> None:
        async def behave(_: str, tries: int) -> bytes:
            if tries == 1:
                await asyncio.sleep(3600)
            return b""

        service = Service(behave)
        world = World(service, limits=LIMITS)
        world.resume()
        await loop().rest()
        for key in "ab":
            world.record(key)
        await loop().rest()
        assert [round(time - service.log[0][0]) for time, _ in service.log] == [0, 6, 6, 13]
        assert world.left() == []

    play(run())
