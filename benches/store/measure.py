"""What claims that machines share cost: CPU here and in the server, and time that messages wait.

``measure.py ROUNDS MESSAGES`` writes JSON.

In one process, without HTTP: what is compared is admission with the claims of this process alone,
and with a Redis in front of them, on this machine.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from wxcore._wxcore import Claims
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.stores.redis.claims import RedisClaims
from wxgate.testing import message

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.flavour import VALKEY_9
from servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wxcore._wxcore import Received

WAITING = (1, 8, 64)
"""Messages that wait in one tick."""
RATES = (100, 1_000, 10_000)
"""Messages a second."""
_PATIENT = 1.0


def run(rounds: int, messages: int) -> dict[str, Any]:
    """Measure on Valkey, if it is here; ``messages`` in a round."""
    if VALKEY_9.program is None:
        return {"absent": VALKEY_9.otherwise}
    with tempfile.TemporaryDirectory() as folder, Server(VALKEY_9, Path(folder)) as server:
        return uvloop.run(_measure(server, rounds, messages))


async def _measure(server: Server, rounds: int, messages: int) -> dict[str, Any]:
    store = await _store(server)
    genuine = [message(number) for number in range(messages)]
    # One after the other they wait for the network, which is not what is measured.
    parts = {waiting: genuine[: len(genuine) * waiting // max(WAITING)] for waiting in WAITING}
    cpu = {
        waiting: await _cpu(server, store, part, waiting, rounds) for waiting, part in parts.items()
    }
    latency = {rate: await _latency(server, store, genuine, rate) for rate in RATES}
    answers = store.tally
    assert answers.late + answers.doubled + answers.failures == 0, answers
    await store.aclose()
    return {"cpu": cpu, "latency": latency}


async def _store(server: Server) -> RedisClaims:
    settings = Redis(url=RedisUrl.parse(server.url), budget=_PATIENT)
    store = RedisClaims(settings, _own())
    await store.open()
    assert store.is_shared, store.report()
    return store


def _own() -> Claims:
    return Claims(1_000_000, 1 << 20, _now())


async def _cpu(
    server: Server, store: RedisClaims, genuine: list[Received], waiting: int, rounds: int
) -> dict[str, list[float]]:
    """µs a message in a round: of this process embedded and shared, and of the server."""
    seen: dict[str, list[float]] = {"embedded": [], "shared": [], "server": []}
    for _ in range(rounds):
        own = _own()
        seen["embedded"].append(await _spent(own, genuine, waiting))
        await _emptied(server, store)
        with _server_time(server) as took:
            seen["shared"].append(await _spent(store, genuine, waiting))
        seen["server"].append(took[0] / len(genuine) * 1e6)
    return seen


async def _spent(claims: Claims | RedisClaims, genuine: list[Received], waiting: int) -> float:
    started = time.process_time()
    for at in range(0, len(genuine), waiting):
        await asyncio.gather(*(_admit(claims, one) for one in genuine[at : at + waiting]))
    if isinstance(claims, RedisClaims):
        await claims.settle(_PATIENT)
    return (time.process_time() - started) / len(genuine) * 1e6


async def _admit(claims: Claims | RedisClaims, one: Received) -> None:
    """As the pipeline does, without what comes between."""
    now = _now()
    held = claims.claim(one, now)
    if isinstance(held, asyncio.Future):
        held = await held
    assert held is True
    claims.complete([one], now)


async def _emptied(server: Server, store: RedisClaims) -> None:
    """Forget everything on both sides, without the store's noticing."""
    store.local = _own()
    with server.client() as client:
        keys = list(client.scan_iter("{wx}:c*", count=10_000))
        for at in range(0, len(keys), 1000):
            client.unlink(*keys[at : at + 1000])


@contextmanager
def _server_time(server: Server) -> Iterator[list[float]]:
    took, before = [0.0], _server_cpu(server)
    yield took
    took[0] = _server_cpu(server) - before


def _server_cpu(server: Server) -> float:
    said = server.say("INFO", "cpu")
    return float(said["used_cpu_user"]) + float(said["used_cpu_sys"])


async def _latency(
    server: Server, store: RedisClaims, genuine: list[Received], rate: int
) -> dict[str, float]:
    """Seconds that a message waits for its claim, in an open loop; for two seconds at most."""
    await _emptied(server, store)
    loop = asyncio.get_running_loop()
    waits: list[float] = []

    async def ask(one: Received, due: float) -> None:
        await _admit(store, one)
        waits.append(time.perf_counter() - due)

    tasks = []
    started = time.perf_counter()
    for at, one in enumerate(genuine[: 2 * rate]):
        due = started + at / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        tasks.append(loop.create_task(ask(one, max(due, time.perf_counter()))))
    await asyncio.gather(*tasks)
    # Completions wait for a claim to go along with; not to come once all is emptied again.
    await store.settle(_PATIENT)
    waits.sort()
    return {"median": statistics.median(waits), "p99": waits[int(len(waits) * 0.99) - 1]}


def _now() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    rounds, messages = map(int, sys.argv[1:])
    sys.stdout.write(json.dumps(run(rounds, messages)))
