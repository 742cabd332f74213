"""A5 and A14: a worker that crashes, and a second gateway on the folder of the first."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import signal_name, slow
from .driver import Load
from .gateway import Gateway, two_workers
from .stand import stand

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(150)

STEADY = Load(rate=400, seconds=10**6)


@pytest.mark.parametrize("number", [signal.SIGSEGV, slow(signal.SIGKILL)], ids=signal_name)
def test_a5_worker_crash(row: str, tmp_path: Path, number: signal.Signals) -> None:
    """Others serve on, and what the dead one left is delivered without a restart."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=two_workers) as on:
            sending = asyncio.create_task(on.driver.send(STEADY))
            for victim in on.gateway.workers():
                await asyncio.sleep(on.random.uniform(0.3, 0.8))  # when it strikes: the input
                await on.worker_dies(victim, number)
            sending.cancel()
            await on.driver.finish()
            await on.drained()
            await on.healthy()
            # Each worker has a journal of its own: a key's order holds within each.
            await on.end(replace(on.crashes, ordered=False))

    uvloop.run(run())


def test_a5_crash_loop(row: str, tmp_path: Path) -> None:
    """A worker that dies again and again is replaced, ever later; the other one serves on."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=two_workers) as on:
            sending = asyncio.create_task(on.driver.send(STEADY))
            for _ in range(4):
                # The newest is the one that has replaced the last victim.
                victim = max(on.gateway.workers(), key=lambda worker: worker.create_time())
                await on.worker_dies(victim, signal.SIGKILL)
            sending.cancel()
            on.hold("started again in" in on.gateway.said(), "it does not say that it waits")
            await on.driver.finish()
            await on.drained()
            await on.healthy()
            await on.end(replace(on.crashes, ordered=False))

    uvloop.run(run())


def test_a14_second_gateway_on_one_folder(row: str, tmp_path: Path) -> None:
    """It refuses to start, says why, and harms nothing."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            second = Gateway(tmp_path, on.gateway.setup)
            before = on.gateway.log.stat().st_size
            sending = asyncio.create_task(on.driver.run(Load(rate=300, seconds=1.0)))
            await second.launch()
            code = await second.gone()
            said = on.gateway.said()[before:]
            on.hold(code not in (0, -9), f"the second one ended with {code}")
            on.hold("journal" in said and "Traceback" not in said, f"it said: {said}")
            await sending
            await on.healthy()
            await on.end()

    uvloop.run(run())
