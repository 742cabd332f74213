"""C8: what comes from Redis is no answer, or more than anybody has room for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop
from servers.chaos import Chaos, Manner

from .conftest import kept_by, slow
from .test_redis import undergo

if TYPE_CHECKING:
    from pathlib import Path

    from .fleet import Fleet
    from .keeper import Keeper

pytestmark = pytest.mark.timeout(150)

ANSWERS = {
    "noise": b"\x00\xff\xfe" * 100,
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "huge": b"$99999999\r\n" + b"x" * 20_000_000,
    "wide": b"*99999999\r\n" + b":1\r\n" * 1_000_000,
    "deep": b"*1\r\n" * 1_000_000,
    "several": b"+OK\r\n" * 5,
    "another": b"*3\r\n$1\r\ne\r\n$1\r\nq\r\n*0\r\n",
}
GROWTH = 256 << 20
"""Bytes by which a gateway may grow through what it cannot use."""


@pytest.mark.parametrize("answer", ["noise", *map(slow, list(ANSWERS)[1:])])
@kept_by("valkey9")
def test_c8_no_answer(row: str, tmp_path: Path, keeper: Keeper, answer: str) -> None:
    """Each gateway goes on by itself, and together with the others once there are answers."""

    async def run() -> None:
        async with Chaos(keeper.server.port) as chaos:

            async def fault(on: Fleet) -> None:
                before = max(one.resident() for one in on.gateways)
                chaos.down = Manner(instead=ANSWERS[answer])
                await on.until_modes("alone")
                await asyncio.sleep(0.7)  # how long it talks like that
                on.hold("shared" not in await on.modes(), "it is in use")
                grown = max(one.resident() for one in on.gateways) - before
                on.hold(grown < GROWTH, f"grew by {grown} bytes")
                on.hold(not any("Traceback" in one.said() for one in on.gateways), "it has raised")
                chaos.calm()
                chaos.cut()

            await undergo(row, tmp_path, chaos.url, fault)

    uvloop.run(run())
