"""A13 and E12: callers that take every descriptor, or leave in the middle of a request."""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import number
from .driver import Load
from .line import Line, written
from .oracle import Bounds
from .stand import CALM, Stand, idle, stand

if TYPE_CHECKING:
    from pathlib import Path

    from wxgate.sim.player import Player

pytestmark = pytest.mark.timeout(150)

ABORTS = number("FAULT_ABORTS", 5000)
DESCRIPTORS = 256
RESET = struct.pack("ii", 1, 0)


def few_descriptors() -> None:
    """Leave the gateway so many files, connections and pipes."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def test_a13_no_descriptors(row: str, tmp_path: Path) -> None:
    """New connections wait; the journal opens its segments, and all is well when callers go."""

    async def run() -> None:
        async with stand(row, tmp_path, limits=few_descriptors) as on:
            await on.driver.run(CALM)
            greedy = [await Line.open(on.gateway.listen) for _ in range(2 * DESCRIPTORS)]
            # Kept connections go on; it takes several segments.
            await on.driver.run(Load(rate=300, seconds=2.0, asks=0.0, tries=1, padding=600))
            await idle(on)
            for line in greedy:
                line.close()
            silent = len(on.driver.books.silent)
            on.hold(on.driver.books.refused == 0, "the journal had no descriptor")
            await on.driver.run(CALM)
            on.hold(len(on.driver.books.silent) == silent, "not in good health again")
            # Who waits for a descriptor waits in silence: it is the kernel that holds him.
            await on.end(Bounds(silent=silent))

    uvloop.run(run())


def leave(port: int, request: bytes) -> None:
    """Send the beginning of a request, and reset the connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


async def leave_often(run: Stand, player: Player, times: int) -> None:
    """Break genuine calls off at random bytes, the last one included."""
    for _ in range(times):
        message = player.message("text", f"{run.random.randrange(10**15)} gone")
        request = written(player.call(message, int(time.time())))
        await asyncio.to_thread(
            leave, run.gateway.listen, request[: run.random.randint(1, len(request) - 1)]
        )
        run.cycles += 1


async def aborts(run: Stand, times: int) -> None:
    """Others send meanwhile; afterwards nothing of it is left."""
    await run.healthy()
    worker = run.gateway.workers()[0]
    before = worker.num_fds()
    sending = asyncio.create_task(run.driver.send(Load(rate=200, seconds=10**6)))
    await leave_often(run, run.gateway.player(), times)
    sending.cancel()
    await run.driver.finish()
    run.driver.close()

    async def let_go() -> bool:
        return worker.num_fds() <= before

    await run.gateway.until(let_go)
    _, page = await run.gateway.ready()
    run.hold(page.get("in_flight", 0) == 0, f"still in flight: {page}")
    run.hold(run.driver.books.broken == 0, "somebody else's connection broke")
    await run.healthy()
    await run.end()


def test_e12_clients_leave(row: str, tmp_path: Path) -> None:
    """Half a request is no message, and leaves no descriptor behind."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            await aborts(on, 150)

    uvloop.run(run())


@pytest.mark.slow_faults
@pytest.mark.timeout(1800)
def test_e12_many_clients_leave(row: str, tmp_path: Path) -> None:
    """The same, `FAULT_ABORTS` times."""

    async def run() -> None:
        async with stand(row, tmp_path, patience=1700.0) as on:
            await aborts(on, ABORTS)

    uvloop.run(run())
