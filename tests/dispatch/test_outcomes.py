"""What becomes of each kind of answer: tried again, buried, given up, told to whoever waits."""

from __future__ import annotations

import asyncio
import logging

import pytest
from wxgate.dispatch import Dispatcher, Limits, Place, Schedule
from wxgate.errors import (
    SinkError,
    SinkRefusedError,
    StoreError,
)

from .clockwork import loop, play
from .world import Service, World, busy, refused

WRITTEN = "what the user wrote"


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
