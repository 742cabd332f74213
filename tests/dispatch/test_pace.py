"""Deliveries at the rate of a limit, in virtual time: exact, in turn, and in nobody else's way."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from wxcore import Limits as Counted
from wxgate.dispatch import Limits
from wxgate.dispatch.pace import Pacing

from .clockwork import loop, play
from .world import Service, World, busy, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wxgate.dispatch.pace import Row

SECOND = 1_000_000


def pacing(of: Callable[[str], Sequence[Row]]) -> tuple[Pacing, list[tuple[int, bool]]]:
    """Limits by routing key, and what is counted."""
    seen: list[tuple[int, bool]] = []

    def find(event: bytes) -> Sequence[Row]:
        name = json.loads(event)["id"]
        return of(name.partition("/")[0])

    return Pacing(find, Counted(1000), lambda *one: seen.append(one)), seen


def slow(key: str) -> Sequence[Row]:
    """One a second for all keys that begin with "slow"."""
    return [(b"slow", SECOND, 0, 0)] if key.startswith("slow") else []


def gaps(service: Service, prefix: str) -> list[float]:
    """Seconds from the first try of such keys to each."""
    times = [at for at, name in service.log if name.startswith(prefix)]
    return [round(at - times[0], 3) for at in times]


def test_at_the_rate_in_order_and_nobody_else_waits() -> None:
    """A thousand users under one limit cost each other their turn, and the others nothing."""

    async def run() -> None:
        service = Service()
        rules, seen = pacing(slow)
        world = World(service, pacing=rules)
        world.resume()
        for at in range(40):
            world.record(f"slow{at % 20}")
        for at in range(200):
            world.record(f"free{at % 7}")
        started = loop().time()
        await loop().rest()
        assert gaps(service, "slow") == list(range(40))
        waited = [name for _, name in service.log if name.startswith("slow")]
        assert waited[:20] == [f"slow{at}/{at + 1}" for at in range(20)]
        assert max(at for at, name in service.log if name.startswith("free")) == started
        assert in_order(service.taken)
        assert world.left() == []
        assert seen.count((0, True)) == 40
        (standing,) = world.dispatcher.snapshot()
        assert standing.waiting == 0

    play(run())


def test_what_waits_does_not_fill_the_window() -> None:
    """It is left in the journal, so that what is free goes on being taken from memory."""

    async def run() -> None:
        service = Service()
        world = World(service, limits=Limits(queue=32), pacing=pacing(slow)[0])
        world.resume()
        for at in range(300):
            world.record(f"slow{at % 20}")
            world.record(f"free{at % 5}")
        started = loop().time()
        await asyncio.sleep(2)
        free = [at for at, name in service.log if name.startswith("free")]
        assert len(free) == 300
        assert max(free) <= started + 2
        await loop().rest()
        assert gaps(service, "slow") == list(range(300))
        assert world.left() == []
        assert in_order(service.taken)

    play(run())


def test_a_burst_goes_at_once_and_two_limits_hold_both() -> None:
    """All or nothing: what one limit denies uses up nothing of the other."""
    rows = [(b"a", SECOND, 4 * SECOND, 0), (b"b", 2 * SECOND, SECOND * 8, 1)]

    async def run() -> None:
        service = Service()
        rules, _ = pacing(lambda _: rows)
        world = World(service, pacing=rules)
        world.resume()
        for at in range(12):
            world.record(f"k{at}")
        await loop().rest()
        assert gaps(service, "k") == [0, 0, 0, 0, 0, *range(2, 16, 2)]

    play(run())


def test_a_try_that_fails_uses_up_its_turn() -> None:
    """What the destination sees is never more than the rate, retries included."""
    failing = {"slow0/1": 3}

    async def behave(name: str, tries: int) -> bytes:
        if tries <= failing.get(name, 0):
            raise busy(503)
        return b""

    async def run() -> None:
        service = Service(behave)
        world = World(service, pacing=pacing(slow)[0])
        world.resume()
        for at in range(6):
            world.record(f"slow{at}")
        await loop().rest()
        times = [at for at, _ in service.log]
        assert len(times) == 9
        assert all(later - one >= 0.999 for one, later in pairwise(times))

    play(run())


def test_limits_that_a_reload_brings_hold_for_what_left_its_event_in_the_journal() -> None:
    """Of heads that wait for a try only the place is kept, where others need the room."""

    async def run() -> None:
        down = True

        async def behave(name: str, _: int) -> bytes:
            if down and name.startswith("slow"):
                raise busy(503)
            return b""

        service = Service(behave)
        world = World(service, limits=Limits(queue=4))
        world.resume()
        await asyncio.sleep(0.1)
        for at in range(12):
            for key in ("slow", "free"):
                world.record(f"{key}{at}")
                await asyncio.sleep(0.3)
        items = list(world.dispatcher._at[0]._window.items())  # noqa: SLF001
        assert sum(item.message is None for item in items) > 4
        rules, _ = pacing(slow)
        world.dispatcher.pace(rules)
        down, before = False, len(service.log)
        await asyncio.sleep(1000)
        times = [at for at, name in service.log[before:] if name.startswith("slow")]
        assert len(times) >= 12
        assert all(later - sooner >= 0.999 for sooner, later in pairwise(times))
        assert world.left() == []

    play(run())


def test_a_restart_reads_what_waited_and_keeps_to_the_rate() -> None:
    """Nothing of the pace is kept but the rule."""

    async def run() -> None:
        service = Service()
        world = World(service, pacing=pacing(slow)[0])
        world.resume()
        for at in range(10):
            world.record(f"slow{at % 3}")
        await asyncio.sleep(2.5)
        await world.dispatcher.drain(0)
        assert len(service.taken) == 3
        world.log.cursors.clear()
        world.start()
        world.resume()
        await loop().rest()
        assert len(service.taken) == 10
        assert in_order(service.taken)
        assert world.left() == []

    play(run())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 900)), min_size=1, max_size=60),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_never_more_than_burst_and_rate_and_all_arrive(
    steps: list[tuple[int, int]], size: int, burst: int
) -> None:
    """Whatever comes when, under limits that overlap, in batches or not."""
    wide: Row = (b"wide", SECOND // 4, SECOND // 4 * (burst - 1), 0)
    narrow: Row = (b"narrow", SECOND // 2, 0, 1)

    def rows(key: str) -> Sequence[Row]:
        return {"k0": [], "k1": [narrow]}.get(key, [wide, narrow] if key == "k2" else [wide])

    async def run() -> None:
        service = Service()
        world = World(service, limits=Limits(queue=16, batch=size), pacing=pacing(rows)[0])
        world.resume()
        for key, wait in steps:
            world.record(f"k{key}")
            await asyncio.sleep(wait / 1000)
        await loop().rest()
        assert world.left() == []
        assert in_order(service.taken)
        for row in (wide, narrow):
            _, interval, tolerance, _ = row
            times = [at for at, name in service.log if row in rows(name.partition("/")[0])]
            allowed = tolerance // interval + 1
            for first, start in enumerate(times):
                for last in range(first, len(times)):
                    span = (times[last] - start) * SECOND + 2
                    assert last - first + 1 <= allowed + span / interval

    play(run())
