"""D4, D7 and D8: nodes of one upstream as real servers under load, one of them ill, gone or hot."""

from __future__ import annotations

import math
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
import uvloop

from .conftest import slow
from .driver import HOT, Load
from .oracle import Bounds
from .sink import OK, Arrival, Manner, Mode, Sink
from .stand import CONCURRENCY, Stand, stand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(150)

NODES = 4
STEADY = Load(rate=500, seconds=1.0, asks=0.0)
MOVED = 1 / NODES + 0.02
"""The share of keys that a node which goes may move; chance comes on top."""
SPILL = 1.25


def among(urls: list[str], more: str, health: str, setup: Setup) -> Setup:
    """Deliver to these nodes as well."""
    health = f"health = {{ {health} }}\n"
    nodes = '", "'.join([setup.upstream, *urls])
    return replace(setup, upstream=nodes, orders=f"{setup.orders}{health}{more}")


@asynccontextmanager
async def nodes(
    row: str,
    folder: Path,
    *,
    beside: str | None = None,
    more: str = "",
    health: str = "eject = 0.5, slow_start = 0.5",
    one_shelf: bool = True,
) -> AsyncIterator[tuple[Stand, list[Sink]]]:
    """Put a row on with so many nodes, and one ``beside`` that is somewhere else."""
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(Sink()) for _ in range(NODES - 1)]
        urls = [f"http://127.0.0.1:{one.port}" for one in others]
        setup = partial(among, [*urls, *([beside] if beside else [])], more, health)
        on = await stack.enter_async_context(stand(row, folder, setup=setup))
        for one in others:
            one.changed = on.sink.changed
            if one_shelf:
                # Their order, and what comes twice, can only be seen of all together.
                one.shelf = on.sink.shelf
        yield on, [on.sink, *others]


@pytest.mark.parametrize("manner", ["reset", slow("refused"), slow("errors")])
def test_d4_one_bad_node(row: str, tmp_path: Path, manner: str) -> None:
    """Its messages go on to the next nodes at once, in order, and come back when it is well."""

    async def run() -> None:
        async with nodes(row, tmp_path) as (on, all_of_them):
            bad = all_of_them[1]
            if manner == "refused":
                bad.hang_up()
            else:
                bad.mode = Mode(manner=Manner.RESET) if manner == "reset" else Mode(status=503)
            await on.driver.run(STEADY)
            await on.drained(patience=2.0)
            counted = await on.gateway.metrics()
            on.hold(counted["wxgate_dispatch_rerouted_total"] > 0, "nothing went elsewhere")
            on.hold(counted["wxgate_node_ejected_total"] > 0, "it was asked again and again")
            bad.mode = OK
            if manner == "refused":
                await bad.listen()
            back: list[Arrival] = []
            bad.choose = lambda one: (back.append(one), OK)[1]  # type: ignore[func-returns-value]
            while not back:
                await on.driver.run(replace(STEADY, seconds=0.2))
            await on.end()

    uvloop.run(run())


CHECKED = 'path = "/healthz", every = 0.1, timeout = 0.5, fall = 2, failures = 1000'
"""Only the checks take a node out."""
EJECTED = "eject = 1.0, failures = 3"
"""Only what it answers does."""
WINDOW = 3.0
"""Seconds of a slow start."""
BUSY = Load(rate=600, seconds=0.6, asks=0.0, duplicates=0.0, users=400, draw="busy")
"""The same each time, so that a node's parts of it compare: chance alone moves them by a tenth."""
MANY_OPEN = Mode(delay=0.05)
"""So many are open at each node that a part of its load is more than one."""


