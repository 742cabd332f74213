"""Destinations that are dead, slow, flapping or parked: what they cost, and what waits for them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

from wxgate.dispatch import Limits, Place, Schedule
from wxgate.errors import (
    SinkGoneError,
)
from wxgate.guard.breaker import Rules

from .clockwork import loop, play
from .world import Service, World, busy, in_order

if TYPE_CHECKING:
    import pytest

WORKERS = 8


def test_a_dead_destination_costs_one_attempt_per_backoff() -> None:
    """What was not tried is not blamed; with the first success everything goes at once."""

    async def run() -> None:
        healed = False

        async def behave(_: str, __: int) -> bytes:
            if not healed:
                raise busy(0)
            return b""

        service = Service(behave)
        world = World(service, limits=Limits(concurrency=1))
        world.resume()
        for at in range(500):
            world.record(f"k{at}")
        start = loop().time()
        await asyncio.sleep(600)
        first, *_ = world.dispatcher.snapshot()
        assert first.down
        assert world.board.total("x:0", "down") == 1
        probes = [time - start for time, _ in service.log[5:]]
        gaps = [round(after - before) for before, after in pairwise(probes)]
        assert [round(probes[0]), *gaps[:7]] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert len(service.tries) <= 20
        healed = True
        before = len(service.log)
        await loop().rest()
        assert world.left() == []
        assert {round(time - service.log[before][0]) for time, _ in service.log[before:]} == {0}
        assert not world.dispatcher.snapshot()[0].down

    play(run())


def test_workers_that_found_it_down_together_do_not_probe_it_together() -> None:
    """Each draws when, also under what a reload has made of the destination."""

    async def dead(_: str, __: int) -> bytes:
        raise busy(0)

    async def probes(worlds: list[World], service: Service) -> None:
        """Have all find it down at once, and demand that each then has a time of its own."""
        start = loop().time()
        for worker, world in enumerate(worlds):
            for at in range(5):
                world.record(f"{worker}-{at}-{start}")
        await asyncio.sleep(1)
        assert all(one.dispatcher.snapshot()[0].down for one in worlds)
        times = [time - start for time, _ in service.log if time > start]
        assert len(set(times)) == len(times) == WORKERS
        assert all(0.5 <= time < 1 for time in times)

    async def run() -> None:
        first, second = Service(dead), Service(dead)
        worlds = [World(first, seed=None) for _ in range(WORKERS)]
        for world in worlds:
            world.resume()
        await probes(worlds, first)
        for world in worlds:
            world.dispatcher.apply({0: Place("x:0", second)}, lambda *_: (0,))
        await probes(worlds, second)

    play(run())


def test_what_waited_for_a_dead_destination_goes_when_it_is_back() -> None:
    """All at once with the first success; but whoever was told how long waits that long."""

    async def run() -> None:
        async def behave(name: str, tries: int) -> bytes:
            if tries > 1:
                return b""
            if name.startswith("told"):
                raise busy(429, 1000.0)
            # These began before the gate closed, and fail just before the probe is answered.
            await asyncio.sleep(0.75 if name.startswith("late") else 0)
            raise busy(0)

        service = Service(behave)
        world = World(service)
        world.resume()
        for key in ("told", "late0", "late1", "k0", "k1", "k2", "k3", "k4"):
            world.record(key)
        start = loop().time()
        await loop().rest()
        done = {name: time - start for time, name in service.log}
        assert done.pop("told/1") == 1000
        assert set(done.values()) == {1.0}

    play(run())


def test_a_probe_that_cannot_be_read_gives_its_turn_back() -> None:
    """A journal that fails for a while does not leave the gate half-open for ever."""

    async def run() -> None:
        healed = False

        async def behave(_: str, __: int) -> bytes:
            if not healed:
                raise busy(0)
            return b""

        world = World(Service(behave), limits=Limits(queue=2, concurrency=1))
        world.resume()
        for at in range(10):
            world.record(f"k{at}")
        await asyncio.sleep(100)
        assert world.dispatcher.snapshot()[0].down
        world.log.failing = True
        await asyncio.sleep(300)
        world.log.failing, healed = False, True
        await loop().rest()
        assert world.left() == []

    play(run())


def test_a_slow_destination_is_left_alone_and_taken_up_again_gently() -> None:
    """D2: though it takes everything, its breaker opens; then the load grows with its answers."""

    async def run() -> None:
        slowness = 2.0

        async def behave(_: str, __: int) -> bytes:
            await asyncio.sleep(slowness)
            return b""

        service = Service(behave)
        rules = Rules(calls=20, slow_after=1.0, full=16)
        world = World(service, limits=Limits(concurrency=16, breaker=rules))
        world.resume()
        for at in range(200):
            world.record(f"k{at}")
        await asyncio.sleep(4.5)
        assert world.dispatcher.snapshot()[0].breaker == "open"
        assert world.board.total("x:0", "opened") == 1
        assert len(service.taken) == 32
        slowness = 0.1
        begun_before = service.open
        opens = []
        for seconds in (0.55, 0.1, 0.1):
            await asyncio.sleep(seconds)
            opens.append(service.open - begun_before)
        assert opens == [1, 2, 4]
        await loop().rest()
        assert service.most_open == 16
        assert world.left() == []

    play(run())


def test_retries_in_vain_are_bounded_and_what_is_new_is_tried() -> None:
    """A service that fails for most keys gets a few retries a second, not one for each key."""

    async def run() -> None:
        healed = False

        async def behave(name: str, _: int) -> bytes:
            if name.startswith("bad") and not healed:
                raise busy(500)
            return b""

        service = Service(behave)
        retry = Schedule(first=1.0, factor=1.0, max=1.0, budget=0.1, budget_floor=2.0)
        world = World(service, limits=Limits(retry=retry, breaker=Rules(in_a_row=1000, errors=1.0)))
        world.resume()
        for at in range(600):
            world.record(f"bad{at}")
            world.record(f"good{at}")
            await asyncio.sleep(0.1)
        retries = len(service.log) - 1200
        assert 100 < retries <= 20 + 0.1 * 600 + 2.0 * 60 + 16
        assert world.board.total("x:0", "postponed") > 1000
        assert sum(name.startswith("good") for name in service.taken) == 600
        healed = True
        start = loop().time()
        await loop().rest()
        assert world.left() == []
        assert loop().time() - start <= 2.0

    play(run())


def test_a_flapping_destination_is_served_whenever_it_is_up() -> None:
    """Half-open never sticks, and all is delivered in the end."""

    async def run() -> None:
        async def behave(_: str, __: int) -> bytes:
            await asyncio.sleep(0.01)
            if int(loop().time()) % 2:
                raise busy(0)
            return b""

        service = Service(behave)
        world = World(service, limits=Limits(queue=64, concurrency=8, retry=Schedule(max=3.0)))
        world.resume()
        start = loop().time()
        for at in range(3000):
            world.record(f"k{at % 300}")
            await asyncio.sleep(0.005)
        await loop().rest()
        assert world.left() == []
        # Swings no faster than it may: it stays open for a second at least.
        assert 1 <= world.board.total("x:0", "opened") <= loop().time() - start
        assert in_order(service.taken)
        assert len(set(service.taken)) == len(service.taken) == 3000

    play(run())


def test_410_parks_the_destination_until_told_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing more is tried, nothing is lost, no timer is set, and it is loud."""

    async def run() -> None:
        gone: Exception | None = SinkGoneError("http://x: HTTP 410")

        async def behave(_: str, __: int) -> bytes:
            if gone is not None:
                raise gone
            return b""

        service = Service(behave)
        world = World(service, limits=Limits(queue=8, concurrency=1))
        world.resume()
        for at in range(50):
            world.record(f"k{at % 3}")
        await loop().rest()
        assert len(service.log) == 1
        assert world.dispatcher.snapshot()[0].parked
        assert world.board.total("x:0", "parked") == 1
        assert len(world.left()) == 50
        gone = None
        assert not world.dispatcher.unpark("x:1")
        assert world.dispatcher.unpark("x:0")
        await loop().rest()
        assert world.left() == []
        assert in_order(service.taken)

    play(run())
    assert "x:0 is parked" in caplog.text


def test_a_destination_that_is_down_is_out_but_for_its_probe() -> None:
    """Who waits for its answer is told so, and a probe's answer still comes."""

    async def run() -> None:
        down = True

        async def behave(name: str, _: int) -> bytes:
            if down:
                raise busy(503)
            await asyncio.sleep(1)
            return name.encode()

        def ask(key: str) -> tuple[asyncio.Future[bytes], bool]:
            seq = len(world.log.messages) + 1
            answer = world.dispatcher.await_answer(seq)
            world.record(key, destinations=((0, (0,), False), (1, (0,), True)))
            return answer, world.dispatcher.is_out(seq)

        world = World(Service(), Service(behave), limits=Limits(breaker=Rules(in_a_row=2)))
        world.resume()
        await loop().rest()
        assert not ask("a")[1]
        assert not ask("b")[1]
        await asyncio.sleep(0.1)
        late, is_out = ask("c")
        assert is_out
        assert not world.dispatcher.is_out(99)
        down = False
        await asyncio.sleep(3600)
        assert late.result() == b"c/3"
        assert not ask("d")[1]
        await loop().rest()

    play(run())
