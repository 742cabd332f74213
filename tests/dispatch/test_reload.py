"""Destinations come, change and go while messages wait for them."""

from __future__ import annotations

import asyncio

import pytest
from wxgate.dispatch import Limits, Place
from wxgate.errors import SinkGoneError

from .clockwork import loop, play
from .world import Service, World, busy, in_order


def places(world: World, *services: Service | None, spec: object = None) -> dict[int, Place]:
    """A place for each service, at its index; None for one that is not configured."""
    del world
    return {
        at: Place(f"x:{at}", one, Limits(), spec)
        for at, one in enumerate(services)
        if one is not None
    }


def nodes(_: int, __: object) -> tuple[int, ...]:
    """Those of the next configuration."""
    return (7,)


def hold(gate: asyncio.Event) -> Service:
    """A service that takes nothing before the gate is open."""

    async def wait(_: str, __: int) -> bytes:
        await gate.wait()
        return b""

    return Service(wait)


def test_what_waits_goes_to_the_new_address_in_order() -> None:
    """What is open ends where it began; the old connections close only then."""

    async def run() -> None:
        gate = asyncio.Event()
        old, new = hold(gate), Service()
        world = World(old)
        world.resume()
        for _ in range(3):
            world.record("a")
        await asyncio.sleep(0.1)
        world.dispatcher.apply(places(world, new), nodes)
        world.record("b")
        await asyncio.sleep(0.1)
        assert (new.taken, old.closed) == (["b/4"], False)
        gate.set()
        await loop().rest()
        assert old.closed
        assert old.taken == ["a/1"]
        assert new.taken == ["b/4", "a/2", "a/3"]
        assert in_order([*old.taken, *new.taken])
        assert new.nodes[1:] == [(7,), (7,)]
        assert world.left() == []

    play(run())


def test_what_is_the_same_goes_on_untouched() -> None:
    """Not even its connections close."""

    async def run() -> None:
        service = Service()
        world = World(service)
        world.resume()
        same = places(world, service)
        world.dispatcher.apply(same, nodes)
        await loop().rest()
        service.closed = False
        world.dispatcher.apply(same, nodes)
        world.record("a")
        await loop().rest()
        assert (service.taken, service.closed) == (["a/1"], False)

    play(run())


def test_a_change_heals_what_was_parked_or_waits() -> None:
    """What the old address said is not said of the new one."""

    async def run() -> None:
        gone_for_good = SinkGoneError("HTTP 410")

        async def gone(_: str, __: int) -> bytes:
            raise gone_for_good

        async def later(_: str, __: int) -> bytes:
            raise busy(503, 3600.0)

        first, second, new = Service(gone), Service(later), Service()
        world = World(first, second)
        world.resume()
        world.record("a")
        world.record("b", destinations=((1, (0,), False),))
        await asyncio.sleep(1)
        assert [one.parked for one in world.dispatcher.snapshot()] == [True, False]
        world.dispatcher.apply(places(world, new, new), nodes)
        await loop().rest()
        assert sorted(new.taken) == ["a/1", "b/2"]

    play(run())


def test_a_destination_that_goes_gets_what_it_was_sent() -> None:
    """Also what comes late from a request of the configuration before; then it is closed."""

    async def run() -> None:
        gate = asyncio.Event()
        leaving, stays = hold(gate), Service()
        world = World(Service(), Service())
        world.resume()
        kept = Place("x:0", stays)
        world.dispatcher.apply({0: kept, 1: Place("x:1", leaving)}, nodes)
        world.record("a", destinations=((1, (0,), False),))
        await asyncio.sleep(0.1)
        world.dispatcher.apply({0: kept}, nodes)
        late = world.log.put("b", destinations=((1, (0,), False),), accepted=loop().wall())
        world.dispatcher.recorded(late.seq, late, fresh=False)
        assert [one.leaving for one in world.dispatcher.snapshot()] == [False, True]
        await asyncio.sleep(120)
        assert not leaving.closed
        gate.set()
        await asyncio.sleep(120)
        assert leaving.taken == ["a/1", "b/2"]
        assert leaving.closed
        assert [one.name for one in world.dispatcher.snapshot()] == ["x:0"]
        again = Service()
        world.dispatcher.apply({0: kept, 1: Place("x:1", again)}, nodes)
        world.record("c", destinations=((1, (0,), False),))
        await loop().rest()
        assert again.taken == ["c/3"]
        await world.dispatcher.drain(1)
        assert again.closed
        assert stays.closed

    play(run())


@pytest.mark.parametrize("turns", range(6))
def test_one_that_comes_back_while_it_closes_has_its_new_sink(turns: int) -> None:
    """The old one is closed, however far that was."""

    async def run() -> None:
        old, new = Service(), Service()
        world = World(old)
        world.resume()
        world.record("a")
        await asyncio.sleep(1)
        world.dispatcher.apply({}, nodes)
        while world.dispatcher._leaving:  # noqa: SLF001, ASYNC110 (nothing tells)
            await asyncio.sleep(0.5)
        for _ in range(turns):
            await asyncio.sleep(0)
        world.dispatcher.apply(places(world, new), nodes)
        await asyncio.sleep(1)
        world.record("a")
        await asyncio.sleep(1)
        assert (new.closed, old.closed) == (False, True)
        assert new.taken == ["a/2"]
        (standing,) = world.dispatcher.snapshot()
        assert not standing.leaving

    play(run())


def test_a_new_destination_finds_what_the_journal_holds_for_it() -> None:
    """It was configured once, and messages were left."""

    async def run() -> None:
        world = World(Service())
        world.log.put("a", destinations=((1, (0,), False),))
        world.resume()
        service = Service()
        world.dispatcher.apply({0: Place("x:0", Service()), 1: Place("x:1", service)}, nodes)
        world.record("b", destinations=((1, (0,), False),))
        await loop().rest()
        assert service.taken == ["a/1", "b/2"]

    play(run())


def test_limits_change_in_place() -> None:
    """Fewer tries at once, then more again."""

    async def run() -> None:
        async def slow(_: str, __: int) -> bytes:
            await asyncio.sleep(1)
            return b""

        service = Service(slow)
        world = World(service, limits=Limits(concurrency=4))
        world.resume()
        for at in range(40):
            world.record(str(at))
        await asyncio.sleep(0.5)
        assert service.open == 4
        fewer, more = Service(slow), Service(slow)
        world.dispatcher.apply({0: Place("x:0", fewer, Limits(concurrency=2))}, nodes)
        await asyncio.sleep(1)
        assert (service.open, fewer.open) == (0, 2)
        world.dispatcher.apply({0: Place("x:0", more, Limits(concurrency=8))}, nodes)
        await asyncio.sleep(1.1)
        assert (fewer.open, more.open) == (0, 8)
        await loop().rest()
        assert len([*service.taken, *fewer.taken, *more.taken]) == 40

    play(run())


def test_new_limits_of_the_same_sink_close_nothing() -> None:
    """An account more shares the window: nothing else of the destination has changed."""

    async def run() -> None:
        service = Service()
        world = World(Service())
        world.resume()
        world.dispatcher.apply({0: Place("x:0", service, Limits())}, nodes)
        for shared in (True, False):
            world.dispatcher.apply({0: Place("x:0", service, Limits(shared=shared))}, nodes)
            world.record("a")
            await loop().rest()
            assert not service.closed
        assert service.taken == ["a/1", "a/2"]

    play(run())
