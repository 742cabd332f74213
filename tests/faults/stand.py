"""Gateway, service and WeChat put together for one row of the catalogue, and taken to account."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from . import oracle
from .driver import Driver, Load
from .gateway import Gateway, Setup
from .oracle import Bounds, Outage
from .shim import Rule, Shim
from .sink import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import psutil

    from .sink import Shelf

SEED = os.environ.get("WXGATE_FAULT_SEED") or str(random.SystemRandom().randrange(10**9))
"""Decides what is sent, when, and where the faults strike. Printed with every failure."""
RESULTS = os.environ.get("WXGATE_FAULT_RESULTS")

_NUMBER = re.compile(r'"id": ?"[^"]*?(\d{15,})"')
CONCURRENCY = 64
"""Deliveries that the gateway may have open at once."""
IN_FLIGHT = 4 * CONCURRENCY
"""What a kill can make it repeat: deliveries that are open, and those that a service has taken
while the disk was at a sync. Some two are usual; a hundred were seen on a disk that others used."""
CALM = Load(rate=200, seconds=0.3, duplicates=0.0)
"""A load that a gateway in good health acknowledges whole."""


@dataclass(slots=True)
class Stand:
    """One run of one row."""

    row: str
    gateway: Gateway
    sink: Sink
    driver: Driver
    random: random.Random
    shim: Shim | None
    cycles: int = 0
    outages: list[Outage] = field(default_factory=list)

    @property
    def faults(self) -> Shim:
        """The shim, which this row has."""
        assert self.shim is not None
        return self.shim

    @property
    def crashes(self) -> Bounds:
        """What so many kills allow."""
        return Bounds(
            outages=self.outages,
            in_flight=IN_FLIGHT,
            replies=IN_FLIGHT * len(self.outages),
        )

    async def kill_and_restart(self) -> None:
        """Kill -9 everything, and start it again at once."""
        down = now()
        await self.gateway.killed()
        await self.gateway.start()
        self.outages.append(Outage(down, now()))
        self.cycles += 1

    async def worker_dies(self, victim: psutil.Process, number: signal.Signals) -> None:
        """Send a worker what ends it, and wait until another stands in its place and answers."""
        there = len(self.gateway.workers())
        down = now()
        victim.send_signal(number)
        # Until its parent has taken note it still counts, and its last deliveries may come.
        await asyncio.to_thread(victim.wait)

        async def whole() -> bool:
            return len(self.gateway.workers()) == there

        await self.gateway.until(whole)
        await self.gateway.until(self.gateway.answers)
        self.outages.append(Outage(down, now()))
        self.cycles += 1

    async def drained(self, buried: AbstractSet[int] = frozenset(), patience: float = 20.0) -> None:
        """Wait until everything that was acknowledged has arrived, or nothing comes any more."""
        shelf, books = self.sink.shelf, self.driver.books
        await self.sink.until(lambda: not oracle.lost(books, shelf, buried), patience)

    async def drained_into(self, other: Sink) -> None:
        """The same, with a second service."""
        books = self.driver.books
        both = (self.sink.shelf.numbers, other.shelf.numbers)

        def complete() -> bool:
            return books.acknowledged <= both[0].keys() | both[1].keys()

        await other.until(complete)

    def events(self) -> set[int]:
        """The events that were acknowledged."""
        said = self.driver.books.said
        return {number for number in self.driver.books.acknowledged if said[number].is_event}

    async def buried(self) -> set[int]:
        """The dead letters, as the operator's command lists them."""
        command = [sys.executable, "-m", "wxgate.cli", "dlq", "ls", "--json", "--limit", "100000"]
        process = await asyncio.create_subprocess_exec(
            *command,
            "--config",
            self.gateway.config.name,
            cwd=self.gateway.folder,
            stdout=asyncio.subprocess.PIPE,
        )
        listed, _ = await process.communicate()
        self.hold(process.returncode == 0, f"dlq ls ended with {process.returncode}")
        return {int(line) for line in _NUMBER.findall(listed.decode())}

    async def healthy(self, load: Load = CALM) -> None:
        """Demand that every message is acknowledged at its first try, and arrives."""
        books = self.driver.books
        before = books.refused, books.broken, books.unconnected, len(books.acknowledged)
        await self.driver.run(load)
        after = books.refused, books.broken, books.unconnected
        self.hold(
            after == before[:3] and len(books.acknowledged) > before[3],
            f"not in good health again: {before} before, {after} after",
        )
        await self.drained()

    async def end(
        self, bounds: Bounds = oracle.NONE, buried: AbstractSet[int] = frozenset()
    ) -> None:
        """Drain, stop gently, and demand that everything holds."""
        await self.driver.finish()
        await self.drained(buried)
        if self.gateway.starts == 1 and not self.outages:
            await self.reconcile()
        if self.gateway.is_alive:
            code = await self.gateway.stop(signal.SIGTERM)
            self.hold(code == 0, f"exit code {code} of a gentle stop")
        self.judge(bounds, buried)

    async def reconcile(self) -> None:
        """Compare what the gateway counted with what was sent and taken.

        Its counters begin anew with it, and a crash may repeat a delivery: only of a gateway that
        nothing happened to they tell it all.
        """
        self.hold(await self._balanced(), f"the books: {await self.gateway.metrics()}")

    async def _balanced(self) -> bool:
        """Look a few times: the last delivery is counted after the service has answered it."""
        for _ in range(100):
            counted = await self.gateway.metrics()
            accepted, delivered, buried, repeated, refused = (
                counted.get(f"wxgate_{name}_total", 0)
                for name in ("accepted", "delivered", "buried", "repeated", "refused")
            )
            if (
                accepted == delivered + buried
                # Twice taken is once counted: of the first time the gateway never heard.
                and delivered == len(self.sink.shelf.taken) - self.sink.shelf.duplicates
                and accepted + repeated >= self.driver.books.answered
                and refused >= self.driver.books.refused
            ):
                return True
            await asyncio.sleep(0.02)  # another process's counters: nothing to wait for
        return False

    def judge(self, bounds: Bounds = oracle.NONE, buried: AbstractSet[int] = frozenset()) -> None:
        """Write down the result, and raise if a promise was broken."""
        books, shelf = self.driver.books, self.sink.shelf
        lost = len(oracle.lost(books, shelf, buried))
        record(self.row, self.driver, shelf, lost, bounds.outages, self.cycles)
        if found := oracle.faults(books, shelf, bounds, buried=buried):
            self.hold(False, "\n".join(found))

    def hold(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 (a condition)
        """Raise with everything that repeats and explains the run, unless something holds."""
        assert holds, (
            f"{self.row}: {otherwise}\n"
            f"again: WXGATE_FAULT_SEED={SEED} pytest -k '{self.row}'\n"
            f"{self.driver.books.line()}; taken {len(self.sink.shelf.taken)}, "
            f"duplicates {self.sink.shelf.duplicates}, outages {len(self.outages)}\n"
            f"--- the gateway's log, its end\n{self.gateway.said()[-4000:]}"
        )


def record(
    row: str,
    driver: Driver,
    shelf: Shelf,
    lost: int,
    outages: Sequence[Outage],
    cycles: int,
) -> None:
    """Write down the result of a run, if somebody collects them."""
    explained, unexplained = oracle.repeated(driver.books, shelf, outages)
    write_down(
        row=row,
        cycles=cycles,
        sent=len(driver.books.said),
        acknowledged=len(driver.books.acknowledged),
        lost=lost,
        around_kills=explained.total(),
        otherwise=len(unexplained),
        restart=max((one.up - one.down for one in outages), default=0.0),
    )


def write_down(**line: object) -> None:
    """Add a line for ``report.py`` to where results are collected, if they are."""
    if RESULTS:
        with Path(RESULTS).open("a") as file:
            file.write(json.dumps({**line, "seed": SEED, "commit": commit()}) + "\n")


@cache
def commit() -> str:
    """Which tree is tested: asked once, for a run takes hours in which others go on."""
    command = ("git", "describe", "--always", "--dirty")
    said = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


async def idle(run: Stand) -> None:
    """Demand that the workers do nothing while nobody asks anything of them."""
    spent = _seconds(run)
    await asyncio.sleep(1.0)  # the second in which it is watched
    spent = _seconds(run) - spent
    run.hold(spent < 0.5, f"busy for {spent:.2f} s of an idle second")


def _seconds(run: Stand) -> float:
    """Processor time of all workers so far."""
    times = [worker.cpu_times() for worker in run.gateway.workers()]
    return float(sum(one.user + one.system for one in times))


def now() -> float:
    """The loop's clock."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def stand(  # noqa: PLR0913 (what a row may choose)
    row: str,
    folder: Path,
    *,
    library: Path | None = None,
    setup: Callable[[Setup], Setup] = lambda setup: setup,
    rules: tuple[Rule, ...] = (),
    environment: Mapping[str, str] | None = None,
    limits: Callable[[], None] | None = None,
    command: tuple[str, ...] = (),
    patience: float = 60.0,
) -> AsyncIterator[Stand]:
    """Put a row on; the gateway is up when it begins, and gone, with everything, when it ends.

    A row that is not done within ``patience`` (s) fails with what there is to know.
    """
    async with Sink() as sink:
        gateway = Gateway(folder, setup(_setup(sink)), limits=limits)
        if command:
            gateway.command = command
        shim = None
        environment = environment or {}
        if library is not None:
            shim = Shim(library, folder / "shim", gateway.journal)
            shim.set(*rules)
            environment = {**environment, **shim.environment}
        gateway.environment = environment
        driver = Driver(gateway.player(), gateway.listen, f"{SEED}/{row}")
        chance = random.Random(f"{SEED}/{row}/faults")  # noqa: S311 (a run that can be repeated)
        on = Stand(row, gateway, sink, driver, chance, shim)
        try:
            async with asyncio.timeout(patience):
                await gateway.start()
                yield on
        except TimeoutError:
            on.hold(False, f"not done within {patience} s")
        finally:
            await gateway.close()
            driver.close()
            if shim is not None:
                shim.close()


def _setup(sink: Sink) -> Setup:
    setup = Setup(f"http://127.0.0.1:{sink.port}")
    return replace(setup, orders=f"{setup.orders}concurrency = {CONCURRENCY}\n")