class Watched:
    """One of several nodes: what part of the messages it gets, and how its gateway has it."""

    def __init__(self, on: Stand, all_of_them: list[Sink], number: int) -> None:
        """Watch the node of this number; all of them take their time."""
        self._on = on
        self._number = number
        self._got: list[int] = []
        self.sink = all_of_them[number]
        for at, sink in enumerate(all_of_them):
            sink.choose = partial(self._note, at)
        self._well = self.sink.choose

    def _note(self, at: int, _: Arrival) -> Mode:
        self._got.append(at)
        return MANY_OPEN

    def fail(self) -> None:
        """Say 500 to every message."""
        self.sink.choose = lambda _: Mode(status=500)

    def recover(self) -> None:
        """Be well, and say so."""
        self.sink.choose, self.sink.check = self._well, OK

    async def share(self) -> float:
        """Its part of a load."""
        self._got.clear()
        await self._on.driver.run(BUSY)
        await self._on.drained()
        return self._got.count(self._number) / len(self._got)

    async def until(self, *states: str) -> None:
        """Wait until it stands so with the gateway."""

        async def stands() -> bool:
            _, report = await self._on.gateway.ready()
            return report["destinations"][0]["nodes"][self._number]["state"] in states

        await self._on.gateway.until(stands)


@pytest.mark.parametrize("manner", ["says_500", slow("hangs"), slow("fails_messages")])
def test_d4_a_node_comes_back_slowly(row: str, tmp_path: Path, manner: str) -> None:
    """Out by its checks, or for what it fails, it gets nothing; then more and more, in order."""
    passive = manner == "fails_messages"
    health = f"{EJECTED if passive else CHECKED}, slow_start = {WINDOW}"

    async def run() -> None:
        async with nodes(row, tmp_path, health=health) as (on, all_of_them):
            ill = Watched(on, all_of_them, 1)
            whole = await ill.share()
            if passive:
                ill.fail()
                await on.driver.run(BUSY)
                await ill.until("ejected")
            else:
                hangs = manner == "hangs"
                ill.sink.check = Mode(manner=Manner.HANG) if hangs else Mode(status=500)
                await ill.until("down")
                on.hold(await ill.share() == 0, "it got messages while it was down")
            ill.recover()
            await ill.until("slow", "up")
            first = await ill.share()
            await ill.until("up")
            again = await ill.share()
            on.hold(0 < first < 0.8 * whole, f"of {whole:.0%} it got {first:.0%} at first")
            on.hold(again > 0.8 * whole, f"of {whole:.0%} it got {again:.0%} at last")
            await on.end()

    uvloop.run(run())


@pytest.mark.parametrize(
    "url",
    [slow("http://nowhere.invalid:1"), slow("https://127.0.0.1:{port}")],
    ids=["name", "tls"],
)
def test_d4_a_node_that_cannot_be_reached(row: str, tmp_path: Path, url: str) -> None:
    """A name that nobody knows, or no TLS where it should be: the others take its part."""

    async def run() -> None:
        async with Sink() as plain:
            beside = url.format(port=plain.port)
            async with nodes(row, tmp_path, beside=beside) as (on, _):
                await on.driver.run(STEADY)
                await on.drained(patience=2.0)
                on.hold(not plain.shelf.arrived, "a message went without TLS")
                await on.end()

    uvloop.run(run())


def test_d7_a_node_goes_and_comes(row: str, tmp_path: Path) -> None:
    """Its keys move and no others, whoever is under way; and they return to it."""

    async def run() -> None:
        async with nodes(row, tmp_path) as (on, all_of_them):
            where: list[dict[str, int]] = []

            def noting(at: int, one: Arrival) -> Mode:
                where[-1][one.key] = at
                return OK

            for at, sink in enumerate(all_of_them):
                sink.choose = partial(noting, at)
            whole = on.gateway.setup
            without = f'", "http://127.0.0.1:{all_of_them[2].port}'
            for count, setup in enumerate(
                [whole, replace(whole, upstream=whole.upstream.replace(without, "")), whole]
            ):
                where.append({})
                if count:
                    on.gateway.setup = setup
                    on.gateway.write()
                    on.gateway.running.send_signal(signal.SIGHUP)

                    async def is_applied(count: int = count) -> bool:
                        return (await on.gateway.results()).get("applied") == count

                    await on.gateway.until(is_applied)
                await on.driver.run(replace(STEADY, users=400))
                await on.drained()
            first, second, third = where
            both = first.keys() & second.keys()
            moved = sum(first[key] != second[key] for key in both)
            on.hold(2 not in second.values(), "a node that is gone got messages")
            on.hold(all(first[key] in {2, second[key]} for key in both), "other keys moved")
            allowed = MOVED + 3 * math.sqrt(MOVED * (1 - MOVED) / len(both))
            on.hold(0 < moved <= allowed * len(both), f"{moved} of {len(both)} keys moved")
            back = first.keys() & third.keys()
            on.hold(all(first[key] == third[key] for key in back), "keys did not return")
            await on.end()

    uvloop.run(run())


