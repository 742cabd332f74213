"""The dispatcher as a whole: order, bounds, isolation, a stop, a journal that fails."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxgate.dispatch import Dispatcher, Limits, Place, Schedule
from wxgate.errors import (
    SinkRetryError,
)

from .clockwork import loop, play
from .world import Graveyard, Message, Service, World, busy, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .world import Behaviour


def test_what_is_recorded_is_delivered_once_and_settled() -> None:
    """The plain case: nothing is read from the journal, nothing is left to do."""

    async def run() -> None:
        service = Service()
        world = World(service)
        world.resume()
        await loop().rest()
        world.log.failing = True
        names = [world.record(f"k{at % 7}").id for at in range(100)]
        await loop().rest()
        assert sorted(service.taken) == sorted(names)
        assert in_order(service.taken)
        assert world.left() == []
        assert world.log.cursors == {0: 100}
        (standing,) = world.dispatcher.snapshot()
        assert (standing.delivered, standing.held, standing.behind) == (100, 0, False)
        assert world.dispatcher.snapshot()[0].delivered == 100
        assert set(service.nodes) == {(0,)}

    play(run())


def unsteady(seed: int, trouble: float) -> Behaviour:
    """A service that takes its time and fails at random."""
    dice = random.Random(seed)  # noqa: S311 (a script, not a secret)

    async def behave(_: str, __: int) -> bytes:
        if dice.random() < 0.7:
            await asyncio.sleep(dice.random())
        if dice.random() < trouble:
            raise dice.choice([SinkRetryError("HTTP 503"), SinkRetryError("429", 3.0), OSError(1)])
        return b""

    return behave


@dataclass(frozen=True)
class Weather:
    """What a run of random deliveries meets."""

    seed: int
    trouble: float
    queue: int
    concurrency: int
    batch: int
    keys: int
    before: int
    """Messages that wait in the journal at the start."""


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Weather,
        seed=st.integers(0, 2**32),
        trouble=st.sampled_from([0.0, 0.0, 0.2, 0.6]),
        queue=st.sampled_from([1, 2, 5, 40, 200]),
        concurrency=st.sampled_from([1, 3, 64]),
        batch=st.sampled_from([1, 1, 4]),
        keys=st.sampled_from([1, 4, 50]),
        before=st.integers(0, 60),
    )
)
def test_order_per_key_and_nothing_lost_or_doubled(weather: Weather) -> None:
    """Whatever fails and however small the window: each is taken once, in order within its key."""

    async def run() -> None:
        dice = random.Random(weather.seed)  # noqa: S311 (a script, not a secret)
        service = Service(unsteady(weather.seed, weather.trouble))
        limits = Limits(queue=weather.queue, concurrency=weather.concurrency, batch=weather.batch)
        world = World(service, limits=limits, seed=dice.random())
        for _ in range(weather.before):
            world.log.put(f"k{dice.randrange(weather.keys)}", accepted=loop().wall())
        world.resume()
        for _ in range(150):
            world.record(f"k{dice.randrange(weather.keys)}")
            if dice.random() < 0.3:
                await asyncio.sleep(dice.random() / 2)
            assert world.dispatcher.snapshot()[0].held <= weather.queue + weather.concurrency
        await loop().rest()
        assert world.left() == []
        assert sorted(service.taken) == sorted(one.id for one in world.log.messages)
        assert in_order(service.taken)
        assert service.most_open <= weather.concurrency
        assert world.dispatcher.snapshot()[0].lost == 0

    play(run())


def test_an_idle_dispatcher_schedules_no_timer() -> None:
    """Neither the deadline of a try nor a retry outlives what it was for."""

    async def run() -> None:
        async def behave(_: str, tries: int) -> bytes:
            await asyncio.sleep(0.5)
            if tries == 1:
                raise busy(503)
            return b""

        world = World(Service(behave))
        world.resume()
        start = loop().time()
        for key in "abc":
            world.record(key)
        await loop().rest()
        assert loop().time() - start == 2.0
        assert world.left() == []

    play(run())


class Endless:
    """A journal of a million messages, made when they are read."""

    TOTAL = 1_000_000

    def __init__(self) -> None:
        """Nothing is settled."""
        self.settled = bytearray(self.TOTAL + 1)

    def read(self, _: int, after: int, limit: int, __: int, /) -> tuple[list[Message], int]:
        """Make the next messages."""
        seqs = range(after + 1, min(after + limit, self.TOTAL) + 1)
        found = [Message(seq, f"k{seq % 5000}") for seq in seqs if not self.settled[seq]]
        return found, max(after, seqs.stop - 1)

    def settle(self, _: int, seqs: Sequence[int], /) -> None:
        """Settle, each once."""
        for seq in seqs:
            assert not self.settled[seq]
            self.settled[seq] = 1

    def advance(self, _: int, __: int, /) -> None:
        """Nothing to remember."""


class Counter:
    """Takes everything, looking at the window now and then."""

    def __init__(self, look: Callable[[], int]) -> None:
        """Call ``look`` for every thousandth."""
        self.look = look
        self.taken = self.most = 0

    async def deliver(self, _: bytes, __: Sequence[int]) -> bytes:
        """Take one."""
        self.taken += 1
        if self.taken % 1000 == 0:
            self.most = max(self.most, self.look())
        return b""

    async def aclose(self) -> None:
        """Nothing to release."""


def test_a_million_entries_pass_through_a_small_window() -> None:
    """Memory is bounded by the window, whatever waits in the journal."""

    async def run() -> None:
        counter = Counter(lambda: dispatcher.snapshot()[0].held)
        dispatcher = Dispatcher([Place("x", counter)], nodes=lambda _, __: (0,), dead=Graveyard())
        log = Endless()
        dispatcher.resume(log)
        await loop().rest()
        assert counter.taken == Endless.TOTAL
        assert 0 < counter.most <= Limits().queue
        assert log.settled.count(1) == Endless.TOTAL

    play(run())


@pytest.mark.parametrize(("stuck", "every"), [(1, 100), (40, 100), (3000, 4)])
def test_stuck_keys_hold_up_nothing_else(stuck: int, every: int) -> None:
    """Neither one key with a long tail nor thousands of keys take the window from the others."""

    async def run() -> None:
        healed = False

        async def behave(name: str, _: int) -> bytes:
            if name.startswith("bad") and not healed:
                raise busy(500)
            return b""

        service = Service(behave)
        world = World(service, limits=Limits(queue=256, concurrency=8, retry=Schedule(max=30.0)))
        world.resume()
        await loop().rest()
        for at in range(6000):
            world.record(f"bad{at % stuck}")
            if at % every == 0:
                world.record(f"good{at}")
                await asyncio.sleep(0.001 * every)
        await asyncio.sleep(5)
        good = [name for name in service.taken if name.startswith("good")]
        assert len(good) == 6000 // every
        assert world.dispatcher.snapshot()[0].held <= 256 + 8
        healed = True
        await loop().rest()
        assert world.left() == []
        assert in_order(service.taken)
        assert len(service.taken) == len(set(service.taken)) == 6000 + 6000 // every

    play(run())


def test_a_hanging_key_is_called_off_and_holds_up_nothing_else() -> None:
    """One timer ends what does not end by itself; the others went on all the time."""

    async def run() -> None:
        async def behave(name: str, tries: int) -> bytes:
            if name.startswith("slow") and tries == 1:
                await asyncio.sleep(3600)
            return b""

        service = Service(behave)
        world = World(service, limits=Limits(queue=64, concurrency=8, timeout=5.0))
        world.resume()
        start = loop().time()
        for at in range(1000):
            world.record("slow" if at % 2 else f"k{at}")
        await asyncio.sleep(1)
        assert len([name for name in service.taken if name.startswith("k")]) == 500
        await loop().rest()
        assert in_order(service.taken)
        assert world.left() == []
        tries = [time - start for time, name in service.log if name == "slow/2"]
        assert tries == [0.0, 6.0]

    play(run())


def test_a_stuck_destination_holds_up_no_other() -> None:
    """Each destination has a window and a cursor of its own."""

    async def run() -> None:
        async def never(_: str, __: int) -> bytes:
            raise busy(0)

        down, up = Service(never), Service()
        world = World(down, up, limits=Limits(queue=16, concurrency=4))
        world.resume()
        both = ((0, (0,), False), (1, (0,), False))
        for at in range(1000):
            world.record(f"k{at}", destinations=both)
            await asyncio.sleep(0.01)
        assert len(up.taken) == 1000
        assert world.left(1) == []
        assert len(world.left(0)) == 1000
        assert world.dispatcher.snapshot()[0].behind
        await world.dispatcher.drain(1)

    play(run())


def test_a_sink_that_never_waits_leaves_the_loop_to_others() -> None:
    """A worker steps aside now and then."""

    async def run() -> None:
        world = World(Service(), limits=Limits(concurrency=1))
        world.resume()
        await loop().rest()
        for at in range(1000):
            world.record(f"k{at}")
        turns = 0
        while world.dispatcher.snapshot()[0].delivered < 1000:
            turns += 1
            await asyncio.sleep(0)
        assert turns >= 1000 // 64
        await loop().rest()

    play(run())


def test_a_stop_waits_for_what_is_open_and_leaves_the_rest() -> None:
    """What is not delivered stays in the journal; the next start delivers it, and only that."""

    async def run() -> None:
        async def behave(name: str, tries: int) -> bytes:
            await asyncio.sleep(100 if name.startswith("slow") and tries == 1 else 1)
            return b""

        service = Service(behave)
        world = World(service, limits=Limits(concurrency=4, timeout=None))
        world.resume()
        for key in ("a", "b", "slow", "a", "b"):
            world.record(key)
        await asyncio.sleep(0.5)
        start = loop().time()
        await world.dispatcher.drain(3)
        assert loop().time() - start <= 4
        assert sorted(service.taken) == ["a/1", "b/2"]
        assert world.left() == [3, 4, 5]
        assert service.closed
        world.record("c")
        await loop().rest()
        assert len(service.log) == 3
        world.start()
        world.resume()
        await loop().rest()
        assert world.left() == []
        assert len(service.taken) == len(set(service.taken)) == 6

    play(run())


def test_a_journal_that_cannot_be_read_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """Once a second, not in a busy loop; what is in memory goes on."""

    async def run() -> None:
        service = Service()
        world = World(service)
        world.log.put("a")
        world.log.failing = True
        world.resume()
        await asyncio.sleep(10)
        assert service.taken == []
        world.log.failing = False
        await loop().rest()
        assert service.taken == ["a/1"]

    play(run())
    assert 8 <= len(caplog.records) <= 12


def test_a_journal_that_cannot_be_told_is_told_again() -> None:
    """Nothing that was taken is taken twice while the process lives."""

    async def run() -> None:
        service = Service()
        world = World(service)
        world.resume()
        world.log.deaf = True
        world.record("a")
        await asyncio.sleep(5)
        assert world.left() == [1]
        world.record("b")
        await asyncio.sleep(5)
        world.log.deaf = False
        await loop().rest()
        assert world.left() == []
        assert service.taken == ["a/1", "b/2"]

    play(run())


def test_big_events_bound_the_window_by_their_bytes() -> None:
    """A thousand messages of a megabyte are not all kept in memory."""

    async def run() -> None:
        async def behave(_: str, __: int) -> bytes:
            await asyncio.sleep(1)
            return b""

        world = World(Service(behave))
        world.resume()
        await loop().rest()
        for at in range(100):
            world.record(f"k{at}", size=1024 * 1024)
        assert world.dispatcher.snapshot()[0].held <= 64
        await loop().rest()
        assert world.left() == []

    play(run())


def test_orphans_are_reported_and_left_alone() -> None:
    """What goes to a destination that is configured no more stays in the journal."""

    async def run() -> None:
        world = World(Service())
        world.log.put("a", destinations=((1, (0,), False),))
        world.dispatcher.resume(world.log, ["upstream:old"])
        await loop().rest()
        assert world.dispatcher.orphans == ("upstream:old",)
        assert world.left(1) == [1]

    play(run())
