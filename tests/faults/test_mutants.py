"""The harness has to report each gateway that breaks a promise: else it proves nothing."""

from __future__ import annotations

import errno
import sys
from functools import partial
from pathlib import Path

import pytest
import uvloop

from . import mutants
from .driver import Load
from .shim import CHANGES, Action, Call, Rule
from .sink import OK, Arrival, Mode, Sink
from .stand import CONCURRENCY, Stand, stand

pytestmark = pytest.mark.timeout(150)

ENTRY = Path(mutants.__file__)
SOME = Load(rate=200, seconds=0.5, asks=0.0, duplicates=0.0)


async def killed_while_it_writes(run: Stand) -> None:
    """A slow disk, so that there is a time between the record and its end."""
    run.faults.set(Rule(Action.DELAY, [Call.SYNC, Call.WRITE], amount=300_000))
    await run.driver.send(SOME)
    run.faults.clear()
    await run.kill_and_restart()


async def failed_at_first(run: Stand) -> None:
    """A few records fail; their tries are sent again."""
    run.faults.set(Rule(Action.FAIL, [Call.WRITE], times=2, error=errno.EIO))
    await run.driver.run(SOME)


async def killed_with_a_backlog(run: Stand) -> None:
    """Nobody takes anything; then it is killed."""
    run.sink.hang_up()
    await run.driver.run(SOME)
    await run.kill_and_restart()
    await run.sink.listen()


async def duplicates(run: Stand) -> None:
    """WeChat sends again what was acknowledged."""
    await run.driver.run(Load(rate=200, seconds=0.5, duplicates=1.0, asks=1.0))


async def full_disk(run: Stand) -> None:
    """No room for a while."""
    run.faults.set(Rule(Action.FAIL, CHANGES, error=errno.ENOSPC))
    await run.driver.run(SOME)
    run.faults.clear()


def _often(sink: Sink, arrival: Arrival) -> Mode:
    """Refuse every third message once."""
    again = sink.shelf.arrived[arrival.number] > 0
    return OK if again or arrival.number % 3 else Mode(status=503)


async def retries_within_keys(run: Stand) -> None:
    """Few users, and a service that asks for some messages again."""
    run.sink.choose = partial(_often, run.sink)
    await run.driver.run(Load(rate=200, seconds=1.0, users=3, asks=0.0))


PLAYS = {
    "acknowledge_before_durable": (killed_while_it_writes, "lost:"),
    "done_before_record": (failed_at_first, "lost:"),
    "settle_before_delivery": (killed_with_a_backlog, "lost:"),
    "take_every_try_for_new": (duplicates, "duplicates, 0 allowed"),
    "acknowledge_on_a_full_disk": (full_disk, "lost:"),
    "let_messages_overtake": (retries_within_keys, "arrived before"),
    "forget_replies": (duplicates, "had several replies"),
}


async def verdict(run: Stand) -> None:
    """Judge when nothing moves any more."""
    await run.driver.finish()
    await run.drained(patience=1.0)  # what is lost stays away, however long one waits
    run.judge(run.crashes)


def play(row: str, name: str, folder: Path, library: Path, command: tuple[str, ...] = ()) -> None:
    """Put a gateway through a mutant's play."""

    async def run() -> None:
        async with stand(row, folder, library=library, command=command) as on:
            await PLAYS[name][0](on)
            await verdict(on)

    uvloop.run(run())


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_a_mutant_is_caught(row: str, name: str, tmp_path: Path, library: Path) -> None:
    """Its mistake is named."""
    with pytest.raises(AssertionError, match=PLAYS[name][1]):
        play(row, name, tmp_path, library, (sys.executable, str(ENTRY), name, "serve"))


@pytest.mark.slow_faults
@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_the_gateway_passes_its_play(row: str, name: str, tmp_path: Path, library: Path) -> None:
    """What the mutant is caught by is not the play itself."""
    play(row, name, tmp_path, library)


def test_a_service_that_drops_is_caught(row: str, tmp_path: Path) -> None:
    """It says that it has taken what it has not: nobody else could know."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            on.sink.forgets = lambda arrival: arrival.number % CONCURRENCY == 0
            await on.driver.run(SOME)
            await verdict(on)

    with pytest.raises(AssertionError, match="lost:"):
        uvloop.run(run())


@pytest.mark.slow_faults
def test_a_silent_gateway_is_caught(row: str, tmp_path: Path) -> None:
    """One that is stopped answers nothing for five seconds."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            worker = on.gateway.workers()[0]
            worker.suspend()
            await on.driver.run(Load(rate=100, seconds=0.3, tries=1))
            worker.resume()
            await verdict(on)

    with pytest.raises(AssertionError, match="no answer in 5 s"):
        uvloop.run(run())
