"""The limits of wxgate, as the tests of ``wxgate.testing`` want them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self

from wxcore import Claims, Limits
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.stores.limits import SharedLimits
from wxgate.stores.redis.claims import RedisClaims

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from servers.server import Server
    from wxcore._wxcore import Received
    from wxgate.stores import Denied, Held

NEVER_LATE_S = 30.0
"""A budget of tests that are about the server alone: no machine is so busy."""


class HandClock:
    """A clock that only tests move; not back, as a machine's steady one."""

    is_set_back = False

    def __init__(self) -> None:
        """An hour after it began."""
        self.now = 3_600_000_000

    async def advance(self, us: int) -> None:
        """Move it."""
        self.now += us

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""


class OwnLimitsSite(HandClock):
    """The limits of one process."""

    def __init__(self) -> None:
        """Nothing used up."""
        super().__init__()
        self._limits = Limits(10_000)

    async def node(self) -> Limits:
        """Return the only ones."""
        return self._limits


class SharedLimitsSite(HandClock):
    """The limits of the workers of one machine."""

    def __init__(self, folder: Path) -> None:
        """In a file in this folder."""
        super().__init__()
        self._path = folder / "limits.sqlite3"
        self._open: list[SharedLimits] = []

    async def node(self) -> SharedLimits:
        """Open the file once more."""
        node = SharedLimits(self._path, 10_000, 2, 1)
        self._open.append(node)
        return node

    async def __aexit__(self, *_: object) -> None:
        """Close the files."""
        for node in self._open:
            node.close()


class RedisNode:
    """What one gateway asks: claims that have the server count, and its own limits behind them."""

    def __init__(self, settings: Redis) -> None:
        """Not in use yet."""
        self._own = _Steady()
        self.claims = RedisClaims(settings, Claims(10_000, 1 << 20, _milliseconds()), self._own)

    async def open(self) -> Self:
        """Start."""
        await self.claims.open()
        assert self.claims.is_shared, self.claims.report()
        return self

    def admit(self, message: Received, now: int) -> Awaitable[Denied | None]:
        """Ask the server, whose clock is the one that counts."""
        del now
        held = self.claims.claim(message, _milliseconds())
        assert isinstance(held, asyncio.Future), held
        return asyncio.ensure_future(_denied(held))

    def leave(self, message: Received) -> None:
        """Free the places of a message."""
        self._own.leave(message)

    async def aclose(self) -> None:
        """Hang up; whatever was asked, the server has answered."""
        tally = self.claims.tally
        await self.claims.aclose()
        assert (tally.late, tally.decided_alone, tally.reconnects) == (0, 0, 0), tally


class RedisLimitsSite:
    """The limits of gateways that share a Redis."""

    is_set_back = True

    def __init__(self, server: Server, url: str = "") -> None:
        """Use an empty server; ``url`` if gateways find it in another way."""
        self._server = server
        self._settings = Redis(url=RedisUrl.parse(url or server.url), budget=NEVER_LATE_S)
        self._nodes: list[RedisNode] = []
        self.now = 0

    async def node(self) -> RedisNode:
        """Start one more gateway's."""
        self._nodes.append(RedisNode(self._settings))
        return await self._nodes[-1].open()

    async def advance(self, us: int) -> None:
        """Have every key be due, and expire, so much sooner; and the clock have been seen so."""
        with self._server.client() as client:
            if (seen := client.get("{wx}:t")) is not None:
                last, ahead = map(int, seen.split())
                client.set("{wx}:t", f"{last - us} {ahead}")
            for key in client.scan_iter(b"{wx}:l*", count=1000):
                arrival, left = client.get(key), client.pttl(key)
                if arrival is not None:
                    client.set(key, int(arrival) - us, px=max(1, left - us // 1000))

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        for node in self._nodes:
            await node.aclose()


class _Steady:
    """A node's own limits, by the clock that a gateway goes by."""

    def __init__(self) -> None:
        self._limits: Any = Limits(10_000)

    def admit(self, message: Received) -> Denied | None:
        denied: Denied | None = self._limits.admit(message, _microseconds())
        return denied

    def hold(self, message: Received) -> Denied | None:
        denied: Denied | None = self._limits.hold(message)
        return denied

    def note(self, message: Received) -> None:
        self._limits.note(message, _microseconds())

    def leave(self, message: Received) -> None:
        self._limits.leave(message)


async def _denied(asked: asyncio.Future[Held | Denied]) -> Denied | None:
    held = await asked
    assert held is True or isinstance(held, tuple), held
    return held if isinstance(held, tuple) else None


def _microseconds() -> int:
    return time.monotonic_ns() // 1000


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
