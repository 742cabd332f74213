"""Play a day: the gateway, the far end and the player, each a process of its own on loopback."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from wxgate.bench import plan, usage
from wxgate.bench.day import curve, stage
from wxgate.bench.day.books import Books, Cost
from wxgate.bench.day.far_end import Taken
from wxgate.bench.parts import playable
from wxgate.settings import load
from wxgate.sim.call import Call
from wxgate.sim.demo.process import GatewayProcess, free_port
from wxgate.sim.demo.world import Ports
from wxgate.sim.wire import UnansweredError, Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from wxgate.bench.plan import Leg, Progress, Run, Seen
    from wxgate.sim.demo.world import World

    Watch = Callable[[Progress], None]

_GIVES_UP_S = 10.0
"""Without anything arriving, after the last acknowledgement."""
_STEP_S = 2.0
_STEPS = (500, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 8000, 10_000, 13_000, 16_000, 20_000)
_HOLDS_MS = 100.0
"""A rate is carried if 99 in 100 are answered within this, and nothing is refused."""
_OF_CAPACITY = 0.8


@dataclass(frozen=True, slots=True)
class Day:
    """What to play."""

    messages: int
    mean: float | None = None
    """Messages a second; what the machine carries if None."""
    peak: float = curve.PEAK
    retries: float = 0.02
    forged: float = 0.01
    setting: stage.Setting = field(default_factory=stage.Setting)


async def play(day: Day, folder: Path, say: Callable[[str], None], watch: Watch) -> Books:
    """Play a day in an empty folder.

    Raises ``ValueError`` if the machine carries no rate at all, ``NotServingError`` if the gateway
    does not start, ``OSError`` for what the system refuses.
    """
    ports = Ports(free_port(), free_port(), free_port())
    world = stage.build(folder, ports, day.setting)
    async with _far_end(ports.service) as far_end, GatewayProcess(world) as gateway:
        mean = day.mean or await _carried(world, day, say)
        before = await _taken(ports.service)
        counted = await gateway.counters()
        spent = usage.cpu_seconds(gateway.pid), usage.cpu_seconds(far_end)
        run = _whole(world, day, mean)
        say(f"a day of {day.messages:,} messages, {mean:,.0f} a second in the mean")
        seen = await asyncio.to_thread(plan.play, run, watch)
        ended = time.monotonic()
        taken = await _drained(ports.service, before.ids + seen.counts.acknowledged)
        drained = time.monotonic() - ended
        totals = await gateway.counters()
        return Books(
            seen=seen,
            mean=mean,
            peak=mean * day.peak,
            accepted=_more(totals, counted, "accepted"),
            repeated=_more(totals, counted, "repeated"),
            arrived=taken.events - before.events,
            ids=taken.ids - before.ids,
            drained=drained,
            costs=[
                _cost("gateway", gateway.pid, spent[0]),
                _cost("service", far_end, spent[1]),
                Cost(name="player", cpu=seen.cpu, rss=usage.memory(os.getpid()).rss),
            ],
        )


async def _carried(world: World, day: Day, say: Callable[[str], None]) -> float:
    """Find the mean rate of a day whose peak the machine carries with a fifth to spare."""
    carried = 0.0
    for rate in _STEPS:
        seen = await asyncio.to_thread(plan.play, _run(world, day, [plan.Leg(_STEP_S, rate)]))
        if not _holds(seen):
            break
        carried = rate
        say(f"carries {rate:,} messages a second")
    if not carried:
        reason = f"this machine does not carry {_STEPS[0]} messages a second"
        raise ValueError(reason)
    return carried * _OF_CAPACITY / day.peak


def _whole(world: World, day: Day, mean: float) -> Run:
    """Have strangers' calls come on top of the messages, of which there are exactly so many."""
    chance = 6 * (day.messages * day.forged) ** 0.5 + 10 if day.forged else 0
    calls = round((day.messages + chance) / (1 - day.forged))
    run = _run(world, day, curve.day(calls, mean, day.peak))
    return msgspec.structs.replace(run, messages=day.messages, retries=day.retries)


def _holds(seen: Seen) -> bool:
    counts = seen.counts
    fails = counts.refused + counts.unanswered + counts.broken + counts.denied
    return not fails and seen.latency is not None and seen.latency.p99 < _HOLDS_MS


def _run(world: World, day: Day, legs: list[Leg]) -> Run:
    accounts = playable(load(world.config), world.belongings)
    usual = plan.run(f"127.0.0.1:{world.ports.listen}", accounts, legs)
    return msgspec.structs.replace(usual, forged=day.forged)


@asynccontextmanager
async def _far_end(port: int) -> AsyncIterator[int]:
    command = [sys.executable, "-m", "wxgate.bench.day.far_end", str(port)]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        while process.returncode is None:
            try:
                await _taken(port)
                break
            except (UnansweredError, OSError):
                await asyncio.sleep(0.05)
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _taken(port: int) -> Taken:
    async with Wire(f"http://127.0.0.1:{port}") as wire:
        answer = await wire.exchange(Call("GET", "/"))
    return msgspec.json.decode(answer.body, type=Taken)


async def _drained(port: int, wanted: int) -> Taken:
    """Wait until so many ids have arrived, or nothing arrives any more."""
    taken = await _taken(port)
    moved = time.monotonic()
    while taken.ids < wanted and time.monotonic() - moved < _GIVES_UP_S:
        await asyncio.sleep(0.1)
        now = await _taken(port)
        if now != taken:
            taken, moved = now, time.monotonic()
    return taken


def _more(now: dict[tuple[str, str], int], then: dict[tuple[str, str], int], name: str) -> int:
    return now.get((name, ""), 0) - then.get((name, ""), 0)


def _cost(name: str, pid: int, spent: float) -> Cost:
    return Cost(
        name=name,
        cpu=usage.cpu_seconds(pid) - spent,
        rss=max(usage.memory(one).rss for one in usage.family(pid)),
    )
