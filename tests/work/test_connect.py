"""Connections of those who take messages from a stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop
from redis.exceptions import ConnectionError as LostError
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


def test_a_connection_that_is_closed_already_is_lost(redis_server: Server) -> None:
    """The loop says so by a ``RuntimeError``; the next command makes another."""

    async def run() -> None:
        client = connect(RedisPlace(url=RedisUrl.parse(redis_server.url)), 5.0)
        try:
            assert await client.ping()
            pool = client.connection_pool  # type: ignore[union-attr]
            (connection,) = pool._available_connections  # noqa: SLF001 (no other way to it)
            # As where it ends between the look at it and the command.
            connection._writer.transport.abort()  # type: ignore[union-attr] # noqa: SLF001
            connection.can_read_destructive = _nothing_to_read
            with pytest.raises(LostError):
                await client.ping()
            assert await client.ping()
        finally:
            await close(client)

    uvloop.run(run())


async def _nothing_to_read(*_: object, **__: object) -> bool:
    return False
