"""Consumers of a group, as tests run them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from streams.hub import ROOT, place
from wxgate.work.connect import connect
from wxgate.work.consumer import Consumer
from wxgate.work.waiting import BLOCK, Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from streams.hub import Hub
    from wxgate.settings.redis import RedisPlace
    from wxgate.work.entry import Entry

LEASE = 0.6
"""Seconds: short, so that a test need not wait for the dead."""
PATIENT = 5.0
"""Where two share and nobody dies: a machine with more to do must not make it look as if."""


def consumer(
    where: str | RedisPlace, name: str, *, group: str = "workers", lease: float = LEASE
) -> Consumer:
    """A consumer, not started."""
    return Consumer(
        connect(place(where), 5.0),
        Waiting(connect(place(where), 5.0 + BLOCK)),
        root=ROOT,
        group=group,
        name=name,
        token=f"{name}:token",
        lease=lease,
    )


@asynccontextmanager
async def working(
    where: str | RedisPlace, name: str = "a", **more: str | float
) -> AsyncIterator[Consumer]:
    """A consumer, from joining to leaving."""
    one = consumer(where, name, **more)  # type: ignore[arg-type]
    one.start()
    try:
        yield one
    finally:
        await one.stop()


async def vanish(one: Consumer) -> None:
    """End a consumer as `kill -9` does: without a word to anybody."""
    for task in one._tasks:  # noqa: SLF001
        task.cancel()
    await asyncio.wait(one._tasks)  # noqa: SLF001
    await one._waiting.aclose()  # noqa: SLF001
    await one._client.aclose()  # noqa: SLF001


async def read(one: Consumer, count: int) -> list[Entry]:
    """Read exactly so many."""
    found: list[Entry] = []
    while len(found) < count:
        found += await one.read(count - len(found))
    return found


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what consumers do by themselves, which no event tells of."""
    while not holds():  # noqa: ASYNC110 (there is none)
        await asyncio.sleep(0.005)


async def until_dealt(*consumers: Consumer, partitions: int) -> None:
    """Wait until everybody has an even share, and together they have all."""

    def dealt() -> bool:
        shares = [one.partitions for one in consumers]
        even = max(map(len, shares)) - min(map(len, shares)) <= 1
        return even and sorted(chain(*shares)) == list(range(partitions))

    await until(dealt)


async def pending(one: Hub, group: str = "workers") -> int:
    """How many entries of a group are in somebody's hands."""
    total = 0
    for number in range(one.partitions):
        groups: Any = await one.client.xinfo_groups(ROOT.partition(number).entries)
        total += sum(each["pending"] for each in groups if each["name"] == group.encode())
    return total


async def until_pending(one: Hub, count: int = 0) -> None:
    """Wait until so many entries are in somebody's hands."""
    while await pending(one) != count:  # noqa: ASYNC110 (another process has it)
        await asyncio.sleep(0.005)
