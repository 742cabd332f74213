"""Throughput against latency: one gateway, ever more messages a second, until it is too much.

To a service, and to a stream in Redis with claims and limits there as well.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from wxgate.bench import usage
from wxgate.bench.day.stage import Setting
from wxgate.bench.day.stand import standing

if TYPE_CHECKING:
    from collections.abc import Sequence

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9
from servers.server import Server

_RATES = (250, 500, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 8000, 10_000, 13_000, 16_000, 20_000)
_FORGED = 0.01
_QUEUES = 20.0
"""Milliseconds, as ``overload.wait``: half of all wait longer where ever more does."""
_ENOUGH = 0.98
"""Of what is sent: where less than this is acknowledged in time it was too much."""


def run(seconds: float, *, small: bool = False) -> dict[str, list[dict[str, Any]]]:
    """By destination, what was seen at each rate; the last one was too much."""
    rates = _RATES[:2] if small else _RATES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "service").mkdir()
        seen = {"service": asyncio.run(_run(Setting(), rates, seconds, folder / "service"))}
        if VALKEY_9.program is not None:
            with Server(VALKEY_9, folder / "valkey") as server:
                (folder / "stream").mkdir()
                setting = Setting(to="stream", redis=f"{server.url}/0")
                seen["stream"] = asyncio.run(_run(setting, rates, seconds, folder / "stream"))
    return seen


async def _run(
    setting: Setting, rates: Sequence[int], seconds: float, folder: Path
) -> list[dict[str, Any]]:
    seen = []
    async with standing(folder, setting, _FORGED) as stand:
        await stand.stretch(rates[0], seconds)
        for rate in rates:
            before = usage.cpu_seconds(stand.gateway.pid)
            played = await stand.stretch(rate, seconds)
            spent = usage.cpu_seconds(stand.gateway.pid) - before
            counts = played.seen.counts
            seen.append(
                {
                    "rate": rate,
                    "sent": counts.messages,
                    "acknowledged": counts.acknowledged,
                    "refused": counts.refused,
                    "behind": played.behind,
                    "cpu": spent / counts.messages * 1e6,
                    "slip": played.seen.slip.share,
                    "latency": msgspec.to_builtins(played.seen.latency),
                }
            )
            lost = counts.refused + counts.unanswered + counts.broken
            if lost > counts.messages * (1 - _ENOUGH):
                break
    return seen


def carried(seen: list[dict[str, Any]]) -> float:
    """The highest rate that was kept up with: nothing refused, nothing queueing for longer."""
    kept = (
        one["rate"]
        for one in seen
        if not one["refused"] and one["latency"] is not None and one["latency"]["p50"] < _QUEUES
    )
    return float(max(kept, default=seen[0]["rate"]))
