"""The stores of wxgate, as the tests of ``wxgate.testing`` want them."""

from __future__ import annotations

import asyncio
import mmap
import time
from typing import TYPE_CHECKING, Self

from wxcore import Limits as Counted
from wxcore import SharedClaims as Table
from wxcore._wxcore import Claims
from wxgate.settings.redis import Redis, RedisUrl
from wxgate.stores.claims import Ground, SharedClaims
from wxgate.stores.redis.claims import RedisClaims

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from servers.server import Server
    from wxcore._wxcore import Received

PATIENCE = 10.0


class Clock:
    """The real time, moved on."""

    def __init__(self) -> None:
        """Now."""
        self.ahead = 0

    @property
    def now(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000 + self.ahead

    async def advance(self, ms: int) -> None:
        """Move on."""
        self.ahead += ms

    async def settle(self) -> None:
        """Nothing waits."""

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""


class OwnSite(Clock):
    """The claims of one process."""

    lease_ms = None
    forgets = False

    def __init__(self) -> None:
        """Empty."""
        super().__init__()
        self._claims = Claims(10_000, 1 << 20, self.now)

    async def node(self) -> Claims:
        """Return the only ones."""
        return self._claims

    async def leave(self, node: Any) -> None:
        """Never asked for."""

    async def forget(self) -> None:
        """Never asked for."""


class SharedSite(Clock):
    """The claims of several workers of one machine."""

    lease_ms = 4_000
    forgets = False

    def __init__(self, folder: Path) -> None:
        """Lock a file in this folder."""
        super().__init__()
        self._folder = folder
        self._ground = ground()

    async def node(self) -> SharedClaims:
        """Look at the memory in one more place."""
        return SharedClaims(self._ground, self._folder)

    async def leave(self, node: Any) -> None:
        """There is nothing that it would do."""

    async def forget(self) -> None:
        """Never asked for."""


def ground(capacity: int = 10_000, answer_bytes: int = 1 << 20) -> Ground:
    """Memory for several workers."""
    size = Table.size(capacity, answer_bytes)
    return Ground(memoryview(mmap.mmap(-1, size)), capacity, answer_bytes)


class RedisSite(Clock):
    """The claims of gateways that share a Redis."""

    lease_ms = 4_000
    forgets = True

    def __init__(
        self, server: Server, url: str = "", workers: Path | None = None, **settings: Any
    ) -> None:
        """Use an empty server; ``url`` if gateways find it in another way.

        With ``workers`` each gateway has several, which share memory under a lock in that folder.
        """
        super().__init__()
        self._server = server
        self.settings = Redis(
            url=RedisUrl.parse(url or server.url), **{"budget": 1.0, "lease": 4.0, **settings}
        )
        self.nodes: list[RedisClaims] = []
        self._workers = workers

    async def node(self) -> RedisClaims:
        """Start one more gateway's."""
        local: Any = Claims(10_000, 1 << 20, self.now)
        if self._workers is not None:
            local = SharedClaims(ground(), self._workers / str(len(self.nodes)))
        node = RedisClaims(self.settings, local)
        self.nodes.append(node)
        await node.open()
        assert node.is_shared, node.report()
        return node

    async def leave(self, node: Any) -> None:
        """Hang up without a word."""
        node._exchange.close()  # noqa: SLF001 (as a crash would)
        self.nodes.remove(node)

    async def settle(self) -> None:
        """Wait until all notes are confirmed."""
        for node in self.nodes:
            await node.settle(PATIENCE)

    async def advance(self, ms: int) -> None:
        """Move on, and have every key live so much shorter."""
        await super().advance(ms)
        with self._server.client() as client:
            for key in client.scan_iter(count=1000):
                if (left := client.pttl(key)) > 0:
                    client.pexpire(key, max(1, left - ms))
            while any(0 <= client.pttl(key) <= 1 for key in client.scan_iter(count=1000)):
                pass

    async def forget(self) -> None:
        """Empty the server; wait until each gateway has been alone, and is not any more."""
        before = [node.tally.forgotten for node in self.nodes]
        self._server.say("FLUSHALL")
        for node, count in zip(self.nodes, before, strict=True):
            await until(lambda node=node, count=count: node.tally.forgotten > count)
            await until(lambda node=node: node.is_shared)

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        for node in self.nodes:
            await node.aclose()


class NodeLimits:
    """What a gateway counts by itself, for its claims."""

    def __init__(self) -> None:
        """None yet."""
        self._counted = Counted(100)

    def admit(self, message: Received) -> tuple[int, int] | None:
        """Ask all limits."""
        return self._counted.admit(message, time.monotonic_ns() // 1000)

    def hold(self, message: Received) -> tuple[int, int] | None:
        """Ask those of concurrency."""
        return self._counted.hold(message)

    def note(self, message: Received) -> None:
        """Count what the server has let pass."""
        self._counted.note(message, time.monotonic_ns() // 1000)

    def leave(self, message: Received) -> None:
        """Free a place."""
        self._counted.leave(message)


async def until(holds: Any, patience: float = PATIENCE) -> None:
    """Wait until something holds that tells nobody."""
    async with asyncio.timeout(patience):
        while not holds():  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.002)
