"""Throughput against latency: one gateway, ever more messages a second, until it is too much."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from wxgate.bench import usage
from wxgate.bench.day.stage import Setting
from wxgate.bench.day.stand import standing

if TYPE_CHECKING:
    from collections.abc import Sequence

_RATES = (250, 500, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 8000, 10_000, 13_000, 16_000, 20_000)
_FORGED = 0.01
_ENOUGH = 0.98
"""Of what is sent: where less than this is acknowledged in time it was too much."""


def run(seconds: float, *, small: bool = False) -> list[dict[str, Any]]:
    """What was seen at each rate; the last one was too much."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(_RATES[:2] if small else _RATES, seconds, Path(folder)))


async def _run(rates: Sequence[int], seconds: float, folder: Path) -> list[dict[str, Any]]:
    seen = []
    async with standing(folder, Setting(), _FORGED) as stand:
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
