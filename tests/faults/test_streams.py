"""C3 to C5 and D11 for streams: Redis loses, lags and refuses; workers die, some of a message."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import uvloop

from .driver import Load
from .oracle import Bounds, Outage
from .stand import Stand, now
from .workers import LEASE, Workers, hub

if TYPE_CHECKING:
    from pathlib import Path

    from servers.replicated import Replicated
    from servers.server import Server

pytestmark = pytest.mark.timeout(120)

LOAD = Load(rate=300, seconds=3.0, asks=0.0)
CALM = replace(LOAD, rate=200, seconds=0.3, duplicates=0.0)
HANDS = 8 * 256
"""What workers may have in hand when one dies, or the stream is lost: then it is handled again."""


async def warmed_up(on: Stand) -> None:
    """Demand that messages arrive: everybody has joined, and has partitions."""
    await on.driver.run(CALM)
    await on.drained()


async def judged(on: Stand, *outages: Outage) -> None:
    """Demand that nothing is lost, the order is kept, and only outages explain repetitions."""
    await on.driver.finish()
    await on.drained()
    on.hold(await on.gateway.stop() == 0, "the gateway did not stop gently")
    on.judge(Bounds(outages=outages, in_flight=HANDS))


def test_d11_a_worker_is_killed(row: str, tmp_path: Path, own_redis: Server) -> None:
    """Its partitions go to the other, with what it had in hand; later it comes back."""

    async def run() -> None:
        async with hub(row, tmp_path, own_redis.url) as (on, workers):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            outages = []
            for name in ("a", "b"):
                await asyncio.sleep(0.7)
                down = now()
                await workers.end(name, signal.SIGKILL)
                await asyncio.sleep(0.3)
                await workers.start(name)
                outages.append(Outage(down, now() + 2 * LEASE))
            await sending
            await judged(on, *outages)

    uvloop.run(run())


def test_d11_a_worker_stops_gently(row: str, tmp_path: Path, own_redis: Server) -> None:
    """On SIGTERM it finishes what it has begun: nothing is handled twice, and nothing waits."""

    async def run() -> None:
        # A lease that nobody loses by standing still for a moment: who leaves gives it back.
        async with hub(row, tmp_path, own_redis.url, lease=10.0) as (on, workers):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            for name in ("a", "b", "a"):
                await asyncio.sleep(0.6)
                on.hold(await workers.end(name, signal.SIGTERM) == 0, f"exit code of {name}")
                await workers.start(name)
            await sending
            await judged(on)

    uvloop.run(run())


@pytest.mark.parametrize("loss", ["flush", "streams", "restart"])
def test_c3_what_redis_had_is_gone(row: str, tmp_path: Path, own_redis: Server, loss: str) -> None:
    """Under load: the journal gives it again, groups are made again, all by itself."""

    async def run() -> None:
        async with hub(row, tmp_path, own_redis.url) as (on, workers):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            outages = []
            for _ in range(2):
                await asyncio.sleep(0.8)
                down = now()
                if loss == "flush":
                    own_redis.say("FLUSHALL")
                elif loss == "streams":
                    own_redis.say("DEL", *(f"wx:stream:{{wechat:{n}}}" for n in range(8)))
                else:
                    await asyncio.to_thread(own_redis.restart)
                outages.append(Outage(down, now() + 2 * LEASE))
            await sending
            await judged(on, *outages)
            on.hold("Traceback" not in workers.said("a"), workers.said("a"))
            lines = len(workers.said("a").splitlines())
            on.hold(lines < 60, f"{lines} lines in the log of a worker")

    uvloop.run(run())


def test_c4_a_replica_that_lagged_takes_over(
    row: str, tmp_path: Path, replicated: Replicated
) -> None:
    """What it has not seen comes again from the journal."""

    async def run() -> None:
        async with hub(row, tmp_path, replicated.url) as (on, _):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            await asyncio.sleep(0.5)
            down = now()
            replicated.lag()
            await asyncio.sleep(0.8)
            old = replicated.primary.port
            replicated.primary.kill()
            replicated.replica.resume()
            await asyncio.to_thread(replicated.until_failed_over, old)
            await sending
            await judged(on, Outage(down, now() + 3 * LEASE))

    uvloop.run(run())


@pytest.mark.parametrize("how", ["full", "slow", "readonly"])
def test_c5_redis_takes_nothing_for_a_while(
    row: str, tmp_path: Path, own_redis: Server, how: str
) -> None:
    """Messages are acknowledged and wait in the journal; nobody is lost, and nothing restarts."""

    async def run() -> None:
        async with hub(row, tmp_path, own_redis.url) as (on, _):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            await asyncio.sleep(0.5)
            down = now()
            if how == "full":
                own_redis.configure(maxmemory=1, maxmemory_policy="noeviction")
                await asyncio.sleep(0.8)
                own_redis.configure(maxmemory=0)
            elif how == "slow":
                own_redis.pause()
                await asyncio.sleep(0.8)
                own_redis.resume()
            else:
                own_redis.configure(min_replicas_to_write=1)
                await asyncio.sleep(0.8)
                own_redis.configure(min_replicas_to_write=0)
            up = now()
            await sending
            on.hold(on.driver.books.refused == 0, "WeChat was refused")
            await judged(on, Outage(down, up + 2 * LEASE))

    uvloop.run(run())


_HANDLER = """\
import os

