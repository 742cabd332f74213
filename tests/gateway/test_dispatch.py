"""Dispatch over real connections: what the fakes of `tests/dispatch` stand for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wxgate.dispatch import Dispatcher, plan
from wxgate.dispatch.dead import Dead
from wxgate.dispatch.letters import Letters, Query
from wxgate.settings import load

from .services import Scripted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wxgate.dispatch.message import Stored

ACCOUNT = """
[account.shop]
kind = "official"
appid = "wx0123456789abcdef"
token = "env:TOKEN"
aes_key = "env:AES_KEY"
"""
ENVIRON = {"TOKEN": "QDG6eK", "AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}


@dataclass(frozen=True)
class Live:
    """A message that was just recorded."""

    seq: int
    account: str = "shop"
    type: str = "wechat.official.text"
    destinations: tuple[tuple[int, tuple[int, ...], bool], ...] = ((0, (0,), True),)

    @property
    def id(self) -> str:
        """The idempotency key."""
        return f"m{self.seq}"

    @property
    def key(self) -> str:
        """One of ten users."""
        return f"o{self.seq % 10}"

    @property
    def event(self) -> bytes:
        """A CloudEvent, as far as this goes."""
        return b'{"id":"%s"}' % self.id.encode()


class Log:
    """A journal in memory, in which nothing waits."""

    def __init__(self) -> None:
        """Nothing is settled."""
        self.settled: list[int] = []

    def read(self, _: int, __: int, ___: int, ____: int, /) -> tuple[list[Stored], int]:
        """Nothing waits."""
        return [], 0

    def settle(self, _: int, seqs: Sequence[int], /) -> None:
        """Remember."""
        self.settled += seqs

    def advance(self, _: int, __: int, /) -> None:
        """Nothing to remember."""


def started(path: Path, url: str, log: Log) -> tuple[Dispatcher, Dead]:
    """A dispatcher for one upstream, which does not wait long between its tries."""
    file = path / "wxgate.toml"
    retry = "retry = { first = 0.01, max = 0.05 }"
    route = '[[route]]\nto = "upstream:orders"\nreply = "wait"\n'
    file.write_text(f'{ACCOUNT}[upstream.orders]\nnodes = "{url}"\n{retry}\n{route}')
    made = plan(load(file, ENVIRON))
    dead = Dead(path / "dead.sqlite3")
    dispatcher = Dispatcher(made.places, nodes=lambda _, __: (0,), dead=dead)
    dispatcher.resume(log)
    return dispatcher, dead


def test_a_service_that_was_down_gets_everything_in_order(tmp_path: Path) -> None:
    """And its answers reach whoever waits for them."""

    async def run() -> None:
        log = Log()
        async with Scripted(status=503, body=b"answer") as service:
            dispatcher, _ = started(tmp_path, service.url, log)
            await asyncio.sleep(0)
            answers = [dispatcher.await_answer(seq) for seq in range(1, 31)]
            for seq in range(1, 31):
                dispatcher.recorded(seq, Live(seq))
            while not dispatcher.snapshot()[0].down:  # noqa: ASYNC110 (it is a state, not an event)
                await asyncio.sleep(0.01)
            tried = len(service.got)
            service.status = 200
            assert await asyncio.gather(*answers) == [b"answer"] * 30
            await dispatcher.drain(5)
        assert sorted(log.settled) == list(range(1, 31))
        taken = [int(request.body[8:-2]) for request in service.got[tried:]]
        for user in range(10):
            own = [seq for seq in taken if seq % 10 == user]
            assert sorted(set(own)) == sorted(own, key=own.index) == sorted(own)

    asyncio.run(run())


def test_what_a_service_refuses_is_a_dead_letter(tmp_path: Path) -> None:
    """With the status that it gave."""

    async def run() -> None:
        log = Log()
        async with Scripted(status=422) as service:
            dispatcher, dead = started(tmp_path, service.url, log)
            await asyncio.sleep(0)
            for seq in (1, 2):
                dispatcher.recorded(seq, Live(seq))
            while len(log.settled) < 2:  # noqa: ASYNC110 (the journal tells nobody)
                await asyncio.sleep(0.01)
            await dispatcher.drain(5)
            dead.close()

    asyncio.run(run())
    letters = [entry.letter for entry in Letters(tmp_path / "dead.sqlite3").find(Query())]
    assert len(letters) == 2
    assert all("HTTP 422" in letter.reason and letter.attempts == 1 for letter in letters)
