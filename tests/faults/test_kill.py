"""A1 and A2: kill -9 at any time, and at every call that changes a file of the journal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import call_name, number
from .driver import Load
from .gateway import PATIENCE, two_workers
from .oracle import Outage
from .shim import Action, Call, Rule
from .stand import Stand, now, stand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

KILLS = number("FAULT_KILLS", 20)
SAMPLE = number("FAULT_SAMPLE", 4)
"""Kills in `make test`; `.ci/run` asks for more."""
BATCH = 20
"""Kills on one folder."""
BOUNDARIES = number("FAULT_BOUNDARIES", 60)
LARGE = 600
"""Characters that fill a segment of 1 MiB with some hundred messages."""
BUSY = Load(rate=400, seconds=10**6, padding=LARGE)


async def under_load(run: Stand, kills: int) -> None:
    """Kill it again and again while messages, retries and duplicates keep coming."""
    sending = asyncio.create_task(run.driver.send(BUSY))
    for _ in range(kills):
        await asyncio.sleep(run.random.uniform(0.1, 1.2))  # when it strikes is the test's input
        await run.kill_and_restart()
    sending.cancel()
    await run.healthy()
    # Each worker has a journal of its own: a key's order holds within each.
    await run.end(replace(run.crashes, ordered="workers" not in run.gateway.setup.server))


def kill_anywhere(
    row: str,
    folder: Path,
    kills: int,
    *,
    setup: Callable[[Setup], Setup] = lambda setup: setup,
    patience: float = 60.0,
) -> None:
    """One folder's kills."""

    async def run() -> None:
        async with stand(row, folder, setup=setup, patience=patience) as on:
            await under_load(on, kills)

    uvloop.run(run())


def test_a1_kill_under_load(row: str, tmp_path: Path) -> None:
    """Nothing acknowledged is lost; what was in flight may come twice."""
    kill_anywhere(row, tmp_path, SAMPLE, patience=100.0)


def test_a1_kill_two_workers(row: str, tmp_path: Path) -> None:
    """Claims that workers share are kept on the disk: one that a kill left behind must not stay."""
    kill_anywhere(row, tmp_path, 4, setup=two_workers)


@pytest.mark.slow_faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(KILLS // BATCH // 4))
def test_a1_many_kills_two_workers(row: str, tmp_path: Path, batch: int) -> None:  # noqa: ARG001
    """The same, a quarter of `FAULT_KILLS` times."""
    kill_anywhere(row, tmp_path, BATCH, setup=two_workers, patience=400.0)


@pytest.mark.slow_faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(KILLS // BATCH))
def test_a1_many_kills(row: str, tmp_path: Path, batch: int) -> None:  # noqa: ARG001 (its name)
    """The same, `FAULT_KILLS` times."""
    kill_anywhere(row, tmp_path, BATCH, patience=400.0)


STRIKES = [Action.KILL_BEFORE, Action.KILL_AFTER]
CHANGING = [
    Call.WRITE,
    Call.SYNC,
    Call.RENAME,
    Call.UNLINK,
    Call.TRUNCATE,
    Call.OPEN,
    Call.MKDIR,
    Call.ALLOCATE,
]

SAMPLED = [(Call.WRITE, 3), (Call.SYNC, 2), (Call.RENAME, 1), (Call.UNLINK, 1)]
"""Of how many there are in every start and the second that follows it."""


async def strike(run: Stand, rule: Rule, within: float) -> bool:
    """Restart under a rule and send until it strikes; False if it never does in so many seconds."""
    down = now()
    run.faults.set(rule)
    if run.gateway.is_alive:
        await run.gateway.killed()
    await run.gateway.launch()
    # It may strike before the gateway is up: messages find nobody, and come again.
    sending = asyncio.create_task(run.driver.send(BUSY))
    ended = asyncio.create_task(run.gateway.gone(10 * PATIENCE))
    await asyncio.wait({ended}, timeout=within)
    struck = ended.done()
    ended.cancel()
    sending.cancel()
    run.cycles += struck
    run.faults.clear()
    if not struck:
        await run.gateway.killed()
    await run.gateway.start()
    run.outages.append(Outage(down, now()))
    return struck


def at_boundaries(
    row: str, folder: Path, library: Path, call: Call, ns: list[int], within: float = 2.0
) -> None:
    """Strike before and after the n-th call since the start, for each n.

    Within two seconds it has seen more messages than a segment holds.
    """
    patience = 40.0 + 10.0 * len(ns)

    async def run() -> None:
        async with stand(row, folder, library=library, patience=patience) as on:
            for n in ns:
                for action in STRIKES:
                    if not await strike(on, Rule(action, [call], first=n, times=1), within):
                        break
                else:
                    continue
                break
            seen = on.cycles > 0 or call not in dict(SAMPLED)
            on.hold(seen, "the shim has seen no such call: is it loaded?")
            await on.healthy()
            await on.end(on.crashes)

    uvloop.run(run())


@pytest.mark.parametrize(
    ("call", "n"), SAMPLED, ids=[f"{call.name.lower()}-{n}" for call, n in SAMPLED]
)
def test_a2_kill_at_calls(row: str, tmp_path: Path, library: Path, call: Call, n: int) -> None:
    """A sample of what `make faults` does for every n."""
    at_boundaries(row, tmp_path, library, call, [n], within=20.0)


@pytest.mark.slow_faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("call", CHANGING, ids=call_name)
def test_a2_kill_at_every_call(row: str, tmp_path: Path, library: Path, call: Call) -> None:
    """Every n from 1 on, until a run has no such call any more."""
    at_boundaries(row, tmp_path, library, call, list(range(1, BOUNDARIES + 1)))
