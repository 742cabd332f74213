"""Play a day: the gateway, the far end and the player, each a process of its own on loopback."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from wxgate.bench.day import carried, curve, stage
from wxgate.bench.day.books import Books, Rate
from wxgate.bench.day.meter import Marks, Meter
from wxgate.bench.day.stand import play as played
from wxgate.bench.day.stand import standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from wxgate.bench.day.stand import Stand
    from wxgate.bench.plan import Progress, Run

    Watch = Callable[[Progress], None]
    Say = Callable[[str], None]

CONNECTIONS = 256
"""More than are ever under way, where the gateway keeps up."""
_AHEAD = 2_000_000
"""Payments signed before a day: all of one of twenty million. They take 400 MB."""
_MEAN = 20_000_000 / 86_400
"""Messages a second of a day of twenty million as it comes."""


@dataclass(frozen=True, slots=True)
class Day:
    """What to play."""

    messages: int
    mean: float | None = None
    """Messages a second; what the machine carries if None."""
    peak: float = curve.PEAK
    retries: float = 0.02
    forged: float = 0.01
    connections: int = CONNECTIONS
    """A message whose time has come waits for one of them."""
    tries: int = 3
    """Of a message that is not acknowledged, 5 s apart. WeChat makes three."""
    stretch: float = 10.0
    """Seconds at each of the rates at which a day of twenty million comes; 0 for none."""
    tail: int = 0
    """Messages at each of these rates at least: of 10,000 the slowest is the 99.99th percentile."""
    first: bool = False
    """Whether the player goes before all others of the machine, so that it is on time."""
    setting: stage.Setting = field(default_factory=stage.Setting)


async def play(day: Day, folder: Path, say: Say, watch: Watch) -> Books:
    """Play a day in an empty folder.

    Raises ``ValueError`` for what cannot be played, or if the machine carries no rate at all,
    ``NotServingError`` if a process does not start, ``OSError`` for what the system refuses.
    """
    async with standing(folder, day.setting, day.forged, first=day.first) as stand:
        rates = [one async for one in _as_it_comes(stand, day, say)] if day.stretch else []
        mean, connections = await _paced(stand, day, say)
        say(f"a day of {day.messages:,} messages, {mean:,.0f} a second in the mean")
        paced = replace(day, mean=mean, connections=connections)
        return await _played(stand, paced, mean, rates, watch)


async def _paced(stand: Stand, day: Day, say: Say) -> tuple[float, int]:
    """The mean rate, and the connections."""
    if day.mean is not None:
        return day.mean, day.connections
    if day.peak > curve.EVEN:
        return await carried.peak(stand.stretch, say) / day.peak, day.connections
    return await carried.fastest(stand.rush, day.connections, say)


async def _as_it_comes(stand: Stand, day: Day, say: Say) -> AsyncIterator[Rate]:
    """Play for a while at the rates of a day of twenty million that is not compressed."""
    for name, times in (("mean", 1.0), ("peak", curve.PEAK), ("holiday's peak", curve.HOLIDAY)):
        rate = _MEAN * times
        say(f"{rate:8,.0f} messages a second, the {name} of 20,000,000 a day")
        seen = (await stand.stretch(rate, max(day.stretch, day.tail / rate))).seen
        yield Rate(name=name, rate=rate, latency=seen.latency, recorded=seen.recorded)


async def _played(stand: Stand, day: Day, mean: float, rates: list[Rate], watch: Watch) -> Books:
    before = await stand.taken(ids=True)
    counted = await stand.gateway.counters()
    journal = stand.world.config.parent / stage.JOURNAL
    meter = Meter(stand.gateway.pid, stand.far_end, day.setting.redis, journal)
    marks = Marks(day.messages, meter.sizes)

    def told(at: Progress) -> None:
        watch(at)
        marks.look(at.messages)

    seen = await played(_whole(stand, day, mean), told, first=day.first)
    drained = await stand.arrived(seen)
    costs = meter.costs(seen.cpu)
    taken, totals = await stand.taken(ids=True), await stand.gateway.counters()
    return Books(
        to=day.setting.to,
        state="embedded" if day.setting.redis is None else "redis",
        seen=seen,
        mean=mean,
        peak=mean * day.peak,
        accepted=_more(totals, counted, "accepted"),
        repeated=_more(totals, counted, "repeated"),
        arrived=taken.events - before.events,
        ids=(taken.ids or 0) - (before.ids or 0),
        drained=drained,
        costs=costs,
        sizes=marks.seen,
        rates=rates,
    )


def _whole(stand: Stand, day: Day, mean: float) -> Run:
    """Have strangers' calls come on top of the messages, of which there are exactly so many."""
    chance = 6 * (day.messages * day.forged) ** 0.5 + 10 if day.forged else 0
    calls = round((day.messages + chance) / (1 - day.forged))
    run = stand.run(curve.day(calls, mean, day.peak))
    return msgspec.structs.replace(
        run,
        messages=day.messages,
        retries=day.retries,
        connections=day.connections,
        tries=day.tries,
        ahead=_AHEAD,
    )


def _more(now: dict[tuple[str, str], int], then: dict[tuple[str, str], int], name: str) -> int:
    return now.get((name, ""), 0) - then.get((name, ""), 0)
