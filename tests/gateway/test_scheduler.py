"""How requests come to the loop: refused on the way, or once their bodies have come."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from granian.rsgi import ProtocolClosed
from wxgate import rsgi
from wxgate.reading import Reading, Request
from wxgate.scheduler import handing

from .conftest import LOG
from .theatre import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

    from wxgate.sim.call import Call

    from .conftest import Stage
    from .theatre import Theatre


class Body:
    """Granian's: it keeps whom it tells, as long as there is anything of it."""

    def __init__(self) -> None:
        """It has not come."""
        self._tell: Callable[[Body], object] = _heard
        self._said: bytes | Exception | None = None
        self.cancelled = False

    def __await__(self) -> Generator[None, None, bytes]:
        """Wait for it, as a task does."""
        while self._said is None:
            yield
        return self.result()

    def add_done_callback(self, tell: Callable[[Body], object], *, context: object) -> None:
        """Tell when it comes."""
        del context
        self._tell = tell

    def come(self, said: bytes | Exception) -> None:
        """It is there."""
        self._said = said
        asyncio.get_running_loop().call_soon(self._tell, self)

    def result(self) -> bytes:
        """Return it, or raise."""
        if isinstance(self._said, Exception):
            raise self._said
        assert self._said is not None
        return self._said

    def cancel(self) -> None:
        """Do not come, and say so."""
        self.cancelled = True
        asyncio.get_running_loop().call_soon(self._tell, self)


def _heard(_: Body) -> None:
    """Nobody wants to be told."""


class Proto:
    """Granian's, which is asked for a body and given an answer."""

    def __init__(self, content: bytes) -> None:
        """Not asked yet."""
        self._content = content
        self.asked: list[Body] = []
        self.answers: list[int] = []

    def __call__(self) -> Body:
        """Have the body come, when the test wants it to."""
        self.asked.append(Body())
        return self.asked[-1]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Tell it piece by piece."""
        yield self._content

    def response_bytes(self, status: int, headers: object, body: bytes) -> None:
        """Note an answer."""
        del headers, body
        self.answers.append(status)


@dataclass
class Scope:
    """What is known of a request before it is read."""

    headers: dict[str, str]
    path: str
    query_string: str
    method: str = "POST"
    client: str = "192.0.2.7:4711"


@dataclass
class Watcher:
    """A request of granian's."""

    scope: Scope
    proto: Proto
    ends: list[object] = field(default_factory=list)

    def taskref(self, task: object) -> None:
        """Keep the task."""

    def done(self) -> None:
        """Note the end."""
        self.ends.append("done")

    def err(self, error: BaseException) -> None:
        """Note a failure."""
        self.ends.append(error)


