"""The servers start, die and come back as tests rely on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import redis

from .chaos import Chaos, Manner
from .fixtures import present
from .flavour import REDIS_7
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from .cluster import Cluster
    from .replicated import Replicated
    from .tls import Identity

PING, PONG = b"PING\r\n", b"+PONG\r\n"


def test_each_server_is_empty_and_answers(each_redis: Server) -> None:
    """Also after a test that left something."""
    assert each_redis.say("DBSIZE") == 0
    assert each_redis.say("SET", "left", "behind")
    assert each_redis.say("EVAL", "return redis.call('TIME')[1]", 0)


def test_a_paused_server_goes_on_and_a_killed_one_has_forgotten(own_redis: Server) -> None:
    """On the same port."""
    own_redis.say("SET", "key", "value")
    own_redis.pause()
    with own_redis.client(socket_timeout=0.05) as client, pytest.raises(redis.TimeoutError):
        client.get("key")
    own_redis.resume()
    assert own_redis.say("GET", "key") == b"value"
    own_redis.restart()
    assert own_redis.say("GET", "key") is None


@pytest.mark.slow
def test_sentinels_choose_the_replica_when_the_primary_dies(replicated: Replicated) -> None:
    """Within the patience of the fixture."""
    old = replicated.master()
    assert old == replicated.primary.port
    replicated.primary.kill()
    replicated.until_failed_over(old)
    assert replicated.master() == replicated.replica.port


def test_a_cluster_sends_clients_to_who_has_a_slot(redis_cluster: Cluster) -> None:
    """As one that keeps to its own would not."""
    slot = redis_cluster.slot("{wx}:1")
    other = next(one for one in redis_cluster.nodes if one is not redis_cluster.holder(slot))
    assert redis_cluster.holder(slot).say("SET", "{wx}:1", "x")
    with pytest.raises(redis.ResponseError, match=f"{slot} 127.0.0.1"):
        other.say("GET", "{wx}:1")


def test_tls_and_a_user_of_its_own(tmp_path: Path, tls_identity: Identity) -> None:
    """Of the one server here that was built with TLS."""
    with Server(present(REDIS_7), tmp_path, tls=tls_identity) as server:
        server.say("ACL", "SETUSER", "wxgate", "on", ">secret", "~wx:*", "+@all")
        with server.client(username="wxgate", password="secret") as client:  # noqa: S106 (a test's)
            assert client.set("wx:1", "x")
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.set("other", "x")


async def exchange(port: int, seconds: float = 1.0) -> bytes:
    """What comes back for a PING through a proxy; raises if nothing does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PING)
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(100)
    finally:
        writer.transport.abort()


def test_the_proxy_delays_cuts_and_goes_silent(redis_server: Server) -> None:
    """Each way by itself; and passes everything on when it is calm."""

    async def run() -> None:
        async with Chaos(redis_server.port) as chaos:
            assert await exchange(chaos.port) == PONG
            chaos.down = Manner(cut_at=3)
            assert await exchange(chaos.port) == PONG[:3]
            chaos.down = Manner(silent=True)
            with pytest.raises(TimeoutError):
                await exchange(chaos.port, 0.05)
            chaos.calm()
            chaos.up = Manner(delay=0.1)
            started = asyncio.get_running_loop().time()
            assert await exchange(chaos.port) == PONG
            assert asyncio.get_running_loop().time() - started >= 0.1
            chaos.calm()
            chaos.refuses = True
            with pytest.raises((ConnectionError, AssertionError)):
                assert await exchange(chaos.port)

    asyncio.run(run())


def test_the_proxy_trickles(redis_server: Server) -> None:
    """Piece by piece, each after its time, and all of it; at once when it is calm again."""

    async def run() -> None:
        async with Chaos(redis_server.port) as chaos:
            chaos.down = Manner(rate=20)
            reader, writer = await asyncio.open_connection("127.0.0.1", chaos.port)
            writer.write(PING)
            loop = asyncio.get_running_loop()
            said, started = await reader.readexactly(1), loop.time()
            said += await reader.readexactly(3)
            assert loop.time() - started >= 2 / 20
            chaos.calm()
            assert said + await reader.readexactly(len(PONG) - 4) == PONG
            writer.transport.abort()

    asyncio.run(run())
