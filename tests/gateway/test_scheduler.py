"""How requests come to the loop: refused on the way, or with their bodies on theirs."""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass, field
from typing import Any

import pytest
from wxgate.guard.shedder import Shedder
from wxgate.scheduler import handing


@dataclass
class Proto:
    """Granian's, which is asked for a body and given an answer."""

    asked: int = 0
    answers: list[int] = field(default_factory=list)

    def __call__(self) -> asyncio.Future[bytes]:
        """Have the body come, which has come already."""
        self.asked += 1
        body: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        body.set_result(b"body")
        return body

    def response_bytes(self, status: int, headers: object, body: bytes) -> None:
        """Note an answer."""
        del headers, body
        self.answers.append(status)


@dataclass
class Scope:
    """What is known of a request before it is read."""

    headers: dict[str, str]
    path: str = "/cb/shop"


@dataclass
class Watcher:
    """A request of granian's."""

    scope: Scope
    proto: Proto = field(default_factory=Proto)
    ends: list[str] = field(default_factory=list)

    def taskref(self, task: object) -> None:
        """Keep the task."""

    def done(self) -> None:
        """Note the end."""
        self.ends.append("done")

    def err(self, error: BaseException) -> None:
        """Note a failure."""
        self.ends.append(repr(error))


async def serve(watcher: Any) -> None:
    """Read a request and answer it, as granian has the gateway do."""
    body = await watcher.proto()
    watcher.proto.response_bytes(200, [], body)
    watcher.done()


async def scheduled(shedder: Shedder, headers: dict[str, str]) -> tuple[Watcher, int]:
    """Hand over a request; also how often its body was asked for before the loop had a turn."""
    hand = handing(shedder, asyncio.get_running_loop(), serve, contextvars.copy_context())
    watcher = Watcher(Scope(headers))
    hand(watcher)
    before = watcher.proto.asked
    async with asyncio.timeout(5):
        while not watcher.ends:  # noqa: ASYNC110 (whoever serves tells nobody)
            await asyncio.sleep(0)
    return watcher, before


@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        ({"content-length": "325"}, 1),
        ({"content-length": "65536"}, 1),
        ({"content-length": "65537"}, 0),
        ({"content-length": "-1"}, 0),
        ({}, 0),
    ],
)
def test_a_short_body_is_asked_for_once_and_ahead(headers: dict[str, str], ahead: int) -> None:
    """One that is long, or of unknown length, may be too long: the gateway asks for it."""

    async def run() -> None:
        watcher, before = await scheduled(Shedder([]), headers)
        assert (before, watcher.proto.asked) == (ahead, 1)
        assert (watcher.proto.answers, watcher.ends) == ([200], ["done"])

    asyncio.run(run())


def test_while_the_loop_is_behind_nothing_is_asked_for_ahead() -> None:
    """Who refuses has no time for it."""

    async def run() -> None:
        shedder = Shedder([])
        shedder.room = (512, 512)
        watcher, before = await scheduled(shedder, {"content-length": "325"})
        assert (before, watcher.proto.asked) == (0, 1)
        assert (watcher.proto.answers, watcher.ends) == ([200], ["done"])

    asyncio.run(run())


def test_what_is_refused_unread_is_not_asked_for() -> None:
    """It is answered there and then."""

    async def run() -> None:
        shedder = Shedder([])
        shedder.apply(["shop"], [], (503, "text/plain", b"busy"))
        shedder.room = (0, 0)
        watcher, _ = await scheduled(shedder, {"content-length": "325"})
        assert watcher.proto.asked == 0
        assert (watcher.proto.answers, watcher.ends) == ([503], ["done"])

    asyncio.run(run())
