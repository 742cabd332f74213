"""Connections of those who take messages from a stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servers.fixtures import present
from servers.flavour import REDIS_7
from servers.server import Server
from wxgate.settings.redis import RedisPlace, RedisUrl
from wxgate.work.connect import close, connect

if TYPE_CHECKING:
    from pathlib import Path


def test_a_unix_socket_and_its_database(tmp_path: Path) -> None:
    """As the gateway's own address has it."""
    path = tmp_path / "redis.sock"

    async def run() -> None:
        client = connect(RedisPlace(url=RedisUrl.parse(f"unix://{path}?db=3")), 5.0)
        try:
            assert await client.set("where", "here")
        finally:
            await close(client)

    with Server(present(REDIS_7), tmp_path, "--unixsocket", str(path)) as server:
        asyncio.run(run())
        with server.client(db=3) as client:
            assert client.get("where") == b"here"
