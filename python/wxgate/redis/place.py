"""Which server has the keys: the one that is named, the one that Sentinels name, or a Cluster's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hiredis import ReplyError

from wxgate.redis.link import LostError
from wxgate.redis.session import (
    Session,
    UnreachableError,
    logins,
    open_link,
    open_session,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wxgate.redis.link import Link
    from wxgate.redis.script import Script
    from wxgate.redis.session import Address
    from wxgate.settings.redis import RedisPlace

_SENTINEL_WITHIN_S = 0.3
"""The next one is asked after that."""


class Place:
    """Finds the server, and connects to it."""

    def __init__(self, settings: RedisPlace, key: bytes, script: Script | None = None) -> None:
        """Look for the primary that has ``key``, any of ours, and make ``script`` known there.

        Raises ``OSError`` for the CA.
        """
        self._url = settings.url
        self._key = key
        self._script = script
        self._server, self._sentinel = logins(settings)
        self._moved: Address | None = None

    async def open(self) -> Session:
        """Connect to a primary. Raises ``UnreachableError``."""
        session = await open_session(await self.locate(), self._server, self._script)
        if session.about.role not in {"master", ""}:
            session.link.close()
            reason = f"{shown(session.address)}: is a replica, which takes nothing"
            raise UnreachableError(reason)
        return session

    def moved(self, address: Address | None) -> None:
        """Look there the next time, once: a Cluster has said so."""
        self._moved = address

    async def connect(self, address: Address, within: float) -> Link:
        """Connect to a server, whatever it is. Raises ``UnreachableError``."""
        return await open_link(address, self._server, within)

    async def locate(self) -> Address:
        """Say where the primary is. Raises ``UnreachableError``."""
        moved, self._moved = self._moved, None
        if moved is not None:
            return moved
        if self._url.layout == "sentinel":
            return await self._ask_each(self._ask_sentinel)
        if self._url.layout == "cluster":
            return await self._ask_each(self._ask_node)
        return self._url.nodes[0]

    async def _ask_each(self, ask: Callable[[Address], Awaitable[Address]]) -> Address:
        """Ask one after the other until one knows."""
        reasons = []
        for node in self._url.nodes:
            try:
                async with asyncio.timeout(_SENTINEL_WITHIN_S):
                    return await ask(node)
            except UnreachableError as error:
                reasons.append(str(error))
            except (ReplyError, LostError, TimeoutError) as error:
                reasons.append(f"{shown(node)}: {str(error) or 'no answer in time'}")
        raise UnreachableError("; ".join(reasons))

    async def _ask_sentinel(self, node: Address) -> Address:
        link = await open_link(node, self._sentinel, _SENTINEL_WITHIN_S)
        try:
            name = self._url.master.encode()
            found = await link.ask(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name)
        finally:
            link.close()
        if not isinstance(found, list):
            reason = f"{shown(node)}: does not know {self._url.master}"
            raise UnreachableError(reason)
        host, port = found
        return host.decode(), int(port)

    async def _ask_node(self, node: Address) -> Address:
        """A node that has the slot answers; any other says who has."""
        link = await open_link(node, self._server, _SENTINEL_WITHIN_S)
        try:
            await link.ask(b"GET", self._key)
        except ReplyError as error:
            moved = target(str(error), node)
            if moved is None:
                raise
            return moved
        finally:
            link.close()
        return node


def target(error: str, asked: Address) -> Address | None:
    """Who a Cluster's MOVED or ASK names; None for any other error."""
    words = error.split()
    if words[:1] not in (["MOVED"], ["ASK"]) or len(words) < 3:  # noqa: PLR2004 (kind, slot, who)
        return None
    host, _, port = words[2].rpartition(":")
    # Without a host it is the one that was asked, on another port.
    return (host or asked[0], int(port)) if port.isdigit() else None
