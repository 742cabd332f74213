"""Throughput against latency: one gateway, ever more messages a second, until it is too much.

To a service, and to a stream in Redis with claims and limits there as well.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from wxgate.bench import usage
from wxgate.bench.day.stage import Setting
from wxgate.bench.day.stand import standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carry.still import Still
    from wxgate.bench.day.stand import Stand

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from carry.still import watched
from servers.flavour import VALKEY_9
from servers.server import Server

_RATES = (
    *(250, 500, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 8000, 10_000, 13_000, 16_000, 20_000),
    *(25_000, 30_000),
)
_FORGED = 0.01
_QUEUES = 20.0
"""Milliseconds, as ``overload.wait``: half of all wait longer where ever more does."""
_ENOUGH = 0.98
"""Of what is sent: where less than this is acknowledged in time it was too much."""


@dataclass(frozen=True, slots=True)
class Course:
    """How long is played."""

    seconds: float
    """At each rate."""
    rounds: int
    """At half of the highest rate that was carried."""
    rates: Sequence[int] = _RATES


def run(course: Course) -> dict[str, dict[str, Any]]:
    """By destination, what was seen at each rate, and again and again at half of what it carries.

    Of the rates the last one was too much, or more than is asked for.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "service").mkdir()
        seen = {"service": asyncio.run(_run(Setting(), course, folder / "service"))}
        if VALKEY_9.program is not None:
            with Server(VALKEY_9, folder / "valkey") as server:
                (folder / "stream").mkdir()
                setting = Setting(to="stream", redis=f"{server.url}/0")
                seen["stream"] = asyncio.run(_run(setting, course, folder / "stream"))
    return seen


async def _run(setting: Setting, course: Course, folder: Path) -> dict[str, Any]:
    rates = []
    with watched() as still:
        async with standing(folder, setting, _FORGED) as stand:
            await stand.stretch(course.rates[0], course.seconds)
            for rate in course.rates:
                seen = await _stretch(stand, still, rate, course.seconds)
                rates.append(seen)
                if seen["lost"] > seen["sent"] * (1 - _ENOUGH):
                    break
            half = carried(rates) / 2
            again = [
                await _stretch(stand, still, half, course.seconds) for _ in range(course.rounds)
            ]
    return {"rates": rates, "half": again}


async def _stretch(stand: Stand, still: Still, rate: float, seconds: float) -> dict[str, Any]:
    before, began = usage.cpu_seconds(stand.gateway.pid), time.monotonic()
    played = await stand.stretch(rate, seconds)
    spent = usage.cpu_seconds(stand.gateway.pid) - before
    counts, slip = played.seen.counts, played.seen.slip
    return {
        "rate": rate,
        "sent": counts.messages,
        "acknowledged": counts.acknowledged,
        "refused": counts.refused,
        "lost": counts.refused + counts.unanswered + counts.broken,
        "behind": played.behind,
        "cpu": spent / counts.messages * 1e6,
        "slip": slip.share,
        "counts": slip.trusted,
        "still": still.longest(began),
        "latency": msgspec.to_builtins(played.seen.latency),
    }


def carried(seen: Sequence[dict[str, Any]]) -> float:
    """The highest rate that was kept up with, by figures that count.

    Nothing is refused or queues for long, and the player was on time: where it was not, there was
    no processor left for it, and nobody knows what the messages would have waited for.
    """
    kept = (
        one["rate"]
        for one in seen
        if one["counts"]
        and not one["refused"]
        and one["latency"] is not None
        and one["latency"]["p50"] < _QUEUES
    )
    return float(max(kept, default=seen[0]["rate"]))
