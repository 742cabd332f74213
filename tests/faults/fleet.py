"""Several gateways that share a Redis, one service, and a WeChat that calls any of them."""

from __future__ import annotations

import asyncio
import random
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

from . import oracle
from .driver import Driver, Load
from .gateway import Gateway, Setup
from .line import Line
from .oracle import Bounds, Outage
from .sink import Sink
from .stand import CONCURRENCY, IN_FLIGHT, SEED, now, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from wxgate.sim.player import Player

    from .books import Said

STORMY = Load(rate=250, seconds=10**6, duplicates=0.4, duplicates_within=0.3)
"""Four messages in ten are sent once more, as a rule to another gateway."""
BUDGET = 0.3
"""Seconds for the store. The default of 20 ms is for a machine of its own: here other work would
look like a fault of the store's, before and after that of the row."""
PATIENT = 1.0
"""The same where the store has no fault at all."""
HASTY = replace(STORMY, duplicates_within=0.002)
"""The second try comes while the first is hardly answered."""


class Anywhere(Driver):
    """A WeChat in front of a load balancer: each try goes to any of the gateways."""

    def __init__(self, player: Player, ports: Sequence[int], seed: str) -> None:
        """Send to one of ``ports``."""
        super().__init__(player, ports[0], seed)
        self._ports = ports
        self._choice = random.Random(f"{seed}/ports")  # noqa: S311 (a run that can be repeated)

    async def at_once(self, load: Load, copies: int) -> Said:
        """Send copies of the first message of a load, all at the same moment, to all in turn."""
        lines = [await Line.open(port) for port in islice(cycle(self._ports), copies)]
        due = next(self.schedule(load))
        self.books.said[due.said.number] = due.said
        due.said.first_sent = now()
        await asyncio.gather(*(self._try(due, line) for line in lines))
        self.close()
        return due.said

    async def _line(self) -> Line:
        """Keep no connection: the next try goes elsewhere."""
        self.close()
        self._port = self._choice.choice(self._ports)
        return await super()._line()


@dataclass(slots=True)
class Fleet:
    """One run of one row."""

    row: str
    gateways: list[Gateway]
    sink: Sink
    driver: Anywhere
    random: random.Random
    outages: list[Outage] = field(default_factory=list)
    """Of gateways."""
    doubtful: list[Outage] = field(default_factory=list)
    """Times in which the store was not to be relied on."""

    async def modes(self) -> list[str]:
        """How each gateway stands towards the store."""
        reports = [await one.ready() for one in self.gateways]
        return [report["state"]["mode"] for _, report in reports]

    async def until_modes(self, *modes: str) -> None:
        """Wait until every gateway is in one of these."""
        for gateway in self.gateways:

            async def holds(gateway: Gateway = gateway) -> bool:
                return (await gateway.ready())[1]["state"]["mode"] in modes

            await gateway.until(holds)

    async def total(self, name: str) -> float:
        """What one of the tallies of the store comes to, over all gateways."""
        # Metrics show it a second later.
        found = [(await one.ready())[1]["state"][name] for one in self.gateways]
        return float(sum(found))

    async def kill_and_restart(self, gateway: Gateway) -> None:
        """Kill -9 one of them, and start it again."""
        down = now()
        await gateway.killed()
        await gateway.start()
        self.outages.append(Outage(down, now()))

    def note_doubtful(self, since: float) -> None:
        """Note a time in which tries of one message may have met gateways that were alone."""
        self.doubtful.append(Outage(since, now()))

    async def end(self) -> None:
        """Drain, stop everything gently, and demand that everything holds."""
        await self.driver.finish()
        books, shelf = self.driver.books, self.sink.shelf
        await self.sink.until(lambda: not oracle.lost(books, shelf, frozenset()))
        for gateway in self.gateways:
            code = await gateway.stop()
            self.hold(code == 0, f"exit code {code} of a gentle stop")
        # Where nobody is asked, a message may be had by each gateway that was sent it.
        again = sum(one.tries - 1 for one in books.said.values())
        bounds = Bounds(
            outages=[*self.outages, *self.doubtful],
            in_flight=again if self.doubtful else IN_FLIGHT,
            replies=again if self.doubtful else IN_FLIGHT * len(self.outages),
            ordered=False,  # each gateway has a journal of its own
        )
        lost = len(oracle.lost(books, shelf, frozenset()))
        record(self.row, self.driver, shelf, lost, bounds.outages, len(self.outages))
        if found := oracle.faults(books, shelf, bounds):
            self.hold(False, "\n".join(found))

    def hold(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 (a condition)
        """Raise with everything that repeats and explains the run, unless something holds."""
        said = "\n--- the next\n".join(one.said()[-2500:] for one in self.gateways)
        assert holds, (
            f"{self.row}: {otherwise}\n"
            f"again: WXGATE_FAULT_SEED={SEED} pytest -k '{self.row}'\n"
            f"{self.driver.books.line()}; taken {len(self.sink.shelf.taken)}, "
            f"duplicates {self.sink.shelf.duplicates}\n--- the gateways' logs\n{said}"
        )


@asynccontextmanager
async def fleet(  # noqa: PLR0913 (what a row may choose)
    row: str,
    folder: Path,
    redis: str,
    *,
    size: int = 2,
    budget: float = BUDGET,
    command: tuple[str, ...] = (),
    patience: float = 60.0,
) -> AsyncIterator[Fleet]:
    """Put a row on with so many gateways; gone, with everything, when it ends.

    ``budget`` is the gateways' patience with the store, in seconds.
    """
    async with Sink() as sink:
        state = f'[state.redis]\nurl = "{redis}"\nbudget = {budget}\n'
        one = Setup(f"http://127.0.0.1:{sink.port}", state=state)
        one = replace(one, orders=f"{one.orders}concurrency = {CONCURRENCY}\n")
        gateways: list[Gateway] = []
        for number in range(size):
            place = folder / str(number)
            place.mkdir()
            for secret in ("token", "aes_key", "appid") if gateways else ():
                shutil.copy(gateways[0].folder / secret, place / secret)
            gateways.append(Gateway(place, one))
            gateways[-1].command = command or gateways[-1].command
        ports = [gateway.listen for gateway in gateways]
        driver = Anywhere(gateways[0].player(), ports, f"{SEED}/{row}")
        chance = random.Random(f"{SEED}/{row}/faults")  # noqa: S311 (a run that can be repeated)
        on = Fleet(row, gateways, sink, driver, chance)
        try:
            async with asyncio.timeout(patience):
                await asyncio.gather(*(gateway.start() for gateway in gateways))
                yield on
        except TimeoutError:
            on.hold(False, f"not done within {patience} s")
        finally:
            for gateway in gateways:
                await gateway.close()
            driver.close()
