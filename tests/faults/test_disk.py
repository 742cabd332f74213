"""A8 to A12: a disk that fails, writes half, is slow, is full, or may not be written to."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import call_name, slow
from .driver import Load
from .oracle import Bounds
from .shim import CHANGES, Action, Call, Rule
from .stand import Stand, idle, now, stand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

STEADY = Load(rate=400, seconds=10**6, padding=600)
MEMORY = 64 << 20
"""Bytes by which a worker may grow while it cannot write: its queues are bounded."""
FLOOD = 10
"""Lines in the log that dozens of refusals may be worth: the disk may be full of them."""
EX_IOERR = 74


async def survives(run: Stand, rule: Rule, times: int = 1) -> None:
    """Set a fault under load a few times; then all must be well, also after a kill."""
    sending = asyncio.create_task(run.driver.send(STEADY))
    for _ in range(times):
        run.faults.set(rule)
        fired = run.faults.fired()
        async with asyncio.timeout(20):
            # The shim counts in shared memory: there is nothing to wait for.
            while run.faults.fired() == fired:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        run.cycles += 1
    await run.sink.until(lambda: len(run.sink.shelf.taken) > 100)
    run.faults.clear()
    sending.cancel()
    await run.driver.finish()
    await run.healthy()
    # What was acknowledged beside the fault must be readable, and whole.
    await run.kill_and_restart()
    await run.end(run.crashes)


@pytest.mark.parametrize("amount", [slow(0), slow(1), 40, slow(4096)])
def test_a8_short_write(row: str, tmp_path: Path, library: Path, amount: int) -> None:
    """The write is completed, or fails as a whole: no half record is acknowledged."""

    async def run() -> None:
        async with stand(row, tmp_path, library=library) as on:
            rule = Rule(Action.SHORT, [Call.WRITE], first=5, times=1, amount=amount)
            await survives(on, rule, times=3)

    uvloop.run(run())


@pytest.mark.parametrize("call", [Call.SYNC, Call.WRITE], ids=call_name)
def test_a9_failed_once(row: str, tmp_path: Path, library: Path, call: Call) -> None:
    """EIO once: what it concerned is not acknowledged, and the next is."""

    async def run() -> None:
        async with stand(row, tmp_path, library=library) as on:
            rule = Rule(Action.FAIL, [call], first=5, times=1, error=errno.EIO)
            await survives(on, rule, times=3)

    uvloop.run(run())


def test_a9_failed_for_good(row: str, tmp_path: Path, library: Path) -> None:
    """A disk that fails every sync ends the process with 74, and nothing is acknowledged."""

    async def run() -> None:
        async with stand(row, tmp_path, library=library) as on:
            await on.healthy()
            on.faults.set(Rule(Action.FAIL, [Call.SYNC], error=errno.EIO))
            sending = asyncio.create_task(on.driver.send(STEADY))
            code = await on.gateway.gone()
            on.hold(code == EX_IOERR, f"exit code {code}")
            sending.cancel()
            on.faults.clear()
            await on.driver.finish()
            await on.gateway.start()
            await on.healthy()
            await on.end()

    uvloop.run(run())


@pytest.mark.parametrize("milliseconds", [slow(100), slow(1000), 5000])
def test_a10_slow_sync(row: str, tmp_path: Path, library: Path, milliseconds: int) -> None:
    """Answers take longer, or are refusals; none comes too late, and memory has a bound."""

    async def run() -> None:

        def soon_answered(setup: Setup) -> Setup:
            return replace(setup, server="reply_budget = 2.0")

        async with stand(row, tmp_path, library=library, setup=soon_answered) as on:
            await on.healthy()
            before = on.gateway.resident()
            on.faults.set(Rule(Action.DELAY, [Call.SYNC], amount=milliseconds * 1000))
            await on.driver.run(Load(rate=400, seconds=1.0, padding=600, tries=1))
            grown = on.gateway.resident() - before
            on.faults.clear()
            on.hold(grown < MEMORY, f"grew by {grown} bytes")
            await on.driver.finish()
            await until_well(on)
            await on.healthy()
            await on.end()

    uvloop.run(run())


async def until_well(run: Stand) -> None:
    """Wait until a message is acknowledged again, by sending one at a time."""
    books = run.driver.books
    deadline = now() + 20
    before = books.answered
    while books.answered == before:
        run.hold(now() < deadline, "it does not recover")
        await run.driver.run(Load(rate=20, seconds=0.1, retry_after=0.2, duplicates=0.0))


async def refuses(run: Stand) -> None:
    """Demand that messages are refused, that it says so, and that it is not busy about it."""
    books = run.driver.books
    await run.driver.run(Load(rate=100, seconds=0.3, retry_after=0.1, tries=2))
    before, said = (books.answered, books.refused), run.gateway.said()
    await run.driver.run(Load(rate=100, seconds=0.3, retry_after=0.1, tries=2))
    after = books.answered, books.refused
    run.hold(after[0] == before[0] and after[1] > before[1], f"before {before}, after {after}")
    lines = run.gateway.said().removeprefix(said).count("\n")
    run.hold(lines < FLOOD, f"{lines} lines in the log about {after[1] - before[1]} refusals")
    status, page = await run.gateway.ready()
    run.hold(status == 503, f"/readyz says {status}: {page}")
    await idle(run)


async def comes_and_goes(run: Stand, rule: Rule) -> None:
    """Have a backlog, set a fault: the backlog leaves all the same; lift it: all is well."""
    run.sink.hang_up()
    await run.driver.run(Load(rate=300, seconds=0.5, asks=0.0))
    run.faults.set(rule)
    await refuses(run)
    await run.sink.listen()
    await run.drained()
    run.cycles += 1
    run.faults.clear()
    await until_well(run)
    await run.healthy()
    await run.kill_and_restart()
    await run.end(run.crashes)


@pytest.mark.parametrize("error", [errno.ENOSPC, slow(errno.EDQUOT)], ids=errno.errorcode.get)
def test_a11_disk_full(row: str, tmp_path: Path, library: Path, error: int) -> None:
    """Refuse, go on delivering, and recover unaided."""

    async def run() -> None:
        async with stand(row, tmp_path, library=library) as on:
            growing = CHANGES - {Call.SYNC, Call.UNLINK}
            await comes_and_goes(on, Rule(Action.FAIL, growing, error=error))

    uvloop.run(run())


def test_a12_read_only(row: str, tmp_path: Path, library: Path) -> None:
    """The same for a disk that was remounted."""

    async def run() -> None:
        async with stand(row, tmp_path, library=library) as on:
            changes = CHANGES - {Call.SYNC}
            await comes_and_goes(on, Rule(Action.FAIL, changes, error=errno.EROFS))

    uvloop.run(run())


def test_a12_folder_removed(row: str, tmp_path: Path) -> None:
    """Nothing is acknowledged into a file that has no name any more."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            await on.healthy()
            shutil.rmtree(on.gateway.journal)
            await on.driver.run(Load(rate=300, seconds=0.5))
            await on.drained()
            on.judge(Bounds())
            # It is made again, unaided; whatever was acknowledged since must outlive a kill.
            await until_well(on)
            on.sink.hang_up()
            await on.driver.run(Load(rate=300, seconds=0.5, asks=0.0))
            await on.sink.listen()
            await on.kill_and_restart()
            await on.healthy()
            await on.end(on.crashes)

    uvloop.run(run())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a tmpfs; test_a11_disk_full plays the same through the shim")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "wxgate-faults", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.slow_faults
def test_a11_tmpfs_full(row: str, small_disk: Path) -> None:
    """A disk that really is full: filled by a file that is none of ours."""

    async def run() -> None:
        async with stand(row, small_disk) as on:
            on.sink.hang_up()
            await on.driver.run(Load(rate=300, seconds=1.0, asks=0.0))
            with filled(small_disk):
                # Zero-filled segments take some more; then there is no room for the next one.
                await on.driver.run(Load(rate=600, seconds=4.0, asks=0.0, padding=600))
                await refuses(on)
                await on.sink.listen()
                await on.drained()
            await until_well(on)
            await on.healthy()
            await on.kill_and_restart()
            await on.end(on.crashes)

    uvloop.run(run())


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Take all that is left of a file system, for a while."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    yield
    filler.unlink()
