"""B2: every table that may change turns under one load, and none of its mistakes gets in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .gateway import SOON
from .oracle import Bounds
from .sink import Sink
from .stand import CALM, Stand, stand
from .test_reload import STEADY, flawless, reloaded, without_watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .gateway import Setup

pytestmark = pytest.mark.timeout(120)

ROUNDS = 2
EVENTS = '[[route]]\nwhen = { type = "event" }\nto = "upstream:other"\n\n'
HEALTH = 'health = { path = "/healthz", every = 0.05, slow_start = 0 }\n'
LIMITS = (
    'name = "all"\nper = "account"\nrate = "100000/s"\n',
    'name = "all"\nper = "openid"\nrate = "90000/s"\nburst = 90000\nwarm_up = 1\n',
    'name = "all"\nper = "account"\nconcurrency = 10000\n',
    'name = "all"\nper = "account"\nrate = "80000/s"\naction = "pace"\n',
)
"""What one rule becomes, none of which this load comes up against."""
WRONG = {
    "route[0].when.tipe": ("routes", EVENTS.replace("type", "tipe")),
    "upstream.orders.breaker.in_a_row": ("orders", "breaker = { in_a_row = 0 }\n"),
    "upstream.orders.health.path": ("orders", HEALTH.replace("/healthz", "healthz")),
    "overload.wait": ("overload", "\nwait = 6"),
    "limit[0].rate": ("limits", LIMITS[0].replace("100000/s", "often")),
    "limit[0].concurrency": ("limits", LIMITS[2].replace("10000", "0")),
    "limit[0].warm_up": ("limits", LIMITS[1].replace("warm_up = 1", "warm_up = -1")),
}
"""By the path that the log has to name: the part of the configuration, and what is added to it."""


def limits(setup: Setup, text: str) -> Setup:
    """Add a rule behind the routes."""
    return replace(setup, routes=f"{setup.routes}\n[[limit]]\n{text}")


def wrong(setup: Setup, part: str, text: str) -> Setup:
    """Make one mistake."""
    if part == "limits":
        return limits(setup, text)
    before = getattr(setup, part)
    return replace(setup, **{part: text + before if part == "routes" else before + text})


def sound(setup: Setup) -> Iterator[Setup]:
    """One configuration for each table that turns, and for each way in which it does."""
    yield replace(setup, routes=EVENTS + setup.routes)
    yield replace(setup, orders=f"{setup.orders}breaker = {{ in_a_row = 3, probes = 1 }}\n")
    yield replace(setup, orders=setup.orders + HEALTH)
    # Not in force: on a machine that stands still for a moment it would refuse, and rightly.
    yield replace(setup, overload=f"{setup.overload}\nwait = 5.0\nup = 0.5")
    for text in LIMITS:
        yield limits(setup, text)
    yield setup


async def turn_all(on: Stand, first: Setup) -> int:
    """Have each in force, and after each make a mistake, which the log has to name."""
    mistakes, times = list(WRONG.items()), 0
    for good in [*sound(first)] * ROUNDS:
        await reloaded(on, good)
        path, (part, text) = mistakes[times % len(mistakes)]
        await reloaded(on, wrong(first, part, text))
        on.hold(path in on.gateway.said(), f"the log does not name {path}")
        times += 1
    return times


async def hold_counts(on: Stand, times: int) -> None:
    """Demand that each was counted for what it was, and that no mistake is in force."""
    results = await on.gateway.results()
    # The first of all brought the second service.
    expected = {"applied": 1 + times, "invalid": times, "unchanged": 0, "refused": 0}
    on.hold(results == expected, f"reloads: {results}, expected {expected}")
    _, report = await on.gateway.ready()
    on.hold(report["generation"] == 2 + times, f"generation {report['generation']}")


def test_b2_every_table_turns_under_load(row: str, tmp_path: Path) -> None:
    """Counted one by one; nobody notices, nothing is lost, and each mistake is in the log."""

    async def run() -> None:
        async with Sink() as other, stand(row, tmp_path, setup=without_watch) as on:
            table = f'[upstream.other]\nnodes = ["http://127.0.0.1:{other.port}"]\n{SOON}\n'
            first = replace(on.gateway.setup, routes=table + on.gateway.setup.routes)
            await reloaded(on, first)
            sending = asyncio.create_task(on.driver.send(STEADY))
            times = await turn_all(on, first)
            sending.cancel()
            await on.driver.finish()
            await hold_counts(on, times)
            flawless(on)
            await on.driver.run(CALM)
            flawless(on)
            await on.drained_into(other)
            on.hold(bool(other.shelf.taken), "no message went elsewhere")
            strangers = other.shelf.numbers.keys() - on.events()
            on.hold(not strangers, f"what was not sent there went elsewhere: {strangers}")
            on.sink.shelf.add(other.shelf)
            await on.end(Bounds(ordered=False))

    uvloop.run(run())