def test_d8_hot_partition(row: str, tmp_path: Path) -> None:
    """All of the load is one node's: the others take what is more than a quarter over its share."""

    async def run() -> None:
        more = f'hash = "account"\nspill = {SPILL}\n'
        async with nodes(row, tmp_path, more=more, one_shelf=False) as (on, all_of_them):
            for sink in all_of_them:
                sink.mode = Mode(delay=0.05)
            await on.driver.run(replace(STEADY, users=1000))
            books, shelves = on.driver.books, [sink.shelf for sink in all_of_them]

            def complete() -> bool:
                return books.acknowledged <= set().union(*(one.numbers for one in shelves))

            await on.sink.until(complete)
            most = [sink.shelf.most_open for sink in all_of_them]
            bound = math.ceil(SPILL * CONCURRENCY / NODES)
            on.hold(max(most) <= bound, f"open at once: {most}, bound {bound}")
            on.hold(min(most) > 0, f"open at once: {most}")
            for one in shelves[1:]:
                on.sink.shelf.add(one)
            await on.end(Bounds(ordered=False))

    uvloop.run(run())


HALF = Load(rate=2000, seconds=0.6, asks=0.0, events=0.5, duplicates=0.0, users=1000)
"""Half of it are events: more than can be open at once, so that every node has all it may have."""
SLOW_NODE = Mode(delay=0.1)


def test_d8_half_of_the_load_is_one_keys(row: str, tmp_path: Path) -> None:
    """No node gets more than a quarter over its share, and each user's messages stay in order."""

    async def run() -> None:
        # A text has no such field: it goes where its user's go.
        more = f'hash = "field:Event"\nspill = {SPILL}\n'
        async with nodes(row, tmp_path, more=more) as (on, all_of_them):
            got = [0] * NODES

            def noting(at: int, _: Arrival) -> Mode:
                got[at] += 1
                return SLOW_NODE

            for at, sink in enumerate(all_of_them):
                sink.choose = partial(noting, at)
            await on.driver.run(HALF)
            await on.drained()
            factor = max(got) * NODES / sum(got)
            on.hold(factor <= SPILL * (1 + 1 / CONCURRENCY), f"{got}: {factor:.2f} of its share")
            await on.end()

    uvloop.run(run())


def test_d8_half_of_the_load_is_one_users(row: str, tmp_path: Path) -> None:
    """His wait for each other, as their order demands; nobody else's wait for his."""
    seen: list[Arrival] = []

    async def run() -> None:
        async with nodes(row, tmp_path, more=f"spill = {SPILL}\n") as (on, all_of_them):
            for sink in all_of_them:
                sink.choose = lambda one: (seen.append(one), Mode(delay=0.02))[1]  # type: ignore[func-returns-value]
            await on.driver.run(replace(HALF, rate=500, seconds=0.6, hot=0.5))
            await on.drained()
            his = [HOT in one.key for one in seen]
            last = max(at for at, is_his in enumerate(his) if not is_his)
            behind = sum(his[last:])
            on.hold(behind > sum(his) / 2, f"others' last came when {behind} of his were left")
            await on.end()

    uvloop.run(run())