seen = open("seen", "a", buffering=1)


async def handle(event):
    if event.text.startswith("poison"):
        os.kill(os.getpid(), 9)
    seen.write(event.id + chr(10))
"""


def test_d11_a_message_kills_whoever_handles_it(
    row: str, tmp_path: Path, own_redis: Server
) -> None:
    """After three workers have died of it it is a dead letter, alone; the others get by."""

    async def run() -> None:
        (tmp_path / "handlers.py").write_text(_HANDLER)
        async with hub(row, tmp_path, own_redis.url, ()) as (on, _):
            player = on.gateway.player()
            del player
            await on.driver.run(CALM)
            _poison(own_redis)
            workers = Workers(tmp_path, on.gateway.config, "python:handlers:handle")
            deaths = 0
            try:
                while deaths < 3:
                    await workers.start("w")
                    code = await workers.dies("w")
                    on.hold(code == -signal.SIGKILL, workers.said("w"))
                    deaths += 1
                await workers.start("w")
                await _until_buried(own_redis)
                count = len(on.driver.books.acknowledged)
                while len(_seen(tmp_path)) < count:  # noqa: ASYNC110 (another process writes it)
                    await asyncio.sleep(0.05)
                on.hold(await workers.end("w", signal.SIGTERM) == 0, workers.said("w"))
            finally:
                workers.close()

    uvloop.run(run())
    (letter,) = _dead(own_redis)
    assert letter[b"id"] == b"poison"
    assert letter[b"reason"].startswith(b"died: 3 processes")


def _poison(server: Server) -> None:
    """Put it where others are, before and behind it."""
    event = {
        "id": "poison",
        "source": "/wxgate/shop",
        "type": "wechat.official.text",
        "time": "2026-01-01T00:00:00Z",
        "partitionkey": "p",
        "traceparent": "",
        "data": {"Content": "poison"},
    }
    fields = ("id", "poison", "key", "p", "event", json.dumps(event))
    server.say("XADD", "wx:stream:{wechat:0}", "*", *fields)


def _dead(server: Server) -> list[dict[bytes, bytes]]:
    with server.client() as client:
        return [fields for _, fields in client.xrange("wx:stream:{wechat:0}:dead")]


async def _until_buried(server: Server) -> None:
    while not _dead(server):  # noqa: ASYNC110 (another process buries it)
        await asyncio.sleep(0.05)


def _seen(folder: Path) -> set[str]:
    return set((folder / "seen").read_text().split())
