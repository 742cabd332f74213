"""The dispatcher as a whole: order, bounds, isolation, what becomes of each kind of answer."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxgate.dispatch import Dispatcher, Limits, Place, Schedule
from wxgate.errors import (
    SinkError,
    SinkGoneError,
    SinkRefusedError,
    SinkRetryError,
    StoreError,
)
from wxgate.guard.breaker import Rules

from .clockwork import loop, play
from .world import Graveyard, Message, Service, World, busy, in_order, refused

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


WRITTEN = "what the user wrote"


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


def test_retry_after_is_honoured() -> None:
    """Longer than the own delay: it counts. Shorter: the own delay does."""

    async def run() -> None:
        async def behave(name: str, tries: int) -> bytes:
            if tries == 1:
                raise busy(429, 30.0 if name.startswith("a") else 0.1)
            return b""

        service = Service(behave)
        world = World(service)
        world.resume()
        world.record("a")
        world.record("b")
        start = loop().time()
        await loop().rest()
        assert [(time - start, name) for time, name in service.log] == [
            (0.0, "a/1"),
            (0.0, "b/2"),
            (1.0, "b/2"),
            (30.0, "a/1"),
        ]

    play(run())


def test_a_client_error_is_a_dead_letter_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """The lane goes on with the next message, and the letter says all there is to say."""

    async def run() -> None:
        async def behave(name: str, _: int) -> bytes:
            if name.endswith("/1"):
                raise refused(422)
            return b""

        service = Service(behave)
        world = World(service)
        world.resume()
        world.record("a")
        world.record("a")
        await loop().rest()
        (letter,) = world.graves.letters
        assert (letter.id, letter.destination, letter.subject) == ("a/1", "x:0", "a")
        assert (letter.reason, letter.attempts) == ("refused: HTTP 422", 1)
        assert letter.accepted == letter.buried == loop().wall()
        assert service.taken == ["a/2"]
        assert world.left() == []
        assert world.dispatcher.snapshot()[0].dead == 1

    with caplog.at_level(logging.ERROR, "wxgate.dispatch"):
        play(run())
    assert "a/1 is a dead letter" in caplog.text


def test_a_message_is_settled_only_once_its_letter_is_kept() -> None:
    """A stop in between buries it again; nothing is lost."""

    async def run() -> None:
        async def behave(_: str, __: int) -> bytes:
            raise refused(400)

        world = World(Service(behave))
        world.graves.gate = asyncio.Event()
        world.resume()
        world.record("a")
        world.record("a")
        await loop().rest()
        assert world.left() == [1, 2]
        world.graves.gate.set()
        await loop().rest()
        assert world.left() == []

    play(run())


def test_what_cannot_be_buried_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk under the dead letters loses nothing."""

    async def run() -> None:
        async def behave(_: str, __: int) -> bytes:
            raise refused(400)

        world = World(Service(behave))
        world.graves.failing = StoreError("database or disk is full")
        world.resume()
        world.record("a")
        await asyncio.sleep(10)
        assert world.left() == [1]
        world.graves.failing = None
        await loop().rest()
        assert world.left() == []
        assert len(world.graves.letters) == 1

    play(run())
    assert "cannot be buried: database or disk is full" in caplog.text


def test_after_the_last_delay_a_message_is_given_up() -> None:
    """Its age counts from its acceptance."""

    async def run() -> None:
        async def behave(_: str, __: int) -> bytes:
            raise busy(503)

        service = Service(behave)
        world = World(service, limits=Limits(retry=Schedule(max=8.0, give_up=60.0)))
        world.resume()
        world.record("a")
        await loop().rest()
        (letter,) = world.graves.letters
        assert letter.reason == "gave_up: HTTP 503"
        assert 60_000 <= letter.buried - letter.accepted < 68_000
        assert letter.attempts == len(service.log)

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


