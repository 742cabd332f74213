"""The settings of a stream turn while messages flow: none is lost, and none comes twice."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from servers import flavour
from servers.fixtures import present
from servers.server import Server
from wxgate.sinks import stream

from .reloading import flowing, turn
from .theatre import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Stage

ROUTE = '[overload]\nenabled = false\n[[route]]\nto = "stream:orders"\n'
RETRY = "[stream.orders.retry]\nfirst = 0.01\nmax = 0.05\n"
_STREAM = re.compile(rb"w[xyz]:stream:\{orders:\d+\}")


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second server."""
    with Server(present(flavour.VALKEY_9), tmp_path_factory.mktemp("other")) as server:
        yield server


def table(server: Server, prefix: str = "wx", more: str = "") -> str:
    """The stream's settings."""
    redis = f'redis = {{ url = "{server.url}", prefix = "{prefix}" }}'
    return f"[stream.orders]\n{redis}\n{more}\n{RETRY}\n"


def appended(*servers: Server) -> Counter[str]:
    """The ids of all entries, whatever the prefix."""
    found: Counter[str] = Counter()
    for server in servers:
        with server.client() as client:
            for key in client.keys("*"):
                if _STREAM.fullmatch(key):
                    entries: Any = client.xrange(key)
                    found.update(fields[b"id"].decode() for _, fields in entries)
    return found


def test_a_stream_s_settings_turn_under_load(
    stage: Stage, redis_server: Server, other: Server
) -> None:
    """More partitions, fewer, another timeout, another prefix, another server, and back."""
    first = table(redis_server, more="partitions = 4")
    turns = [
        table(redis_server, more="partitions = 8"),
        table(redis_server, more="partitions = 8\ntimeout = 2.5\nbatch = 7"),
        table(redis_server, "wy", more="partitions = 2"),
        table(other, "wz"),
        table(redis_server, more="partitions = 4\nkeep = 0.5"),
    ]

    async def run() -> int:
        theatre = stage(first + ROUTE)
        async with flowing(theatre) as flow:
            before = first
            for after in turns * 3:
                await turn(theatre, before, after)
                await flow.more(10)
                before = after
        return flow.accepted

    accepted = asyncio.run(run())
    found = appended(redis_server, other)
    assert len(found) == accepted
    assert set(found.values()) == {1}
    assert appended(other)


def test_a_server_that_is_gone_is_left_for_another_under_load(
    stage: Stage, own_redis: Server, redis_server: Server
) -> None:
    """What waits for it goes to the other one: all that it did not take before it was killed."""
    first = table(own_redis, more="timeout = 0.2")

    async def run() -> int:
        theatre = stage(first + ROUTE)
        async with flowing(theatre) as flow:
            own_redis.pause()
            await flow.more(50)
            before = theatre.total("shop", "accepted")
            assert theatre.deliveries().get("stream:orders", 0) < before
            await turn(theatre, first, table(redis_server, more="timeout = 0.2"))
            await flow.more(50)
        return flow.accepted

    accepted = asyncio.run(run())
    own_redis.resume()
    assert len(appended(own_redis, redis_server)) == accepted


def test_the_password_of_a_stream_turns_as_the_docs_say(
    stage: Stage, own_redis: Server, tmp_path: Path
) -> None:
    """Its user has both for a while; the gateway takes up the new one at a reload."""
    own_redis.say("ACL", "SETUSER", "wxgate", "on", ">old", "~*", "+@all")
    file = tmp_path / "redis_password"
    file.write_text("old")
    user = 'user = "wxgate", password = "file:redis_password"'

    async def run() -> int:
        theatre = stage(table(own_redis).replace(" }", f", {user} }}") + ROUTE)
        async with flowing(theatre) as flow:
            own_redis.say("ACL", "SETUSER", "wxgate", ">new")
            file.write_text("new")
            assert await theatre.gateway.reload()
            own_redis.say("ACL", "SETUSER", "wxgate", "<old")
            own_redis.say("CLIENT", "KILL", "TYPE", "normal")
            await flow.more(50)
        return flow.accepted

    accepted = asyncio.run(run())
    assert len(appended(own_redis)) == accepted


@pytest.mark.parametrize("after", ["timeout = 2.5", "partitions = 3", "partitions = 16"])
def test_what_was_appended_under_other_settings_is_not_forgotten(
    stage: Stage, redis_server: Server, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """The server loses it after the reload: it comes again from the journal."""
    first = table(redis_server, more="partitions = 8")

    async def run() -> None:
        theatre = stage(first + ROUTE)
        async with theatre.gateway:
            for _ in range(40):
                await theatre.play("shop", "text")
            await theatre.counted(40)
            await turn(theatre, first, table(redis_server, more=after))
            redis_server.say("FLUSHALL")
            # By a look, without another message.
            await until(lambda: len(appended(redis_server)) == 40)

    monkeypatch.setattr(stream, "_FIRST_LOOK", 0.02)
    asyncio.run(run())
    assert set(appended(redis_server).values()) == {1}
