"""`wxgate doctor` on the Redis that gateways share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from wxgate.doctor.state import state
from wxgate.settings import Settings
from wxgate.settings.push import Official
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.settings.state import State

if TYPE_CHECKING:
    from servers.server import Server
    from wxgate.doctor import Finding


def examine(url: str | None) -> list[Finding]:
    """What is found of a Redis at an address."""
    redis = None if url is None else Redis(url=RedisUrl.parse(url))
    account = Official(appid=("wx0123456789abcdef",), token=(), aes_key=())
    return asyncio.run(state(Settings(state=State(redis=redis), account={"shop": account})))


def test_nothing_is_said_where_there_is_none() -> None:
    """A machine alone."""
    assert examine(None) == []


def test_a_server_in_good_health(each_redis: Server) -> None:
    """Each version that is supported."""
    found = examine(each_redis.url)
    assert [one.verdict for one in found] == ["ok", "ok"]
    assert "answers" in found[0].found


@pytest.mark.parametrize("policy", ["allkeys-lfu", "volatile-lru"])
def test_a_policy_that_drops_claims(redis_server: Server, policy: str) -> None:
    """Only where there is a limit at all."""
    redis_server.configure(maxmemory_policy=policy)
    assert "fail" not in {one.verdict for one in examine(redis_server.url)}
    redis_server.configure(maxmemory="100mb")
    (failed,) = (one for one in examine(redis_server.url) if one.verdict == "fail")
    assert policy in failed.found
    assert failed.setting == "maxmemory-policy"


def test_nobody_there() -> None:
    """The address is named, and the setting."""
    (failed,) = examine("redis://127.0.0.1:1")
    assert (failed.verdict, failed.setting) == ("fail", "state.redis.url")
    assert "127.0.0.1:1" in failed.found