class Door:
    """What granian has for the gateway on stage."""

    def __init__(self, theatre: Theatre) -> None:
        """Hand requests over."""
        loop, state = asyncio.get_running_loop(), theatre.state

        async def serve(watcher: Watcher) -> None:
            await rsgi.serve(state, watcher.scope, watcher.proto)  # type: ignore[arg-type]
            watcher.done()

        self.pipeline = state.pipeline
        self.pipeline.turnstile.shedder.asked = True
        self._reading = Reading(state.pipeline, loop, contextvars.copy_context())
        self._hand = handing(self._reading, loop, serve)

    def hand(self, call: Call, **headers: str) -> Watcher:
        """Hand over a request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        watcher = Watcher(Scope(named, call.path, call.query), Proto(call.body))
        self._hand(watcher)
        return watcher

    @property
    def unread(self) -> int:
        """How many requests wait to be read."""
        shedder = self.pipeline.turnstile.shedder
        return shedder._let_in - shedder._begun  # noqa: SLF001 (it tells nobody)


async def ended(watcher: Watcher) -> None:
    """Wait until granian was told that it is over."""
    await until(lambda: watcher.ends)


@pytest.mark.parametrize(
    ("length", "ahead"), [("325", 1), ("65536", 1), ("65537", 0), ("-1", 0), (None, 0)]
)
def test_a_short_body_is_asked_for_once_and_ahead(
    stage: Stage, length: str | None, ahead: int
) -> None:
    """One that is long, or of unknown length, may be too long: a task sees to it."""
    theatre = stage(LOG)

    async def run() -> None:
        async with theatre.gateway:
            door, call = Door(theatre), theatre.call("shop", "text")[1]
            watcher = door.hand(call, **({} if length is None else {"content_length": length}))
            assert len(watcher.proto.asked) == ahead
            if length not in {None, "-1"}:
                await until(lambda: watcher.proto.asked)
                watcher.proto.asked[0].come(call.body)
            await ended(watcher)
            assert (watcher.proto.answers, watcher.ends) == (
                [413 if length == "-1" else 200],
                ["done"],
            )
            assert door.unread == 0

    # A length that is none is no length: granian's server does not let it pass.
    asyncio.run(run())


def test_a_body_may_be_too_long_for_the_gateway_alone(stage: Stage) -> None:
    """What it takes at most is set."""
    theatre = stage(LOG, server="max_body = 1024")

    async def run() -> None:
        async with theatre.gateway:
            watcher = Door(theatre).hand(theatre.call("shop", "text")[1], content_length="1025")
            await ended(watcher)
            assert (watcher.proto.asked, watcher.proto.answers) == ([], [413])

    asyncio.run(run())


def test_while_the_loop_is_behind_nothing_is_asked_for_ahead(stage: Stage) -> None:
    """Who refuses has no time for it."""
    theatre = stage(LOG)

    async def run() -> None:
        async with theatre.gateway:
            door, call = Door(theatre), theatre.call("shop", "text")[1]
            door.pipeline.turnstile.shedder.room = (512, 512)
            watcher = door.hand(call, content_length="325")
            assert not watcher.proto.asked
            await until(lambda: watcher.proto.asked)
            watcher.proto.asked[0].come(call.body)
            await ended(watcher)
            assert watcher.proto.answers == [200]

    asyncio.run(run())


def test_what_is_refused_unread_is_not_asked_for(stage: Stage) -> None:
    """It is answered there and then."""
    theatre = stage(LOG)

    async def run() -> None:
        async with theatre.gateway:
            door, call = Door(theatre), theatre.call("shop", "text")[1]
            door.pipeline.turnstile.shedder.room = (0, 0)
            watcher = door.hand(call, content_length="325")
            assert (watcher.proto.asked, watcher.proto.answers) == ([], [503])
            assert watcher.ends == ["done"]

    asyncio.run(run())


def test_a_body_that_does_not_come_is_given_up(stage: Stage) -> None:
    """It takes the room of those that wait for the loop, but not for as long as it takes."""
    theatre = stage(LOG, server="body_timeout = 0.6")

    async def run() -> None:
        async with theatre.gateway:
            door, call = Door(theatre), theatre.call("shop", "text")[1]
            watcher = door.hand(call, content_length="325")
            assert door.unread == 1
            await until(lambda: door.unread == 0)
            assert not watcher.ends, "for long enough it is only slow"
            await ended(watcher)
            assert (watcher.proto.answers, door.unread) == ([408], 0)
            assert watcher.proto.asked[0].cancelled
            await asyncio.sleep(0)
            assert watcher.ends == ["done"]
            # The next one is looked at as well, though nobody had to be for a while.
            after = door.hand(call, content_length="325")
            await ended(after)
            assert after.proto.answers == [408]

    asyncio.run(run())


def test_who_breaks_off_gets_no_answer(stage: Stage) -> None:
    """Nobody is there for it."""
    theatre = stage(LOG)

    async def run() -> None:
        async with theatre.gateway:
            door = Door(theatre)
            watcher = door.hand(theatre.call("shop", "text")[1], content_length="325")
            watcher.proto.asked[0].come(ProtocolClosed())
            await ended(watcher)
            assert (watcher.proto.answers, watcher.ends, door.unread) == ([], ["done"], 0)

    asyncio.run(run())


def test_a_mistake_of_ours_is_told_to_granian(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It logs it and answers 500; nobody else's message suffers, and no place is lost."""
    theatre = stage(LOG)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def run() -> None:
        async with theatre.gateway:
            door = Door(theatre)
            for step in ("claim", "again"):
                with monkeypatch.context() as patch:
                    owner = {"claim": door.pipeline.admission, "again": door.pipeline.flights}[step]
                    patch.setattr(owner, step, broken)
                    message, call = theatre.call("shop", "text")
                    if step == "again":
                        assert (await theatre.again("shop", message)).status == 200
                    watcher = door.hand(call, content_length="325")
                    watcher.proto.asked[0].come(call.body)
                    await ended(watcher)
                assert [type(end) for end in watcher.ends] == [ZeroDivisionError]
                assert door.pipeline.in_flight == 0

    asyncio.run(run())


@contextmanager
def uncollected() -> Iterator[None]:
    """Let nothing be freed but what nobody holds."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_what_is_answered_is_freed_at_once(stage: Stage) -> None:
    """Granian's objects cannot be freed where they hold each other: that would be for ever."""
    theatre = stage(LOG)

    async def run() -> int:
        async with theatre.gateway:
            door = Door(theatre)
            for _ in range(3):
                call = theatre.call("shop", "text")[1]
                watcher = door.hand(call, content_length="325")
                watcher.proto.asked.pop().come(call.body)
                await ended(watcher)
                assert watcher.proto.answers == [200]
                del watcher
            return sum(isinstance(one, Request) for one in gc.get_objects())

    with uncollected():
        assert asyncio.run(run()) == 0
