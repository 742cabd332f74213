"""What dispatch adds to a delivery: from `recorded` to the settlement; the sink does nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import uvloop
from wxgate.dispatch import Dispatcher, Limits, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_benchmark.fixture import BenchmarkFixture
    from wxgate.dispatch.message import Letter, Stored

MESSAGES = 1000


@dataclass(frozen=True, slots=True)
class Live:
    """A message as the recorder hands it on."""

    id: str
    key: str
    account: str = "shop"
    type: str = "wechat.official.text"
    event: bytes = b"{}"
    destinations: tuple[tuple[int, tuple[int, ...], bool], ...] = ((0, (0,), False),)


class Log:
    """A journal that holds nothing but counts."""

    def __init__(self) -> None:
        """Nothing is settled."""
        self.settled = 0

    def read(self, _: int, __: int, ___: int, ____: int, /) -> tuple[list[Stored], int]:
        """Nothing waits."""
        return [], 0

    def settle(self, _: int, seqs: Sequence[int], /) -> None:
        """Count."""
        self.settled += len(seqs)

    def advance(self, _: int, __: int, /) -> None:
        """Nothing to remember."""


class Sink:
    """Takes everything, at once or after a turn of the loop."""

    def __init__(self, *, waits: bool) -> None:
        """Give way once if it ``waits``, as anything that speaks to a socket does."""
        self._waits = waits

    async def deliver(self, _: bytes, __: Sequence[int]) -> bytes:
        """Take one."""
        if self._waits:
            await asyncio.sleep(0)
        return b""

    async def aclose(self) -> None:
        """Nothing to release."""


class Nowhere:
    """Nothing dies here."""

    async def bury(self, letter: Letter, /) -> None:
        """Say so."""
        raise AssertionError(letter.id)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The loop that the gateway runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as one:
        yield one


@pytest.mark.parametrize("tick", [1, 32])
@pytest.mark.parametrize("waits", [False, True])
def bench_deliver(
    benchmark: BenchmarkFixture, runner: asyncio.Runner, tick: int, *, waits: bool
) -> None:
    """A thousand messages of as many users, so many recorded in each turn of the loop."""
    log = Log()
    messages = [Live(str(at), f"o{at}") for at in range(MESSAGES)]

    async def start() -> Dispatcher:
        place = Place("x", Sink(waits=waits), Limits(queue=2 * MESSAGES, concurrency=256))
        made = Dispatcher([place], nodes=lambda _, __: (0,), dead=Nowhere())
        made.resume(log)
        await asyncio.sleep(0.01)
        return made

    dispatcher = runner.run(start())
    seq = 0

    async def deliver() -> None:
        nonlocal seq
        for at, message in enumerate(messages):
            seq += 1
            dispatcher.recorded(seq, message)
            if at % tick == 0:
                await asyncio.sleep(0)
        while log.settled < seq:  # noqa: ASYNC110 (an event would be one more thing to measure)
            await asyncio.sleep(0)

    benchmark.group = f"dispatch, {MESSAGES} messages, {tick} a tick"
    benchmark(lambda: runner.run(deliver()))
    assert dispatcher.snapshot()[0].delivered == log.settled == seq
    runner.run(dispatcher.drain(1))
