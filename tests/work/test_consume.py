"""`wxgate.consume`: a loop of the team's own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
import wxgate
from streams.hub import ROOT, hub, messages
from wxgate.errors import ConfigError
from wxgate.work.dead import letters

from .team import LEASE, until_pending

if TYPE_CHECKING:
    from pathlib import Path

    from servers.server import Server
    from wxgate import Event


class _BrokenError(Exception):
    """What a loop's body raises in a test."""


def _handle(batch: tuple[Event, ...]) -> None:
    """Fail over one message."""
    if any(event.id == "id7" for event in batch):
        raise _BrokenError


async def consume_all(url: str, count: int, size: int = 10) -> list[str]:
    """Consume so many, and stop as a program does that is told to."""
    got: list[str] = []
    async for batch in wxgate.consume("stream:wechat", redis=url, size=size, lease=LEASE):
        assert 0 < len(batch) <= size
        got += [event.id for event in batch]
        if len(got) >= count:
            os.kill(os.getpid(), signal.SIGTERM)
    return got


def test_a_batch_is_acknowledged_by_coming_back_for_the_next(redis_server: Server) -> None:
    """And SIGTERM ends the loop once the batch in hand is done."""

    async def scene() -> list[str]:
        async with hub(redis_server.url) as one:
            await one.put(messages(range(1, 51)))
            got = await consume_all(redis_server.url, 50)
            await until_pending(one)
            return got

    got = asyncio.run(scene())
    assert sorted(got) == sorted(f"id{n}" for n in range(1, 51))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_loop_that_breaks_leaves_its_batch(redis_server: Server) -> None:
    """Whoever consumes next has it, at once; what was finished does not come again."""

    async def scene() -> tuple[list[str], list[str]]:
        async with hub(redis_server.url) as one:
            await one.put(messages(range(1, 31)))
            first: list[str] = []

            async def broken() -> None:
                async for batch in wxgate.consume(
                    "stream:wechat", redis=redis_server.url, size=5, lease=60.0
                ):
                    if len(first) >= 10:
                        raise _BrokenError
                    first.extend(event.id for event in batch)

            with pytest.raises(_BrokenError):
                await broken()
            return first, await consume_all(redis_server.url, 30 - len(first))

    first, second = asyncio.run(scene())
    assert sorted(first + second) == sorted(f"id{n}" for n in range(1, 31))


def test_a_message_that_breaks_every_loop_is_a_dead_letter(redis_server: Server) -> None:
    """After three of them; its neighbours are handled."""

    async def scene() -> tuple[int, set[str], list[str]]:
        async with hub(redis_server.url, partitions=2) as one:
            await one.put(messages(range(1, 21)))
            breaks = 0
            got: set[str] = set()
            while len(got) < 19:
                try:
                    consuming = wxgate.consume(
                        "stream:wechat", redis=redis_server.url, size=8, lease=60.0
                    )
                    async with aclosing(consuming) as batches:
                        async for batch in batches:
                            _handle(batch)
                            got |= {event.id for event in batch}
                            if len(got) >= 19:
                                break
                except _BrokenError:
                    breaks += 1
            dead = [letter.reason async for letter in letters(one.client, ROOT)]
            return breaks, got, dead

    breaks, got, dead = asyncio.run(scene())
    assert breaks <= 3
    assert "id7" not in got
    assert all(reason.startswith("left: ") for reason in dead)


def test_what_is_no_event_is_a_dead_letter_at_once(redis_server: Server) -> None:
    """Nobody can handle it, and it must not end the loop."""

    async def scene() -> tuple[list[str], list[str]]:
        async with hub(redis_server.url, partitions=1) as one:
            await one.client.xadd(ROOT.partition(0).entries, {"id": "x", "key": "k", "event": "{"})
            await one.put(messages([1]))
            got = await consume_all(redis_server.url, 1)
            return got, [letter.reason async for letter in letters(one.client, ROOT)]

    assert asyncio.run(scene()) == (["id1"], ["unreadable: it is no CloudEvent"])


@pytest.mark.parametrize("target", ["wechat", "stream:", "upstream:orders", "stream:We"])
def test_what_is_no_stream_is_said(target: str) -> None:
    """Before anything is connected to."""

    async def scene() -> None:
        async for _ in wxgate.consume(target):
            pass

    with pytest.raises(ConfigError) as caught:
        asyncio.run(scene())
    assert target in str(caught.value)


def test_importing_wxgate_loads_no_redis() -> None:
    """Only who consumes pays for it."""
    code = (
        "import sys, wxgate, wxgate.cli.work, wxgate.cli.stream; sys.exit('redis' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_workers_need_no_secret_of_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: Server
) -> None:
    """They read the gateway's file, as far as it concerns them."""
    (tmp_path / "wxgate.toml").write_text(
        f'[stream.wechat]\nredis = "{redis_server.url}"\n'
        '[account.shop]\nkind = "official"\nappid = "wx0123456789abcdef"\n'
        'token = "env:NOT_SET"\naes_key = "env:NOT_SET"\n'
        '[[route]]\nto = "stream:wechat"\n'
    )
    monkeypatch.chdir(tmp_path)

    async def scene() -> str:
        async with hub(redis_server.url) as one:
            await one.put(messages([1]))
            async with aclosing(wxgate.consume("stream:wechat", lease=LEASE)) as batches:
                async for (event,) in batches:
                    return event.id
        return ""

    assert asyncio.run(scene()) == "id1"