def test_a_handler_that_raises_is_tried_again_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Anything counts as retryable, its own cancellation too; the traceback comes once."""

    async def run() -> None:
        async def behave(_: str, tries: int) -> bytes:
            if tries == 1:
                raise KeyError(WRITTEN)
            if tries == 2:
                raise asyncio.CancelledError
            if tries == 3:
                raise KeyError(tries)
            return b""

        world = World(Service(behave))
        world.resume()
        world.record("a")
        await loop().rest()
        assert world.left() == []
        assert world.dispatcher.snapshot()[0].retried == 3

    play(run())
    (record,) = caplog.records
    first, *frames = record.getMessage().splitlines()
    assert first == "x:0: the function raised KeyError"
    assert frames[-1].strip() == "raise KeyError(WRITTEN)"
    assert "dispatch/destination.py" not in record.getMessage()
    assert WRITTEN not in caplog.text


def test_an_answer_reaches_whoever_waits() -> None:
    """Also after retries; of several destinations the first that is waited for answers."""

    async def run() -> None:
        async def late(_: str, tries: int) -> bytes:
            if tries < 3:
                raise busy(503)
            return b"answer"

        async def other(_: str, __: int) -> bytes:
            return b"not this"

        world = World(Service(other), Service(late), Service(other))
        world.resume()
        await loop().rest()
        answer = world.dispatcher.await_answer(1)
        routes = ((0, (0,), False), (1, (0,), True), (2, (0,), True), (1, (9,), True))
        world.record("a", destinations=routes)
        await asyncio.sleep(1)
        assert not answer.done()
        assert await answer == b"answer"
        await loop().rest()
        assert [len(service.taken) for service in world.services] == [1, 1, 1]
        assert set(world.services[1].nodes) == {(0,)}

    play(run())


def test_an_answer_reaches_whoever_waits_though_the_window_is_full() -> None:
    """The message is read back from the journal; the answer finds its way all the same."""

    async def run() -> None:
        async def behave(name: str, _: int) -> bytes:
            await asyncio.sleep(1)
            return name.encode()

        world = World(Service(behave), limits=Limits(queue=1, concurrency=1))
        world.resume()
        await loop().rest()
        answers = [world.dispatcher.await_answer(seq) for seq in (1, 2, 3)]
        for _ in range(3):
            world.record("a", destinations=((0, (0,), True),))
        assert await asyncio.gather(*answers) == [b"a/1", b"a/2", b"a/3"]
        await loop().rest()

    play(run())


@pytest.mark.parametrize("refuses", [False, True])
def test_an_answer_that_comes_before_the_recorder_heard_is_not_lost(*, refuses: bool) -> None:
    """Who is behind reads what the committer wrote, and may be done before ``recorded``."""

    async def run() -> None:
        async def behave(name: str, _: int) -> bytes:
            if refuses:
                raise refused(400)
            return name.encode()

        world = World(Service(behave))
        message = world.log.put("a", destinations=((0, (0,), True),))
        world.resume()
        await loop().rest()
        assert not world.left()
        answer = world.dispatcher.await_answer(message.seq)
        world.dispatcher.recorded(message.seq, message)
        assert answer.done()
        assert isinstance(answer.exception(), SinkRefusedError) == refuses
        if not refuses:
            assert answer.result() == b"a/1"

    play(run())


def test_logs_name_an_address_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    """It may hold a secret; two bytes of a hash tell it from others."""

    async def behave(_: str, __: int) -> bytes:
        raise busy(503)

    async def run() -> None:
        world = World(Service(behave))
        place = Place("https://hooks.example/in?access_token=SECRET", world.services[0], Limits())
        world.dispatcher = Dispatcher([place], nodes=lambda *_: (0,), dead=world.graves)
        world.resume()
        await loop().rest()
        for at in range(6):
            world.record(f"u{at}")
        await asyncio.sleep(10)
        world.dispatcher.apply({}, nodes=lambda *_: (0,))
        await world.dispatcher.drain(0)

    with caplog.at_level(logging.INFO):
        play(run())
    assert "https://hooks.example/in?adbc fails" in caplog.text
    assert "https://hooks.example/in?adbc is configured no more" in caplog.text
    assert "SECRET" not in caplog.text


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


def test_waiting_ends_with_a_dead_letter_or_a_stop() -> None:
    """And whoever no longer listens is forgotten, while the delivery goes on."""

    async def run() -> None:
        async def behave(name: str, _: int) -> bytes:
            if name.startswith("no"):
                raise refused(400)
            await asyncio.sleep(3)
            if name.startswith("late"):
                raise busy(503)
            return b""

        service = Service(behave)
        world = World(service)
        world.resume()
        await loop().rest()
        waits = ((0, (0,), True),)
        no, unheard, late = (world.dispatcher.await_answer(seq) for seq in (1, 2, 3))
        for key in ("no", "ok", "late"):
            world.record(key, destinations=waits)
        with pytest.raises(SinkRefusedError):
            await no
        unheard.cancel()
        await asyncio.sleep(5)
        assert "ok/2" in service.taken
        await world.dispatcher.drain(10)
        with pytest.raises(SinkError):
            await late

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
