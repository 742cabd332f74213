"""D11 for streams: workers die, some of a message."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest
import uvloop

from .oracle import Outage
from .stand import now
from .workers import (
    CALM,
    LEASE,
    LOAD,
    Workers,
    held_by,
    hub,
    judged,
    partition,
    warmed_up,
)

if TYPE_CHECKING:
    from pathlib import Path

    from servers.server import Server

    from .keeper import Keeper

pytestmark = pytest.mark.timeout(120)


@held_by("valkey9")
def test_d11_a_worker_is_killed(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """Its partitions go to the other, with what it had in hand; later it comes back."""

    async def run() -> None:
        async with hub(row, tmp_path, keeper.url) as (on, workers):
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


@held_by("valkey9")
def test_d11_a_worker_stops_gently(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """On SIGTERM it finishes what it has begun: nothing is handled twice, and nothing waits."""

    async def run() -> None:
        # A lease that nobody loses by standing still for a moment: who leaves gives it back.
        async with hub(row, tmp_path, keeper.url, lease=10.0) as (on, workers):
            await warmed_up(on)
            sending = asyncio.create_task(on.driver.send(LOAD))
            for name in ("a", "b", "a"):
                await asyncio.sleep(0.6)
                on.hold(await workers.end(name, signal.SIGTERM) == 0, f"exit code of {name}")
                await workers.start(name)
            await sending
            await judged(on)

    uvloop.run(run())


_HANDLER = """\
import os

seen = open("seen", "a", buffering=1)


async def handle(event):
    if event.text.startswith("poison"):
        os.kill(os.getpid(), 9)
    seen.write(event.id + chr(10))
"""


@held_by("valkey9")
def test_d11_a_message_kills_whoever_handles_it(row: str, tmp_path: Path, keeper: Keeper) -> None:
    """After three workers have died of it it is a dead letter, alone; the others get by."""
    server = keeper.holder(partition(0))

    async def run() -> None:
        (tmp_path / "handlers.py").write_text(_HANDLER)
        async with hub(row, tmp_path, keeper.url, ()) as (on, _):
            await on.driver.run(CALM)
            _poison(server)
            workers = Workers(tmp_path, on.gateway.config, "python:handlers:handle")
            deaths = 0
            try:
                while deaths < 3:
                    await workers.start("w")
                    code = await workers.dies("w")
                    on.hold(code == -signal.SIGKILL, workers.said("w"))
                    deaths += 1
                await workers.start("w")
                await _until_buried(server)
                count = len(on.driver.books.acknowledged)
                while len(_seen(tmp_path)) < count:  # noqa: ASYNC110 (another process writes it)
                    await asyncio.sleep(0.05)
                on.hold(await workers.end("w", signal.SIGTERM) == 0, workers.said("w"))
            finally:
                workers.close()

    uvloop.run(run())
    (letter,) = _dead(server)
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
    server.say("XADD", partition(0), "*", *fields)


def _dead(server: Server) -> list[dict[bytes, bytes]]:
    with server.client() as client:
        return [fields for _, fields in client.xrange(f"{partition(0)}:dead")]


async def _until_buried(server: Server) -> None:
    while not _dead(server):  # noqa: ASYNC110 (another process buries it)
        await asyncio.sleep(0.05)


def _seen(folder: Path) -> set[str]:
    return set((folder / "seen").read_text().split())
