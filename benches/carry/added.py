"""What claims and limits in a Redis add to the time until a message is acknowledged."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from wxgate.bench.day.stage import Setting
from wxgate.bench.day.stand import standing

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9
from servers.server import Server

_RATES = (100, 1000, 10_000)
_LEAST = 1000
"""Messages at each rate, so that there is a percentile to speak of."""


def run(rounds: int, seconds: float, *, small: bool = False) -> dict[str, Any]:
    """The percentiles of each round, by rate and by where claims are; or why there are none."""
    if VALKEY_9.program is None:
        return {"absent": VALKEY_9.otherwise}
    least = 10 if small else _LEAST
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with Server(VALKEY_9, place / "valkey") as server:
            settings = {"embedded": Setting(), "shared": Setting(redis=f"{server.url}/0")}
            return asyncio.run(_run(settings, rounds, (seconds, least), place))


async def _run(
    settings: dict[str, Setting], rounds: int, size: tuple[float, int], folder: Path
) -> dict[str, Any]:
    """Both gateways are up at once and take turns."""
    seconds, least = size
    seen: dict[str, Any] = {str(rate): {name: [] for name in settings} for rate in _RATES}
    async with AsyncExitStack() as stack:
        stands = {}
        for name, setting in settings.items():
            (folder / name).mkdir()
            stands[name] = await stack.enter_async_context(standing(folder / name, setting, 0.0))
        for stand in stands.values():
            await stand.stretch(_RATES[1], seconds)
        for _ in range(rounds):
            for rate in _RATES:
                for name, stand in stands.items():
                    played = await stand.stretch(rate, max(seconds, least / rate))
                    counts = played.seen.counts
                    one = msgspec.to_builtins(played.seen.latency)
                    one["slip"] = played.seen.slip.share
                    one["acknowledged"] = counts.acknowledged / counts.messages
                    seen[str(rate)][name].append(one)
    return seen
