"""Real ``wxgate work`` processes between a stream and the service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .conftest import kept_by, slow
from .driver import Load
from .gateway import SMALL
from .oracle import Bounds
from .stand import stand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    import pytest
    from servers.server import Server

    from .gateway import Setup
    from .keeper import Keeper
    from .oracle import Outage
    from .stand import Stand

LEASE = 1.0
PATIENCE = 20.0
LOAD = Load(rate=300, seconds=3.0, asks=0.0)
CALM = replace(LOAD, rate=200, seconds=0.3, duplicates=0.0)
PARTITIONS = 8
HANDS = PARTITIONS * 256
"""What workers may have in hand when one dies, or the stream is lost: then it is handled again."""
OTHERS = ("redis8", "redis7", "valkey8")
CLUSTERS = ("cluster-valkey9", "cluster-redis8", "cluster-redis7")
_HUB = """\
[stream.wechat]
redis = "{url}"
partitions = {partitions}
timeout = 1.0
retry = {{ first = 0.05, factor = 2.0, max = 0.5, give_up = 86400.0 }}

[dispatch.retry]
first = 0.05
max = 0.5

[[route]]
to = "stream:wechat"
"""


@dataclass(slots=True)
class Workers:
    """The team's workers: each is a process in a group."""

    folder: Path
    config: Path
    target: str
    lease: float = LEASE
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start(self, name: str, *more: str) -> None:
        """Start one, and wait until it hears signals; it joins in its own time."""
        before = self._starts(name)
        command = (sys.executable, "-m", "wxgate.cli", "work", "stream:wechat", "--to", self.target)
        options = ("--config", self.config.name, "--consumer", name, "--lease", str(self.lease))
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = await asyncio.create_subprocess_exec(
                *command, *options, *more, cwd=self.folder, stdout=log, stderr=log
            )
        async with asyncio.timeout(PATIENCE):
            while self._starts(name) == before:  # noqa: ASYNC110 (another process writes it)
                await asyncio.sleep(0.01)

    def _starts(self, name: str) -> int:
        log = self.folder / f"{name}.log"
        return log.read_text().count(" works on ") if log.exists() else 0

    async def end(self, name: str, number: signal.Signals) -> int:
        """Send a signal, and wait for the end; return the exit code."""
        process = self.running.pop(name)
        process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            return await process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send all a signal that ends none."""
        for process in self.running.values():
            process.send_signal(number)

    async def dies(self, name: str) -> int:
        """Wait until one ends by itself."""
        async with asyncio.timeout(PATIENCE):
            return await self.running.pop(name).wait()

    def said(self, name: str) -> str:
        """What one has logged."""
        return (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        """Kill those that still run."""
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


@asynccontextmanager
async def hub(
    row: str,
    folder: Path,
    url: str,
    names: Sequence[str] = ("a", "b"),
    *,
    lease: float = LEASE,
    patience: float = 60.0,
) -> AsyncIterator[tuple[Stand, Workers]]:
    """Gateway, stream, workers and service, all up."""

    def into_the_stream(setup: Setup) -> Setup:
        # The journal keeps what the stream may lose.
        kept = SMALL.replace("retain = 0\nretain_bytes = 0", "retain = 1.0")
        return replace(setup, routes=_HUB.format(url=url, partitions=PARTITIONS), journal=kept)

    async with stand(row, folder, setup=into_the_stream, patience=patience) as on:
        target = f"http://127.0.0.1:{on.sink.port}"
        workers = Workers(folder, on.gateway.config, target, lease)
        try:
            for name in names:
                await workers.start(name)
            yield on, workers
        finally:
            workers.close()
            await asyncio.gather(*(one.wait() for one in workers.running.values()))


def held_by(*usual: str) -> pytest.MarkDecorator:
    """Run a row with each kind of ``keeper``; but for the usual ones `make faults` does."""
    kinds = ("valkey9", *OTHERS, *CLUSTERS)
    return kept_by(*(kind if kind in usual else slow(kind) for kind in kinds))


def partition(number: int) -> str:
    """The key of a partition; of a Cluster, several primaries have some."""
    return f"wx:stream:{{wechat:{number}}}"


def primary(keeper: Keeper) -> Server:
    """Who has half of the partitions, and the leases of all; by itself, everything."""
    return keeper.holder("wx:stream:{wechat}")


async def warmed_up(on: Stand) -> None:
    """Demand that messages arrive: everybody has joined, and has partitions."""
    await on.driver.run(CALM)
    await on.drained()


async def judged(on: Stand, *outages: Outage) -> None:
    """Demand that nothing is lost, the order is kept, and only outages explain repetitions."""
    await on.driver.finish()
    await on.drained()
    on.hold(await on.gateway.stop() == 0, "the gateway did not stop gently")
    on.judge(Bounds(outages=outages, in_flight=HANDS))
