"""Servers that let in nobody without TLS and a name: Sentinels and a Cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import redis.exceptions
from msgspec.structs import replace
from servers.access import GATEWAY_RULES, SENTINEL_RULES, locked
from servers.fixtures import present
from servers.flavour import REDIS_7, ROOT
from servers.layouts import LOCKED, Layout
from servers.replicated import Replicated
from streams.hub import hub, messages
from work.team import read, until_pending, working
from wxgate.errors import StoreError
from wxgate.redis.runner import Runner
from wxgate.redis.script import Script
from wxgate.settings.secret import Secret
from wxgate.testing import message
from wxgate.work.connect import close, connect

from .test_redis_faults import ask, heard, node, now, shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.tls import Identity
    from wxgate.settings.redis import RedisPlace

WRONG = Secret("env:X", "wrong-but-secret")


@pytest.fixture(scope="module", params=LOCKED, ids=lambda one: one.name)
def layout(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tls_identity: Identity,
) -> Iterator[Layout]:
    """Either of them, running."""
    present(request.param.flavour)
    one: Layout = request.param.up(tmp_path_factory.mktemp("locked"), tls_identity)
    with one.group:
        yield one


@dataclass(frozen=True)
class Stranger:
    """Somebody whose settings are wrong, and what is then said."""

    wrong: dict[str, Any]
    said: str
    to_sentinels: bool = False


STRANGERS = {
    "no-authority": Stranger({"ca": None}, "certificate"),
    "no-name": Stranger({"user": None, "password": None}, "NOAUTH"),
    "wrong-password": Stranger({"password": WRONG}, "WRONGPASS"),
    "no-name-to-sentinels": Stranger(
        {"sentinel_user": None, "sentinel_password": None}, "NOAUTH", to_sentinels=True
    ),
    "wrong-password-to-sentinels": Stranger(
        {"sentinel_password": WRONG}, "WRONGPASS", to_sentinels=True
    ),
}


@pytest.mark.parametrize("rules", [GATEWAY_RULES, SENTINEL_RULES], ids=["servers", "sentinels"])
def test_users_have_what_the_manual_gives_them(rules: tuple[str, ...]) -> None:
    """And nothing more, or these tests would prove nothing."""
    assert f" on >… {' '.join(rules)}\n" in (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_are_told_why_they_may_not_enter(layout: Layout, who: str) -> None:
    """Claims, a stream's sink, and a worker; no secret is in what they say."""
    stranger = STRANGERS[who]
    if stranger.to_sentinels and not isinstance(layout.group, Replicated):
        return  # a Cluster has none

    async def run() -> list[str]:
        async with node(layout.url, **(layout.settings | stranger.wrong)) as claims:
            assert not claims.is_shared
            reason = str(claims.report()["reason"])
        gateway, worker = (
            replace(one, **stranger.wrong) for one in (layout.gateway, layout.worker)
        )
        said = [reason, await _refused_to_append(gateway), await _refused_to_read(worker)]
        await layout.until_left()
        return said

    claims, sink, worker = asyncio.run(run())
    assert stranger.said in claims
    assert stranger.said in sink
    assert not any("secret" in one for one in (claims, sink, worker))


async def _refused_to_append(place: RedisPlace) -> str:
    runner = Runner(place, 5.0)
    try:
        with pytest.raises(StoreError) as caught:
            await runner.run(Script("return 1"), ["wx:stream:{x}"], [])
    finally:
        await runner.aclose()
    return str(caught.value)


async def _refused_to_read(place: RedisPlace) -> str:
    client = connect(place, 5.0)
    try:
        with pytest.raises(redis.exceptions.RedisError) as caught:
            await client.get("wx:stream:{x}")
    finally:
        await close(client)
    return str(caught.value)


@pytest.fixture
def group(tmp_path: Path, tls_identity: Identity) -> Iterator[Layout]:
    """Servers under Sentinels, of one test alone."""
    access = locked(tls_identity)
    with Replicated(present(REDIS_7), tmp_path, access=access) as one:
        yield Layout(one, access)


@pytest.mark.slow
def test_everybody_finds_the_new_primary(group: Layout) -> None:
    """Claims, a stream's sink and its worker: what the old one knew is told to it, or repeated."""
    servers = group.group
    assert isinstance(servers, Replicated)

    async def run() -> list[str]:
        async with (
            node(group.url, budget=1.0, **group.settings) as claims,
            hub(group.gateway, within=1.0, reader=group.worker) as one,
            working(group.worker, lease=60.0) as consumer,
        ):
            assert await ask(claims, 1) is True
            claims.complete([message(1)], now())
            await heard(claims)
            await one.put(messages(range(1, 21)))
            entries = await read(consumer, 20)
            for entry in entries:
                consumer.finish(entry)
            await until_pending(one)
            servers.lag()
            old = servers.primary.port
            servers.primary.kill()
            servers.replica.resume()
            await asyncio.to_thread(servers.until_failed_over, old)
            await shared(claims)
            async with node(group.url, budget=1.0, **group.settings) as there:
                assert await ask(there, 1) == b""
            await one.insist(messages(range(21, 41)))
            ids = {entry.id for entry in entries}
            while len(ids) < 40:
                found = await consumer.read(10)
                ids |= {entry.id for entry in found}
                for entry in found:
                    consumer.finish(entry)
        await group.until_left()
        return sorted(ids)

    assert asyncio.run(run()) == sorted(f"id{number}" for number in range(1, 41))
