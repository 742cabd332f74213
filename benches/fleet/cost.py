"""What a message costs the Redis, with everything on, by how many come to a worker.

The fewer come together, the more each costs: a call of the script for one, an append and a read of
its own. A fleet has many workers of which each has few messages.
"""

from __future__ import annotations

import asyncio
from statistics import median
from typing import TYPE_CHECKING

from wxgate.bench.day.stage import Setting
from wxgate.bench.day.stand import standing

if TYPE_CHECKING:
    from pathlib import Path

    from servers.server import Server
    from wxgate.bench.day.stand import Stand

RATES = (231, 694, 2315, 6944)
"""Messages a second: of 20 billion a day on 1,000 nodes in the mean, in the busiest hour and on a
holiday, and of as many on 100 nodes in the busiest hour. Short days and the whole one have more."""
_ROUNDS, _MESSAGES = 3, 1000
_FEW = 50
_IDLE_S = 3.0


def run(server: Server, folder: Path, *, small: bool = False) -> dict[str, float]:
    """µs of an empty server's CPU a message, by the rate, beyond what it has when all is quiet."""
    rounds, messages = (1, _FEW) if small else (_ROUNDS, _MESSAGES)
    return asyncio.run(_run(server, folder, rounds, messages))


async def _run(server: Server, folder: Path, rounds: int, messages: int) -> dict[str, float]:
    costs: dict[int, list[float]] = {rate: [] for rate in RATES}
    async with standing(folder, Setting(to="stream", redis=f"{server.url}/0"), 0.0) as stand:
        await stand.stretch(RATES[-1], messages / RATES[-1])
        idle = await _idle(server)
        for _ in range(rounds):
            for rate, seen in costs.items():
                seen.append(await _cost(server, stand, rate, messages, idle))
    return {str(rate): median(seen) for rate, seen in costs.items()}


async def _cost(server: Server, stand: Stand, rate: int, messages: int, idle: float) -> float:
    loop = asyncio.get_running_loop()
    began, before = loop.time(), _cpu(server)
    counts = (await stand.stretch(rate, messages / rate)).seen.counts
    spent = _cpu(server) - before - idle * (loop.time() - began)
    assert counts.acknowledged == counts.messages, counts
    return spent / counts.messages * 1e6


async def _idle(server: Server) -> float:
    """Share of a processor, with a gateway and a reader that have nothing to do."""
    before = _cpu(server)
    await asyncio.sleep(_IDLE_S)
    return (_cpu(server) - before) / _IDLE_S


def _cpu(server: Server) -> float:
    said = server.say("INFO", "cpu")
    return float(said["used_cpu_user"]) + float(said["used_cpu_sys"])
