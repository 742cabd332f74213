"""E10, F1 and F2: too many connections, too many messages, and from one moment to the next."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .driver import Load
from .line import Line
from .oracle import Bounds
from .stand import CALM, stand

if TYPE_CHECKING:
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

SILENT = 1500
FLOOD = Load(rate=2500, seconds=1.5, asks=0.0)
"""More than one core does beside the one who sends it; each try that is refused comes again."""
RATES = (2500, 4000, 6000, 8000)
"""Until it is too much for this machine."""
SLOW_SINK = Bounds(duplicates=500)
"""The service is in the process of the flood, and may answer too late."""


def protected(setup: Setup) -> Setup:
    """Shed what is too much, as a gateway does unless told otherwise."""
    return replace(setup, overload="")


def test_e10_connections(row: str, tmp_path: Path) -> None:
    """A flood of silent connections: messages pass, and the operator's pages answer."""

    async def run() -> None:
        async with stand(row, tmp_path) as on:
            silent = [await Line.open(on.gateway.listen) for _ in range(SILENT)]
            await on.gateway.metrics()
            await on.driver.run(CALM)
            status, _ = await on.gateway.ready()
            on.hold(status == 200, f"/readyz says {status}")
            for line in silent:
                line.close()
            await on.healthy()
            await on.end()

    uvloop.run(run())


@pytest.mark.slow_faults
def test_f1_flood(row: str, tmp_path: Path) -> None:
    """Far too many messages: what is acknowledged arrives, what is refused is refused in time."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=protected) as on:
            for rate in RATES:
                if not on.driver.books.refused:
                    await on.driver.run(replace(FLOOD, rate=rate))
            on.hold(on.driver.books.refused > 0, "nothing was refused: it was no flood")
            _, report = await on.gateway.ready()
            on.hold(report["ready"], f"/readyz says {report}")
            await on.drained()

            async def is_over() -> bool:
                _, report = await on.gateway.ready()
                return not report["overload"]["pressed"]

            await on.gateway.until(is_over)
            await on.healthy()
            await on.end(SLOW_SINK)

    uvloop.run(run())


def test_f2_spike(row: str, tmp_path: Path) -> None:
    """From nothing to a peak and back, again and again, with questions among the messages."""

    async def run() -> None:
        async with stand(row, tmp_path, setup=protected) as on:
            for _ in range(3):
                await on.driver.run(replace(FLOOD, rate=1000, seconds=0.4, asks=0.2))
                await asyncio.sleep(0.5)  # the quiet in between
            await on.healthy()
            await on.end()

    uvloop.run(run())
