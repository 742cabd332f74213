"""How a gateway stands towards the store: report, metrics and log say the same at each change."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servers.chaos import Chaos, Manner
from wxgate.stores.redis import recovery
from wxgate.testing import message

from .sites import until
from .test_redis_faults import ask, node, now, shared

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from servers.server import Server
    from wxgate.stores.redis.claims import RedisClaims

LOG = logging.getLogger("wxgate.state")
SHARED, ALONE = "state: shared in ", "state: this node's own claims and limits"


def metrics(claims: RedisClaims) -> dict[str, int]:
    """What Prometheus reads, without what all names begin with."""
    lines = (line.rpartition(" ") for line in claims.panel.render() if line[0] != "#")
    return {name.removeprefix("wxgate_state_"): int(count) for name, _, count in lines}


def mode(claims: RedisClaims) -> str:
    """How it stands, as two of the three say."""
    shown, said = metrics(claims), str(claims.report()["mode"])
    assert (shown["shared"], shown["alone"]) == ((1, 0) if said == "shared" else (0, 1)), said
    assert said == "shared" or claims.report()["reason"]
    return said


@dataclass
class Lines(logging.Handler):
    """The lines of the log, each with the mode that the others show at that moment."""

    claims: RedisClaims
    said: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Be a handler."""
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        """Look at the others."""
        self.said.append((record.getMessage(), mode(self.claims)))

    def take(self) -> list[str]:
        """Return the modes that were logged since the last time, if the lines name them."""
        said, self.said = self.said, []
        for text, shown in said:
            assert text.startswith(SHARED if shown == "shared" else ALONE), (text, shown)
        return [shown for _, shown in said]

    __hash__ = object.__hash__


@contextmanager
def watched(claims: RedisClaims) -> Iterator[Lines]:
    """Look at what it logs."""
    lines, level = Lines(claims), LOG.level
    LOG.addHandler(lines)
    LOG.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        LOG.removeHandler(lines)
        LOG.setLevel(level)


async def lost(claims: RedisClaims) -> None:
    """Wait until the store is not in use."""
    await until(lambda: not claims.is_shared)


def test_each_change_is_said_by_all_three(own_redis: Server) -> None:
    """Killed, emptied, stopped: a line each way, and none where nothing has changed."""

    async def run() -> None:
        async with node(own_redis.url, budget=0.3) as here:
            with watched(here) as lines:
                assert mode(here) == "shared"
                own_redis.kill()
                await lost(here)
                assert lines.take() == ["alone"]
                own_redis.start()
                await shared(here)
                assert lines.take() == ["shared"]
                forgotten = here.tally.forgotten
                own_redis.say("FLUSHALL")
                await until(lambda: here.tally.forgotten > forgotten)
                await shared(here)
                assert lines.take() == ["alone", "shared"]
                reconnects = here.tally.reconnects
                own_redis.say("CLIENT", "KILL", "TYPE", "normal")
                await until(lambda: here.tally.reconnects > reconnects)
                assert await ask(here, 1) is True
                assert (lines.take(), mode(here)) == ([], "shared")
                own_redis.pause()
                assert [await ask(here, number) for number in range(2, 5)] == [True] * 3
                await lost(here)
                assert lines.take() == ["alone"]
                own_redis.resume()
                await shared(here)
                assert lines.take() == ["shared"]
            assert metrics(here)["failures_total"] == here.tally.failures == 3

    asyncio.run(run())


def test_one_that_starts_alone_says_so(own_redis: Server, caplog: pytest.LogCaptureFixture) -> None:
    """With the reason, which names the address."""

    async def run() -> None:
        own_redis.kill()
        async with node(own_redis.url) as here:
            assert caplog.messages == [f"{ALONE}: {here.report()['reason']}"]
            assert str(own_redis.port) in caplog.text
            assert mode(here) == "alone"
            with watched(here) as lines:
                own_redis.start()
                await shared(here)
                assert lines.take() == ["shared"]

    with caplog.at_level(logging.INFO, LOG.name):
        asyncio.run(run())


def test_while_it_is_told_the_store_is_not_in_use(
    redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`merging` is alone, and no change; the metrics count what has still to be told."""
    monkeypatch.setattr(recovery, "_BATCH", 1)

    async def run() -> None:
        async with Chaos(redis_server.port) as chaos, node(chaos.url) as here:
            with watched(here) as lines:
                chaos.refuses = True
                chaos.cut()
                await lost(here)
                here.complete([message(number) for number in range(10)], now())
                chaos.calm()
                chaos.down = Manner(delay=0.05)
                await until(lambda: mode(here) == "merging")
                assert lines.take() == ["alone"]
                assert here.report()["untold"]
                await shared(here)
                assert lines.take() == ["shared"]
                assert metrics(here)["untold"] == here.report()["untold"] == 0
                assert metrics(here)["merged_total"] >= 10

    asyncio.run(run())


def test_one_that_stops_says_nothing(
    redis_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """It has not lost the store."""

    async def run() -> None:
        async with node(redis_server.url, budget=1.0):
            caplog.clear()

    with caplog.at_level(logging.INFO, LOG.name):
        asyncio.run(run())
    assert not caplog.messages
