"""Waiting for new entries without asking for them: reading is done by script, which cannot wait.

`XREAD BLOCK` from where a share has come to answers as soon as there is more. What it brings is
thrown away; the answer is all that counts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from wxgate.work.connect import close, is_cluster
from wxgate.work.tasks import end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wxgate.work.connect import Client
    from wxgate.work.share import Share

BLOCK = 5.0
"""Seconds after which one looks all the same."""

_Key: TypeAlias = "frozenset[str]"


class Waiting:
    """The calls that wait; in a Redis Cluster one for each share, else one for all."""

    def __init__(self, client: Client) -> None:
        """Wait on connections of ``client``, which must have longer than ``BLOCK`` to answer."""
        self._client = client
        self._open: dict[_Key, asyncio.Task[None]] = {}

    async def wait(self, shares: Sequence[Share], changed: asyncio.Event) -> None:
        """Return when one of ``shares`` may have more, or ``changed`` is set.

        Raises ``redis.RedisError``.
        """
        groups = [[share] for share in shares] if is_cluster(self._client) else [list(shares)]
        wanted = {
            frozenset(one.partition.entries for one in group): group for group in groups if group
        }
        for key in self._open.keys() - wanted.keys():
            await end([self._open.pop(key)])
        loop = asyncio.get_running_loop()
        for key, group in wanted.items():
            if key not in self._open:
                self._open[key] = loop.create_task(self._read(group))
        change = loop.create_task(changed.wait())
        try:
            await asyncio.wait([*self._open.values(), change], return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        ended = [key for key, task in self._open.items() if task.done()]
        tasks = [self._open.pop(key) for key in ended]
        for task in tasks:
            task.result()

    async def _read(self, shares: Sequence[Share]) -> None:
        # Of the type that redis-py declares; dicts are invariant.
        streams: dict[Any, Any] = {share.partition.entries: share.position for share in shares}
        await self._client.xread(streams, count=1, block=round(BLOCK * 1000))

    async def aclose(self) -> None:
        """Wait no more, and disconnect."""
        await end(self._open.values())
        await close(self._client)
